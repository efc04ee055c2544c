"""What the workers of the tests serve."""

import contextlib
import ctypes
import os
import threading
import time
from pathlib import Path

HERE = os.environ.get("STATE")
HELD = []


def state(name):
    return Path(HERE, name).exists() if HERE else False


if state("broken"):
    raise RuntimeError("a version that is broken")
if state("slow"):
    time.sleep(1000)

VERSION = Path(HERE, "version").read_text() if state("version") else "1"


def who(environ):
    return f"{os.getpid()}\n"


def version(environ):
    return VERSION


def several(environ):
    return str(environ["wsgi.multiprocess"])


def held(environ):
    """Never lets go of the interpreter."""
    ctypes.PyDLL(None).sleep(1000)


def waits(environ):
    """Waits for the test, as a database would."""
    with open(environ["HTTP_X_FIFO"]) as fifo:
        return fifo.read()


def sleeps(environ):
    time.sleep(1000)


def grows(environ):
    HELD.append(bytearray(os.urandom(1)) * (64 << 20))
    return str(os.getpid())


def dies(environ):
    os._exit(7)


def thread(environ):
    return threading.current_thread().name


def input_of(environ):
    with contextlib.suppress(OSError):
        return str(os.read(0, 1))


def length(environ):
    return str(len(environ["wsgi.input"].read()))


def app(environ, start_response):
    body = globals()[environ["PATH_INFO"].strip("/") or "who"](environ).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def stream(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"begun"
    time.sleep(1000)
