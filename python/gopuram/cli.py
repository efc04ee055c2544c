"""The command ``gopuram``."""

from __future__ import annotations

import argparse
import atexit
import os
import sys
import threading
from collections.abc import Sequence

from . import _gopuram, _serve, reloading, settings, signals, values, workers
from .loading import NotFound, check_threads, load
from .options import read
from .serving import Serving

#: The status where there is nothing to serve, as that of a supervisor whose workers cannot.
_NO_APPLICATION = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; what it returns is the status of the process."""
    _fill_standard_streams()
    signals.begin()
    workers.inherit()
    status = 0
    parser, options = read(arguments)
    if options.command == "explain":
        return _explain(options.names)
    # To be run anew as it was run, where it was run: by the script or as a module, with the options of the interpreter.
    command = [sys.executable, *(sys.orig_argv[1:] if arguments is None else ["-m", "gopuram", *arguments])]
    is_worker = workers.is_worker()
    control, max_requests = None, 0
    if options.command == "check":
        # That a certificate has expired is no mistake, and is said.
        _gopuram.log_to_stderr("warn")
    try:
        directory = os.getcwd()
        config = settings.settle(options, values.several, is_worker=is_worker)
        if options.command == "serve":
            _gopuram.log_to_stderr(options.log_level)
        config = settings.secured(options, config)
        if is_worker:
            control, max_requests = workers.begin(options, config.addresses)
        elif options.command == "serve" and options.supervised:
            return workers.supervise(options, config.addresses, command, _as_worker(command, arguments), directory)
        # As for `python -m`: what is in the directory can be imported.
        sys.path[:0] = [os.getcwd(), *(options.pythonpath or "").split(":")]
        sys.path[:] = dict.fromkeys(path for path in sys.path if path)
        os.environ.update(options.env)
        app = reloading.load_and_watch(options, control) if control and options.reload else load(options.app)
        if not options.inline:
            check_threads()
        if options.command == "check":
            return _check(options, config)
        config = config.opened()
        _gopuram.keep_memory()
        _serve(
            app,
            config,
            Serving.of(options),
            max_requests=max_requests,
            control=control,
            pid_file=os.path.abspath(options.pid) if options.pid and not control else None,
            ends=True,
        )
    except argparse.ArgumentTypeError as error:
        parser.error(str(error))
    except NotFound as error:
        return _refuse(str(error), _NO_APPLICATION)
    except (OSError, ValueError) as error:
        return _refuse(str(error))
    except BaseException as error:
        if isinstance(error, Exception):
            raise
        # Of a handler of the application's for a signal; the log has it.
        status = _status(error)
    if any(thread.name.startswith("wsgi-") for thread in threading.enumerate()):
        # One that is stuck in the application would come back to an interpreter that is being taken down.
        atexit._run_exitfuncs()
        _flush()
        os._exit(status)
    _flush()
    return status


def _fill_standard_streams() -> None:
    """Have no socket get the number of one that is closed: logs would be written to it, and what code in C prints."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # It gets the lowest number that is free.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def _status(error: BaseException) -> int:
    """The status of a process that this ends, as Python has it."""
    code = error.code if isinstance(error, SystemExit) else 1
    if code is None or isinstance(code, int):
        return int(code or 0) & 0xFF
    print(code, file=sys.stderr)
    return 1


def _as_worker(command: Sequence[str], arguments: Sequence[str] | None) -> Sequence[str]:
    """The same command, to be told from its supervisor in a list of processes."""
    told = sys.argv[1:] if arguments is None else [*arguments]
    start = len(command) - len(told)
    if "serve" not in told or [*command[start:]] != told:
        return command
    after = start + told.index("serve") + 1
    return [*command[:after], "--as-worker", *command[after:]]


def _check(options: argparse.Namespace, config: _gopuram.Config) -> int:
    """Say what would be served; that it can be loaded is known.

    Raises OSError for what would show when it is served.
    """
    config.bindable()
    if options.pid:
        _gopuram.check_pid_file(os.path.abspath(options.pid))
    processes = f", {_count(options.workers, 'process', 'processes')}" if options.supervised else ""
    how = "inline" if options.inline else _count(options.threads, "thread", "threads")
    print(f"listening {', '.join(config.described)}")
    print(f"serving   {options.app}: {how}{processes}")
    if layers := str(config):
        print(f"\n{layers}")
    return 0


def _count(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"


def _explain(names: Sequence[str]) -> int:
    try:
        texts = [_gopuram.explained(name) for name in names] or [_gopuram.explained()]
        print("\n\n".join(text.rstrip() for text in texts))
    except ValueError as error:
        return _refuse(str(error))
    except BrokenPipeError:
        # As much was read as was wanted.
        pass
    _flush()
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


def _refuse(why: str, status: int = 1) -> int:
    print(f"gopuram: {why}", file=sys.stderr)
    return status
