"""The command ``gopuram``."""

from __future__ import annotations

import argparse
import atexit
import os
import sys
import threading
from collections.abc import Sequence
from importlib import metadata

from . import _gopuram, _serve, checks, reloading, settings, signals, workers
from .loading import NotFound, load

_ADDRESSES = """\
An address is 127.0.0.1:8000, [::1]:8000, unix:/run/app.sock, fd:3 or systemd:NAME. With fastcgi:, scgi: or uwsgi:
before it that is spoken in place of HTTP. Options follow a question mark: unix:/run/app.sock?mode=660&group=www-data.

SIGTERM and SIGINT let requests finish, a second one ends at once. SIGUSR1 opens the access log anew. With workers SIGHUP
loads the application anew, SIGTTIN and SIGTTOU have one worker more or fewer, and SIGUSR2 starts a new version in place
of this one. Nothing of it loses a request.

  gopuram serve project.wsgi:application --bind 0.0.0.0:8000 --workers 4 --access-log -
"""


def _whole(text: str, least: int, most: int) -> int:
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None
    if not least <= number <= most:
        raise argparse.ArgumentTypeError(f"{number} is not from {least} to {most}")
    return number


def _several(text: str) -> int:
    return _whole(text, 1, checks.SEVERAL)


def _positive(text: str) -> int:
    return _whole(text, 1, checks.MANY)


