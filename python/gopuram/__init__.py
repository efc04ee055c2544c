"""A WSGI server, and layers in Rust around WSGI applications.

    import gopuram

    gopuram.serve(app, "127.0.0.1:8000")
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from types import EllipsisType
from typing import TYPE_CHECKING

from . import _gopuram, checks, loading, signals
from ._gopuram import Disconnected, FileWrapper
from .serving import Serving

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

if not getattr(sys, "_is_gil_enabled", lambda: True)():
    # A build without turns it on for us, unless it is told not to.
    raise ImportError("gopuram needs the global interpreter lock, which PYTHON_GIL=0 or -X gil=0 has turned off")

__all__ = ["Disconnected", "FileWrapper", "__version__", "serve"]

__version__: str = _gopuram.VERSION


def serve(
    app: WSGIApplication,
    *addresses: str,
    threads: int = 4,
    inline: bool = False,
    queue: int = 1024,
    queue_timeout: float = 30.0,
    drain_timeout: float | EllipsisType = ...,
    max_spool: int = 1 << 30,
    access_log: str | os.PathLike[str] | None = None,
    environ: Mapping[str, str] | None = None,
    request_timeout: float = 0.0,
    config: str | os.PathLike[str] | None = None,
    certfile: str | os.PathLike[str] | None = None,
    keyfile: str | os.PathLike[str] | None = None,
    forwarded_allow_ips: str | None = None,
) -> None:
    """Serve a WSGI application until SIGTERM or SIGINT.

    addresses
        Where to listen: ``127.0.0.1:8000``, ``unix:/run/app.sock``, and behind front servers ``fastcgi:...``,
        ``scgi:...`` and ``uwsgi:...``. One at least, or a file in `config`, which says it else.
    threads
        How many threads call the application.
    inline
        Call it on the thread of the connections, one request at a time: fastest for an application that never waits, and
        a slow request holds up everything.
    queue, queue_timeout
        How many requests wait for a thread, and for how many seconds, before they are answered 503.
    drain_timeout
        How many seconds requests may take to finish at the end; as the file says, or else 30. A call that cannot be left (inline,
        or an extension that never lets go of the interpreter) ends the process five seconds later.
    max_spool
        The longest body, in bytes, that is kept in a temporary file because its length was not told.
    access_log
        A file for the access log, or ``-`` for the standard output.
    environ
        More variables for every environ.
    request_timeout
        How many seconds the application may take for a request, before it is answered 504 and another thread takes the place of
        the one that is lost; where there is only one, requests wait for it. 0 is for ever. Only for threads.
    config
        A file of TOML with addresses, TLS, limits, deadlines and layers. What it says of the application, of threads, queues and
        workers is for the command, and not heeded here.
    certfile, keyfile
        A chain of certificates and its key, both in PEM, to serve HTTPS with.

    forwarded_allow_ips
        The proxies whose ``X-Forwarded-For`` and ``X-Forwarded-Proto`` say who asks, and how: addresses and networks, joined by commas,
        and ``unix`` for all that comes over a Unix socket; or ``*`` for whoever is connected. Nobody's, if it is not told.

    What becomes of the server is logged by the command alone; here the standard error has the tracebacks of the application, and
    nothing else that it does not write itself.

    Handlers for signals run as ever, those of SIGTERM when requests have finished. What one raises that is no Exception, SystemExit
    say, ends the server in order, and is raised here then; of others there is a traceback.

    A request that has not finished by the end has its thread still, a daemon called ``wsgi-`` and a number. Before Python 3.14 it may
    end the process with SIGABRT if it comes back while the interpreter is taken down, which `os._exit` would rule out.

    Raises OSError if an address cannot be listened on or threads cannot be started, ValueError if an option has no meaning, and TypeError if it is of another
    kind.
    """
    served = _gopuram.Config() if config is None else _gopuram.Config(os.path.abspath(config))
    if addresses or config is None:
        checks.addresses(addresses)
        served = served.bind(list(addresses))
    if certfile is not None or keyfile is not None:
        if certfile is None or keyfile is None:
            raise ValueError("certfile and keyfile belong together")
        served = served.secured(certfile, keyfile)
    if forwarded_allow_ips is not None:
        checks.text(forwarded_allow_ips, "forwarded_allow_ips")
        served = served.forwarded(forwarded_allow_ips)
    how = Serving(
        threads=threads,
        inline=inline,
        queue=queue,
        queue_timeout=queue_timeout,
        drain_timeout=served.settings()["drain_timeout"] if isinstance(drain_timeout, EllipsisType) else drain_timeout,
        max_spool=max_spool,
        access_log=None if access_log is None else checks.path(access_log, "access_log"),
        environ={**dict(served.environ), **(environ or {})},
        request_timeout=request_timeout,
    )
    try:
        with signals.put_back():
            _serve(app, served, how)
    except OSError as error:
        # Which is no mistake for a program that a front server starts, by CGI or FastCGI.
        if str(error).startswith("nothing to listen on"):
            raise ValueError("there is no address to listen on: gopuram.serve(app, '127.0.0.1:8000')") from None
        raise


def _serve(
    app: WSGIApplication,
    config: _gopuram.Config,
    how: Serving,
    *,
    max_requests: int = 0,
    control: _gopuram.Control | None = None,
    pid_file: str | None = None,
    ends: bool = False,
) -> None:
    """As `serve`, for workers, which have the sockets of their supervisor, and for a process that ends with it."""
    if not callable(app):
        raise TypeError(f"{app!r} is not a WSGI application: it cannot be called")
    if how.access_log is not None:
        checks.once(how.access_log, config.logs)
    if not how.inline:
        loading.check_threads()
    signals.serve()
    _gopuram.serve(
        app,
        {
            "config": config,
            "threads": None if how.inline else how.threads,
            "queue": how.queue,
            "queue_timeout": how.queue_timeout,
            "drain_timeout": how.drain_timeout,
            "max_spool": how.max_spool,
            "access_log": how.access_log,
            "environ": list(how.environ.items()),
            "request_timeout": how.request_timeout,
            "max_requests": max_requests,
            "control": control,
            "pid_file": pid_file,
            "ends": ends,
        },
    )
