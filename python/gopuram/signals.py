"""What becomes of signals that the server does not hear: before it serves, and in processes that the application forks."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

from . import _gopuram

#: By the server in place of Python, or by nobody.
_HEARD = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)

#: A server hears them.
_serves = False


def ignore(*signals: signal.Signals) -> None:
    """Have signals do nothing; programs that are started hear them as ever, which they would not if they were ignored."""
    for sign in signals:
        signal.signal(sign, _nothing)


def begin() -> None:
    """At the start of the command, which may take as long as the application takes to be imported."""
    # That of log rotation, which comes at any time and says nothing to a server without a log.
    ignore(signal.SIGUSR1)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        # Whoever gives up waiting need not see what is imported just then.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if os.getpid() == 1:
        # The first process of a container does not hear what it has no handler for.
        for sign in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sign, _end)


def serve() -> None:
    """Before the server hears signals itself."""
    global _serves
    _serves = True
    if threading.current_thread() is threading.main_thread():
        # The server ends by it; Python would raise KeyboardInterrupt in whatever the application does.
        if signal.getsignal(signal.SIGINT) is not None:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        if signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL:
            ignore(signal.SIGUSR1)
    _look_after_forks()


@contextlib.contextmanager
def put_back() -> Iterator[None]:
    """For a server that ends before the process does: then signals do what they did before, and forks are nobody's concern."""
    global _serves
    is_main = threading.current_thread() is threading.main_thread()
    before = {sign: signal.getsignal(sign) for sign in (signal.SIGINT, signal.SIGUSR1)} if is_main else {}
    try:
        yield
    finally:
        _serves = False
        for sign, handler in before.items():
            if handler is not None and handler is not signal.getsignal(sign):
                signal.signal(sign, handler)


@functools.cache
def _look_after_forks() -> None:
    masks = threading.local()

    def before() -> None:
        # One that comes before the child can hear it is not lost: it waits.
        masks.before = signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)

    def after() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, masks.before)

    def child() -> None:
        if _serves:
            _gopuram.forked()
            _forget()
        after()

    os.register_at_fork(before=before, after_in_parent=after, after_in_child=child)


def _end(*_: Any) -> None:
    # Else it is the server that ends.
    if not _serves:
        os._exit(0)


def _nothing(*_: Any) -> None:
    pass


def _forget() -> None:
    """In a process that the application has forked no server hears signals: they do what Python or the application says."""
    for sign in _HEARD:
        handler = signal.getsignal(sign)
        if handler in (_end, _nothing, None):
            signal.signal(sign, signal.SIG_DFL)
        elif sign in (signal.SIGTERM, signal.SIGINT):
            # Python was not told that the server took it.
            signal.signal(sign, handler)
