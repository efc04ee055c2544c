"""Worker processes: the command as their supervisor, and as one of them."""

from __future__ import annotations

import faulthandler
import json
import os
import random
import signal
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence

from . import _gopuram, checks, signals

#: Set for a worker: which of all that were started it is.
_NUMBER = "GOPURAM_WORKER"

#: Set for a supervisor that is to take another's place: how many workers that was told by signals to have, if it was.
_SUCCESSOR = "GOPURAM_SUCCESSOR"

#: What a supervisor holds its workers to, as JSON; a file may say something else by the time that one starts.
_HELD_TO = "GOPURAM_HELD_TO"

#: How many workers there are if nothing else is said; gunicorn's, and set by some who run containers.
_DEFAULT = "WEB_CONCURRENCY"

#: The shortest time that means anything to processes, in seconds.
_SHORTEST = 0.1


def add_options(
    parser: ArgumentParser,
    number: Callable[[str], int],
    natural: Callable[[str], int],
    size: Callable[[str], int],
    seconds: Callable[[str], float],
) -> None:
    """What the command is told of workers; nothing of it set is one process without a supervisor."""

    def time(text: str) -> float:
        of = seconds(text)
        try:
            _long_enough(of, text)
        except ValueError as error:
            raise ArgumentTypeError(str(error)) from None
        return of

    workers = parser.add_argument_group(
        "workers", "Processes under a supervisor, which starts others in place of those that end; without any of these options there is one, alone."
    )
    workers.add_argument("-w", "--workers", type=number, metavar="N", help=f"how many processes [{_DEFAULT}, or 1]")
    workers.add_argument(
        "-t", "--timeout", type=time, metavar="TIME", help="how long one may give no sign of life; 0 is for ever [30s]"
    )
    workers.add_argument(
        "--start-timeout", type=time, metavar="TIME", help="how long one may take to be ready; 0 is for ever [60s]"
    )
    workers.add_argument(
        "--max-requests", type=natural, metavar="N", help="after how many requests another takes its place; 0 is never [0]"
    )
    workers.add_argument(
        "--max-requests-jitter", type=natural, metavar="N", help="up to how many more, by chance [0]"
    )
    workers.add_argument(
        "--max-worker-age", type=time, metavar="TIME", help="after how long another takes its place; 0 is never [0]"
    )
    workers.add_argument(
        "--max-worker-memory",
        type=size,
        metavar="SIZE",
        help="with how much of the memory another takes its place; 0 is never [0]",
    )


def settle(options: Namespace, number: Callable[[str], int]) -> None:
    """Say whether there is to be a supervisor, `supervised`, and of how many processes; the environment may say so too.

    Raises ArgumentTypeError if that has no meaning, and ValueError if what a file says has none.
    """
    if options.reload_extra and not options.reload:
        raise ArgumentTypeError("--reload-extra is for --reload")
    told = None if options.reload else os.environ.get(_DEFAULT)
    if options.workers is None and told:
        try:
            options.workers = number(told)
        except ArgumentTypeError as error:
            raise ArgumentTypeError(f"the variable {_DEFAULT}: {error}") from None
    names = "workers timeout start_timeout max_requests max_requests_jitter max_worker_age max_worker_memory"
    options.supervised = options.reload or any(getattr(options, name) is not None for name in names.split())
    if not options.supervised:
        return
    options.workers = 1 if options.workers is None else options.workers
    checks.whole(options.workers, "workers", 1, checks.SEVERAL)
    if options.reload and options.workers > 1:
        of_file = f"; [workers] of {options.config} has {options.workers}, before which --workers 1 goes"
        raise ArgumentTypeError("--reload is for one worker" + (of_file if "workers" in options.of_file else ""))
    for name in ("timeout", "start_timeout", "max_worker_age"):
        time = getattr(options, name)
        if time is not None:
            checks.time(time, name)
            _long_enough(time, f"{name}: {time}")


def inherit() -> None:
    """Take the sockets that were passed, before there are threads, and say nothing of them to any process that this one starts."""
    _gopuram.inherit()
    for name in ("LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID"):
        os.environ.pop(name, None)


def is_worker() -> bool:
    """Whether a supervisor has started this process, which is for no process to believe that this one starts."""
    return os.environ.pop(_NUMBER, None) is not None


def begin(options: Namespace, bind: Sequence[str]) -> tuple[_gopuram.Control, int]:
    """Make this process a worker, before anything of the application is imported; after how many requests it is old.

    Raises ValueError if a file says by now that it is to listen elsewhere than the supervisor does.
    """
    held_to = json.loads(os.environ.pop(_HELD_TO))
    if held_to["listening"] != list(bind):
        raise ValueError("where to listen has changed since the server was started: SIGUSR2 takes that on, SIGHUP does not")
    # What a terminal sends comes to all processes, and is for the supervisor.
    signals.ignore(signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
    # The supervisor sends SIGABRT to one that is stuck; this needs no Python that runs.
    faulthandler.enable(sys.__stderr__ or 2, all_threads=True)
    options.drain_timeout = held_to["drain_timeout"]
    control = _gopuram.worker(list(bind), held_to["timeout"])
    requests = options.max_requests or 0
    if requests:
        requests += random.randint(0, options.max_requests_jitter or 0)  # noqa: S311
    return control, requests


def supervise(options: Namespace, bind: Sequence[str], command: Sequence[str], worker: Sequence[str], directory: str) -> int:
    """Serve by workers, each the command anew, as `worker` has it; what it returns is the status of the process."""
    timeout, drain_timeout = _timeout(options), options.drain_timeout
    os.environ[_HELD_TO] = json.dumps({"listening": list(bind), "timeout": timeout, "drain_timeout": drain_timeout})
    succeeds = os.environ.pop(_SUCCESSOR, None)
    number = int(succeeds) if succeeds and succeeds.isdecimal() else None
    return _gopuram.supervise(
        {
            "bind": list(bind),
            "workers": number or options.workers,
            "succeeds": succeeds is not None,
            "watched": options.reload,
            "timeout": timeout,
            "drain_timeout": drain_timeout,
            "start_timeout": 60.0 if options.start_timeout is None else options.start_timeout,
            "max_worker_age": options.max_worker_age or 0.0,
            "max_worker_memory": options.max_worker_memory or 0,
            "pid_file": options.pid and os.path.abspath(options.pid),
            "program": list(command),
            "worker": list(worker),
            "directory": directory,
        }
    )


def _long_enough(time: float, told: str) -> None:
    if 0 < time < _SHORTEST:
        raise ValueError(f"{told} is too short a time for processes: at least {_SHORTEST}, or 0")


def _timeout(options: Namespace) -> float:
    return 30.0 if options.timeout is None else options.timeout
