"""Find an application by its name: ``module:name``, ``module:object.attribute`` or ``module:factory()``."""

from __future__ import annotations

import _thread
import importlib
import importlib.util
import os
import traceback
from types import BuiltinFunctionType
from typing import Any


#: How files of settings end, which other servers are told in place of an application.
_SETTINGS = (".ini", ".cfg", ".yaml", ".yml", ".json")


class NotFound(ValueError):
    """There is no such application, or none that can be served; the message is for the operator."""


def load(name: str) -> Any:
    """Import the application called `name`; without ``:name`` it is called ``application`` or ``app``."""
    module_name, colon, path = name.partition(":")
    if not module_name:
        raise NotFound(f"{name!r} is not the name of an application: write module:name")
    module = _module(module_name, colon + path)
    if not colon:
        return _application(_default(module, module_name), name)
    called = path.endswith("()")
    path = path.removesuffix("()")
    found = module
    for part in path.split("."):
        if not part.isidentifier():
            raise NotFound(f"{name!r} is not the name of an application: write module:name or module:factory()")
        try:
            found = getattr(found, part)
        except BaseException as error:
            if _is_absent(error):
                raise NotFound(f"module {module_name!r} has no {path!r}") from None
            raise NotFound(f"{path!r} of module {module_name!r} cannot be had:\n{traceback_of(error)}") from None
    if called:
        if not callable(found):
            raise NotFound(f"{module_name}:{path} cannot be called, so it is no factory")
        try:
            found = found()
        except BaseException as error:
            raise NotFound(f"{name} failed:\n{traceback_of(error)}") from None
    return _application(found, name)


def _application(found: Any, name: str) -> Any:
    if not callable(found):
        raise NotFound(f"{name} is {type(found).__name__}, which cannot be called: it is no WSGI application")
    return found


def _default(module: Any, name: str) -> Any:
    why = ""
    for path in ("application", "app"):
        try:
            return getattr(module, path)
        except AttributeError as error:
            # Of a module that makes what it is asked for; it may have the other.
            why = why if _is_absent(error) else f"\n{traceback_of(error)}"
        except BaseException as error:
            raise NotFound(f"{path!r} of module {name!r} cannot be had:\n{traceback_of(error)}") from None
    raise NotFound(f"module {name!r} has no `application` and no `app`: write {name}:name{why}")


def _is_absent(error: BaseException) -> bool:
    """Whether this says that there is no such attribute, and no code of the application does."""
    within = error.__traceback__ and error.__traceback__.tb_next
    return isinstance(error, AttributeError) and within is None


def check_threads() -> None:
    """Refuse to serve by threads where greenlets are in their place: started ones run on the thread that starts them, which is the
    server's and gives them no turn, and locks between those of several threads wake nobody."""
    if not isinstance(_thread.start_new_thread, BuiltinFunctionType):
        raise NotFound(
            "threading is patched, so that there are greenlets in place of threads (monkey.patch_all() of gevent, say), by which no "
            "application can be served: leave that out, since threads wait for each other and the network as they are, or use "
            "--inline, by which requests are served one at a time"
        )


def _module(name: str, rest: str) -> Any:
    directory, file = os.path.split(name)
    if directory:
        raise NotFound(f"{name!r} is a path; {_meant(directory, file.removesuffix('.py') + rest)}")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # One that it imports may be missing as well, which is another matter.
        if error.name is None or not (name == error.name or name.startswith(error.name + ".")):
            raise NotFound(f"module {name!r} cannot be imported:\n{traceback_of(error)}") from None
        if name.endswith(_SETTINGS):
            raise NotFound(
                f"{name!r} is no module; what Pyramid has such files for is served by a module of two lines: "
                f"from pyramid.paster import get_app; app = get_app({name!r})"
            ) from None
        if name.endswith(".py") and name == error.name:
            raise NotFound(f"{name!r} is a file; {_meant('', name.removesuffix('.py') + rest)}") from None
        raise NotFound(f"there is no module {error.name!r}; looked in the directory and in PYTHONPATH") from None
    except BaseException as error:
        # One that exits, for lack of a setting, as well.
        raise NotFound(f"module {name!r} cannot be imported:\n{traceback_of(error)}") from None


def _meant(directory: str, name: str) -> str:
    there = "" if directory in ("", ".") else f"--chdir {directory} "
    return f"applications are named by their modules: did you mean {there}{name}?"


def traceback_of(error: BaseException) -> str:
    """The traceback without the frames that are ours or importlib's."""
    frames = traceback.TracebackException.from_exception(error)
    ours = (__file__, importlib.__file__)
    frames.stack = traceback.StackSummary.from_list(
        [f for f in frames.stack if f.filename not in ours and not f.filename.startswith("<frozen importlib")]
    )
    return "".join(frames.format()).rstrip()
