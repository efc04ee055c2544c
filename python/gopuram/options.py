"""What the command can be told."""

from __future__ import annotations

import argparse
import difflib
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator, Sequence
from typing import NoReturn

from . import others, reloading, settings, workers
from ._gopuram import VERSION
from .values import address, level, natural, positive, seconds, several, size, some, variable

_SERVED = """\
MODULE:NAME is an object of a module, MODULE:FACTORY() one that a function makes, and MODULE alone the one that is called
`application`, or else `app`. FILE.toml is a file that says all of this and more, as --config FILE.toml; `gopuram explain` lists
what it can say.
"""

_ADDRESSES = """\
An address is 127.0.0.1:8000, [::1]:8000, unix:/run/app.sock, fd:3 or systemd:NAME. With fastcgi:, scgi: or uwsgi:
before it that is spoken in place of HTTP. Options follow a question mark: unix:/run/app.sock?mode=660&group=www-data.
Without any it is 127.0.0.1:8000, or 0.0.0.0:$PORT where that is set and no file is told.
"""

_SIGNALS = """\
SIGTERM and SIGINT let requests finish, a second one ends at once. SIGUSR1 opens the access log anew. With workers SIGHUP
loads the application anew, SIGTTIN and SIGTTOU have one worker more or fewer, and SIGUSR2 starts a new version in place
of this one. Nothing of it loses a request.

It ends with 0 when it was told to, 1 if something cannot be done, 2 if it was told what has no meaning, and 3 if there is no
application that can be served.

  gopuram serve project.wsgi:application --bind 0.0.0.0:8000 --workers 4 --access-log -
"""

_CHECKED = """\
It ends with 0 if all could be served, and else as `serve` would.

  gopuram check site.toml
"""


class _Parser(ArgumentParser):
    """One that says in a line what is wrong, and where to read on."""

    def __init__(self, **options: object) -> None:
        # gopuram's options are more than those of others begin with.
        super().__init__(**options, allow_abbrev=False)  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"gopuram: {message.removeprefix('argument ')} (see {self.prog} --help)\n")

    def names(self) -> Iterator[str]:
        """All options that are ours."""
        for action in self._actions:
            if action.help is not argparse.SUPPRESS:
                yield from action.option_strings


def read(arguments: Sequence[str] | None) -> tuple[ArgumentParser, Namespace]:
    """What the command was told, and who can refuse it."""
    parser = _Parser(prog="gopuram", description="A WSGI server, and layers in Rust around it.")
    parser.add_argument("--version", action="version", version=f"gopuram {VERSION}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    formatter = argparse.RawDescriptionHelpFormatter
    serve = commands.add_parser(
        "serve",
        usage="gopuram serve [OPTION]... MODULE:NAME | FILE.toml",
        help="serve a WSGI application",
        description="Serve a WSGI application until SIGTERM or SIGINT.",
        epilog="\n".join((_SERVED, _ADDRESSES, _SIGNALS)),
        formatter_class=formatter,
    )
    check = commands.add_parser(
        "check",
        usage="gopuram check [OPTION]... MODULE:NAME | FILE.toml",
        help="say what would be served, or what is wrong",
        description="Load all that `serve` would, with the same options, and say what it is.",
        epilog="\n".join((_SERVED, _CHECKED)),
        formatter_class=formatter,
    )
    for command in (serve, check):
        _add_options(command)
    explain = commands.add_parser("explain", help="list what a file can say", description="List what a file can say.")
    explain.add_argument("names", nargs="*", metavar="NAME", help="layers or tables, for their keys; without any, all of them")
    options, unknown = parser.parse_known_args(arguments)
    told = {"serve": serve, "check": check, "explain": explain}[options.command]
    if unknown:
        told.error(_unknown(unknown[0], told))
    return told, options


def _unknown(word: str, told: _Parser) -> str:
    if not word.startswith("-"):
        return f"{word!r} is one word too many"
    name = word.partition("=")[0]
    near = _near(name, [*told.names(), *others.INSTEAD], 0.75) or _near(name, told.names(), 0.6)
    if near in others.INSTEAD:
        return f"there is no option {name}; {near}: {others.INSTEAD[near]}"
    return f"there is no option {name}" + (f": did you mean {near}?" if near else "")


def _near(name: str, options: Iterable[str], least: float) -> str | None:
    """The option that is most like it, if any is; by their words, for all begin with the same dashes, and of one letter none is meant."""
    words = {option[2:]: option for option in options if option.startswith("--")}
    found = difflib.get_close_matches(name.lstrip("-").replace("_", "-"), words, 1, least)
    return words[found[0]] if found else None


def _add_options(serve: ArgumentParser) -> None:
    serve.add_argument("app", nargs="?", metavar="MODULE:NAME", help="the application, or a file that names it")
    serve.add_argument(
        "-b", "--bind", action="append", type=address, metavar="ADDRESS", help="where to listen, as often as wanted [0.0.0.0:$PORT, or 127.0.0.1:8000]"
    )
    how = serve.add_mutually_exclusive_group()
    how.add_argument("--threads", type=several, metavar="N", help="how many threads call the application [4]")
    how.add_argument(
        "--inline", action="store_true", default=None, help="call it on the thread of the connections, one request at a time"
    )
    serve.add_argument("--chdir", metavar="DIRECTORY", help="go there first; modules are found there")
    serve.add_argument("--pythonpath", metavar="PATHS", help="where else modules are found, joined by colons")
    serve.add_argument(
        "--access-log",
        "--access-logfile",
        metavar="FILE",
        help="an access log, in the combined format; - is the standard output",
    )
    serve.add_argument(
        "--log-level",
        type=level,
        default="info",
        metavar="LEVEL",
        help="what is written to the standard error: error, warn, info, debug or trace [info]",
    )
    serve.add_argument("--queue", type=positive, metavar="N", help="how many requests may wait for a thread [1024]")
    serve.add_argument("--queue-timeout", type=seconds, metavar="TIME", help="for how long they may; then 503 [30s]")
    serve.add_argument(
        "--request-timeout",
        type=seconds,
        metavar="TIME",
        help="for the application to answer; then 504, and another thread unless it was the only one; 0 is for ever [0]",
    )
    serve.add_argument(
        "--drain-timeout", "--graceful-timeout", type=seconds, metavar="TIME", help="for requests to finish at the end [30s]"
    )
    serve.add_argument(
        "--max-spool", type=some, metavar="SIZE", help="the longest request body of unknown length; then 413 [1GiB]"
    )
    serve.add_argument(
        "--environ",
        action="append",
        type=variable,
        default=[],
        metavar="NAME=VALUE",
        help="a variable for every environ, as often as wanted",
    )
    serve.add_argument(
        "-e",
        "--env",
        action="append",
        type=variable,
        default=[],
        metavar="NAME=VALUE",
        help="a variable for the process, before the application is loaded, as often as wanted",
    )
    serve.add_argument(
        "-p", "--pid", metavar="FILE", help="where the number of the process is to be found that hears signals, while it serves"
    )
    # That of a worker has it, and it says nothing.
    serve.add_argument("--as-worker", action="store_true", help=argparse.SUPPRESS)
    settings.add_options(serve)
    reloading.add_options(serve)
    workers.add_options(serve, several, natural, size, seconds)
    others.add_options(serve)