def _natural(text: str) -> int:
    return _whole(text, 0, checks.MANY)


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not checks.is_time(number):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds: 0, or from 0.001 to a billion")
    return number


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gopuram", description="A WSGI server, and layers in Rust around it.")
    parser.add_argument("--version", action="version", version=f"gopuram {metadata.version('gopuram')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, does, description in (
        ("serve", "serve a WSGI application", "Serve a WSGI application until SIGTERM or SIGINT."),
        ("check", "say what would be served, or what is wrong", "Load all that `serve` would, with the same options, and say what it is."),
    ):
        command = commands.add_parser(
            name,
            help=does,
            description=description,
            epilog=_ADDRESSES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        _add_options(command)
    explain = commands.add_parser("explain", help="list what a file can say", description="List what a file can say.")
    explain.add_argument("name", nargs="?", metavar="NAME", help="a layer or a table, for its keys; without one, all of them")
    return parser


def _add_options(serve: argparse.ArgumentParser) -> None:
    serve.add_argument(
        "app", nargs="?", metavar="MODULE:NAME", help="the application, or MODULE:FACTORY() which makes it"
    )
    serve.add_argument(
        "-b", "--bind", action="append", metavar="ADDRESS", help="where to listen, as often as wanted [127.0.0.1:8000]"
    )
    how = serve.add_mutually_exclusive_group()
    how.add_argument(
        "-t", "--threads", type=_several, metavar="N", help="how many threads call the application [4]"
    )
    how.add_argument(
        "--inline", action="store_true", default=None, help="call it on the thread of the connections, one request at a time"
    )
    serve.add_argument("--chdir", metavar="DIRECTORY", help="go there first; modules are found there")
    serve.add_argument("--pythonpath", metavar="PATHS", help="where else modules are found, joined by colons")
    serve.add_argument("--access-log", metavar="FILE", help="an access log, in the combined format; - is the standard output")
    serve.add_argument(
        "--log-level",
        choices=["error", "warn", "info", "debug", "trace"],
        default="info",
        help="what is written to the standard error [info]",
    )
    serve.add_argument("--queue", type=_positive, metavar="N", help="how many requests may wait for a thread [1024]")
    serve.add_argument(
        "--queue-timeout", type=_seconds, metavar="SECONDS", help="for how long they may; then 503 [30]"
    )
    serve.add_argument(
        "--request-timeout",
        type=_seconds,
        metavar="SECONDS",
        help="for the application to answer; then 504, and another thread; 0 is for ever [0]",
    )
    serve.add_argument(
        "--drain-timeout", type=_seconds, metavar="SECONDS", help="for requests to finish at the end [30]"
    )
    serve.add_argument(
        "--max-spool",
        type=_positive,
        metavar="BYTES",
        help="the longest request body of unknown length; then 413 [1073741824]",
    )
    serve.add_argument(
        "-e",
        "--environ",
        action="append",
        type=_variable,
        default=[],
        metavar="NAME=VALUE",
        help="a variable for every environ, as often as wanted",
    )
    settings.add_options(serve)
    reloading.add_options(serve)
    workers.add_options(serve, _several, _natural, _seconds)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; what it returns is the status of the process."""
    signals.begin()
    workers.inherit()
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command == "explain":
        return _explain(options.name)
    # To be run anew as it was run, where it was run: by the script or as a module, with the options of the interpreter.
    command = [sys.executable, *(sys.orig_argv[1:] if arguments is None else ["-m", "gopuram", *arguments])]
    is_worker = workers.is_worker()
    control, max_requests = None, 0
    try:
        config = settings.settle(options)
        if options.app is None:
            parser.error("what is to be served? MODULE:NAME, or a file with `wsgi` in its table [app]")
        if options.inline and options.request_timeout:
            parser.error(
                "--request-timeout is for threads: with --inline nobody is left to answer; --timeout ends the process"
            )
        checks.variables(options.environ)
        is_supervisor = options.command == "serve" and not is_worker and workers.is_asked_for(options, _several)
        directory = os.getcwd()
        if is_worker:
            control, max_requests = workers.begin(options, config.addresses)
        if options.chdir is not None:
            os.chdir(options.chdir)
        if is_supervisor:
            _gopuram.log_to_stderr(options.log_level)
            return workers.supervise(options, config.addresses, command, directory)
        # As for `python -m`: what is in the directory can be imported.
        sys.path[:0] = [os.getcwd(), *(options.pythonpath or "").split(":")]
        sys.path[:] = dict.fromkeys(path for path in sys.path if path)
        if options.command == "check":
            # That a certificate has expired is no mistake, and is said.
            _gopuram.log_to_stderr("warn")
        app = reloading.load_and_watch(options, control) if control and options.reload else load(options.app)
        if options.command == "check":
            return _check(options, config)
        _gopuram.log_to_stderr(options.log_level)
        _gopuram.keep_memory()
        _serve(
            app,
            config,
            threads=options.threads,
            inline=options.inline,
            queue=options.queue,
            queue_timeout=options.queue_timeout,
            drain_timeout=options.drain_timeout,
            max_spool=options.max_spool,
            access_log=options.access_log,
            environ=options.environ,
            request_timeout=options.request_timeout,
            max_requests=max_requests,
            control=control,
            ends=True,
        )
    except argparse.ArgumentTypeError as error:
        parser.error(str(error))
    except (NotFound, OSError, ValueError) as error:
        return _refuse(str(error))
    if any(thread.name.startswith("wsgi-") for thread in threading.enumerate()):
        # One that is stuck in the application would come back to an interpreter that is being taken down.
        atexit._run_exitfuncs()
        _flush()
        os._exit(0)
    _flush()
    return 0


def _check(options: argparse.Namespace, config: _gopuram.Config) -> int:
    """Say what would be served; that it can be loaded is known."""
    processes = f", {_count(options.workers, 'process', 'processes')}" if options.workers else ""
    how = "inline" if options.inline else _count(options.threads, "thread", "threads")
    print(f"listening {', '.join(config.described)}")
    print(f"serving   {options.app}: {how}{processes}")
    if layers := str(config):
        print(f"\n{layers}")
    return 0


def _count(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"


def _explain(name: str | None) -> int:
    try:
        print(_gopuram.explained(name).rstrip())
    except ValueError as error:
        return _refuse(str(error))
    return 0


def _flush() -> None:
    """Write what the application has printed; nobody may want it any more, which is no failure of the command."""
    for stream, number in ((sys.stdout, 1), (sys.stderr, 2)):
        try:
            stream.flush()
        except OSError:
            # Else the interpreter tries again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)
        except (AttributeError, ValueError):
            pass


def _refuse(why: str) -> int:
    print(f"gopuram: {why}", file=sys.stderr)
    return 1
