"""What the command is told: by its options, else by a file, else nothing, which has a default."""

from __future__ import annotations

import os
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from typing import Any

from . import _gopuram, checks, workers
from .serving import Serving

#: Where to listen, as gunicorn hears it too: set by those who run containers for others.
_PORT = "PORT"

#: What an option may leave to the file, or to what is so by default.
_SERVING = "threads inline queue queue_timeout request_timeout drain_timeout max_spool"

#: What holds where neither an option nor the file says otherwise; of workers, `workers` knows.
DEFAULTS: dict[str, Any] = {
    "app": None,
    "chdir": None,
    "pythonpath": None,
    **{name: getattr(Serving, name) for name in _SERVING.split()},
    "workers": None,
    "timeout": None,
    "start_timeout": None,
    "max_requests": None,
    "max_requests_jitter": None,
    "max_worker_age": None,
    "max_worker_memory": None,
}


def add_options(parser: ArgumentParser) -> None:
    """What says where the rest is said, and what a file can say as well."""
    parser.add_argument(
        "-c", "--config", type=_file, metavar="FILE", help="read a TOML file: listeners, layers, workers, environ; options go before it"
    )
    parser.add_argument("--certfile", metavar="FILE", help="serve HTTPS, with this chain of certificates in PEM")
    parser.add_argument("--keyfile", metavar="FILE", help="the key of the first of them")


def _file(name: str) -> str:
    if name.endswith(".py") or name.startswith(("python:", "file:")):
        raise ArgumentTypeError(f"{name!r} is in Python, as for gunicorn; a file here is of TOML")
    return name


def settle(options: Namespace, number: Callable[[str], int], *, is_worker: bool) -> _gopuram.Config:
    """Read the file, fill in what no option says, and look at all of it; what is left of the file is where and with which layers to serve.

    It is the same for all that the command does, so that nothing is refused later, or by one process and not by another; only what
    is for a supervisor is not looked at again by its workers. Logs are not opened: that is for who serves by it, `opened`.

    Raises ArgumentTypeError for what has no meaning, ValueError for what is wrong with the file, and OSError for what is not there.
    """
    config = _read(options)
    if options.app is None:
        raise ArgumentTypeError("what is to be served? MODULE:NAME, or a file with `wsgi` in its table [app]")
    if options.inline and options.request_timeout:
        raise ArgumentTypeError(
            "--request-timeout is for threads: with --inline nobody is left to answer; --timeout ends the process"
        )
    if not is_worker:
        workers.settle(options, number)
    Serving.of(options)
    if options.chdir is not None:
        _go(options)
    if options.access_log is not None:
        _gopuram.check_log(options.access_log)
        checks.once(options.access_log, config.logs)
    return config


def secured(options: Namespace, config: _gopuram.Config) -> _gopuram.Config:
    """With TLS, if options say so; from the directory that `settle` has gone to, and when there is a log for what is no mistake.

    Raises ValueError if one of both is missing, and OSError for what is wrong with the files.
    """
    if not (options.certfile or options.keyfile):
        return config
    if not (options.certfile and options.keyfile):
        raise ValueError("--certfile and --keyfile belong together")
    return config.secured(options.certfile, options.keyfile)


def _read(options: Namespace) -> _gopuram.Config:
    # As for the command of Rust, where it is the one thing to be named.
    if options.config is None and options.app is not None and options.app.endswith(".toml"):
        options.config, options.app = options.app, None
    # It may be read again when the process is elsewhere.
    config = _gopuram.Config.check(os.path.abspath(options.config)) if options.config else _gopuram.Config()
    said = config.settings()
    if isinstance(said.get("pythonpath"), list):
        said["pythonpath"] = os.pathsep.join(os.fspath(path) for path in said["pythonpath"])
    # Each says that the other is not meant.
    if options.threads is not None:
        said.pop("inline", None)
    if options.inline:
        said.pop("threads", None)
    options.of_file = [name for name in said if getattr(options, name, None) is None]
    for name, default in DEFAULTS.items():
        if getattr(options, name) is None:
            setattr(options, name, said.get(name, default))
    options.environ = {**dict(config.environ), **dict(options.environ)}
    if options.config and options.reload:
        options.reload_extra = [*options.reload_extra, os.path.abspath(options.config)]
    bind = options.bind or _by_environment(options)
    if bind:
        config = config.bind(bind)
    return config


def _by_environment(options: Namespace) -> list[str]:
    """Where platforms say that is to be listened, if neither options nor a file do."""
    port = "" if options.config else os.environ.get(_PORT, "")
    if port and not (port.isascii() and port.isdecimal() and int(port) < 1 << 16):
        raise ValueError(f"the variable {_PORT}: {port!r} is no port")
    return [f"0.0.0.0:{port}"] if port else []


def _go(options: Namespace) -> None:
    """Go where the application is.

    Raises OSError, which says who named the directory.
    """
    try:
        os.chdir(options.chdir)
    except OSError as error:
        who = f"{options.config}: `chdir` in [app]:" if "chdir" in options.of_file else "--chdir"
        raise OSError(f"{who} {options.chdir}: {error.strerror}") from None
