"""Serve the application anew when one of its files changes, for who is developing it.

A worker looks at what it has loaded, and tells its supervisor, which starts another in its place. A version that cannot be loaded
is one as well: it answers why.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import TYPE_CHECKING, Any

from . import _gopuram
from .loading import NotFound, load

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: How often the files are looked at, in seconds.
_EVERY = 0.5

#: How old a file has to be for its bytecode to be believed: the cache tells versions apart by whole seconds.
_OLD = 2


def add_options(parser: ArgumentParser) -> None:
    """What the command is told of it."""
    parser.add_argument(
        "--reload", action="store_true", help="serve anew when a file of the application changes, by one worker; to develop"
    )
    parser.add_argument(
        "--reload-extra",
        "--reload-extra-file",
        action="append",
        default=[],
        metavar="FILE",
        help="another file that is looked at, as often as wanted",
    )


def load_and_watch(options: Namespace, control: _gopuram.Control) -> Any:
    """The application, or one in its stead that says why there is none; the supervisor is told when it is not up to date."""
    files = _Files([os.path.abspath(path) for path in options.reload_extra])
    threading.Thread(target=_watch, args=(files, control), name="reload", daemon=True).start()
    try:
        return load(options.app)
    except NotFound as error:
        why = str(error)
    files.look_for_new()
    print(f"gopuram: {why}\ngopuram: waiting for a change", file=sys.stderr)
    return _instead(why)


def _watch(files: _Files, control: _gopuram.Control) -> None:
    while True:
        time.sleep(_EVERY)
        changed = files.changed()
        if changed is not None:
            print(f"gopuram: {changed} has changed", file=sys.stderr)
            control.changed()


def _instead(why: str) -> WSGIApplication:
    body = why.encode("utf-8", "backslashreplace")

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        fields = [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store")]
        start_response("500 Internal Server Error", fields)
        return [body]

    return app


class _Files:
    """The files that this process has loaded, or wanted to, and what they were like."""

    def __init__(self, extra: list[str]) -> None:
        self.extra = extra
        #: The time and the length of each; None of one that is not there.
        self.known: dict[str, tuple[float, int] | None] = {path: _stat(path) for path in extra}
        #: Where files were missed, what there is; empty if nothing is missed.
        self.names: dict[str, frozenset[str]] = {}
        self._note_sources()

    def _note_sources(self) -> None:
        """Have the importer say what it reads, when it does: a file may change before it is looked at, and be loaded in vain."""
        stats = SourceFileLoader.path_stats

        def path_stats(loader: SourceFileLoader, path: str) -> Any:
            found = stats(loader, path)
            self.known[os.path.abspath(path)] = (found["mtime"], found["size"])
            if time.time() - found["mtime"] < _OLD:
                raise OSError("too new for the cache of bytecode")
            return found

        SourceFileLoader.path_stats = path_stats  # type: ignore[assignment, method-assign]

    def _paths(self) -> Iterator[str]:
        yield from list(self.known)
        for module in list(sys.modules.values()):
            # Modules may be objects that import others when they are asked for anything.
            if issubclass(type(module), ModuleType):
                path = module.__dict__.get("__file__")
                if isinstance(path, str):
                    yield os.path.abspath(path)

    def look_for_new(self) -> None:
        """From now on a module that appears beside those that were read is a change: it may have been missed."""
        directories = {os.path.dirname(path) for path in self.known} | {os.path.abspath(path) for path in sys.path}
        self.names = {directory: _names(directory) for directory in directories}

    def changed(self) -> str | None:
        """Something that is another than it was, if anything is; told once."""
        for path in self._paths():
            stat = _stat(path)
            before = self.known.setdefault(path, stat)
            # Editors replace files, and there may be none for a moment.
            if stat is not None and stat != before:
                self.known[path] = stat
                return path
        for directory, names in self.names.items():
            now = _names(directory)
            if now != names:
                self.names[directory] = now
                if now - names:
                    return os.path.join(directory, min(now - names))
        return None


def _stat(path: str) -> tuple[float, int] | None:
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_mtime, stat.st_size


def _names(directory: str) -> frozenset[str]:
    """What may be modules and packages there."""
    try:
        with os.scandir(directory) as entries:
            return frozenset(
                entry.name for entry in entries if entry.name.endswith((".py", ".so")) or _is_package(entry)
            )
    except OSError:
        return frozenset()


def _is_package(entry: os.DirEntry[str]) -> bool:
    return entry.name.isidentifier() and entry.name != "__pycache__" and entry.is_dir()
