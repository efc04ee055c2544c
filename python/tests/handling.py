"""An application with handlers for signals."""

import atexit
import os
import signal
import sys


def say(text):
    os.write(2, f"{text}\n".encode())


def handled(sign, _):
    say(f"handled {signal.Signals(sign).name}")


def fails(*_):
    raise ValueError("the handler fails")


def leaves(*_):
    sys.exit(5)


signal.signal(signal.SIGUSR1, handled)
signal.signal(signal.SIGALRM, handled)
if "FIRST" not in os.environ:
    signal.signal(signal.SIGTERM, handled)
signal.signal(signal.SIGWINCH, fails)
signal.signal(signal.SIGUSR2, leaves)
atexit.register(say, "the end")

if "OWN" in os.environ:
    TOLD = os.pipe()
    os.set_blocking(TOLD[1], False)
    signal.set_wakeup_fd(TOLD[1])


def forks():
    """A process that does not tell its parent of its signals."""
    child = os.fork()
    if child == 0:
        os._exit(signal.set_wakeup_fd(-1) + 1)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/told":
        return [b"%d" % os.read(TOLD[0], 1)[0]]
    if environ["PATH_INFO"] == "/forks":
        return [b"%d" % forks()]
    if "HTTP_X_FIFO" in environ:
        with open(environ["HTTP_X_FIFO"]) as fifo:
            return [fifo.read().encode()]
    return [b"%d" % os.getpid()]
