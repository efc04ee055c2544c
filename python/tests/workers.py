"""What the workers of the tests serve."""

import atexit
import contextlib
import ctypes
import faulthandler
import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
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
if state("gate"):
    # Waits for the test.
    Path(HERE, "gate").read_text()
if state("dying"):
    threading.Timer(0.2, os._exit, (9,)).start()

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


def hangs_at_the_end(environ):
    atexit.register(sleeps, None)
    return ""


def sleeps_long(*_):
    time.sleep(1000)


def forks(environ):
    """How processes end that the application starts and terminates."""
    child = multiprocessing.get_context("fork").Process(target=sleeps_long)
    child.start()
    child.terminate()
    child.join(10)
    program = subprocess.Popen(["sleep", "1000"])
    program.terminate()
    return f"{child.exitcode} {program.wait(10)}"


def orphans(environ):
    """Processes that go on when those have ended that started them."""
    for _ in range(5):
        subprocess.run(["sh", "-c", "sleep 0.01 &"], check=True)
    return ""


def comes_back(environ):
    """A process that does not end by itself, as it should."""
    child = os.fork()
    if child == 0:
        if "HTTP_X_EXIT" in environ:
            raise SystemExit(0)
        return "the child"
    _, status = os.waitpid(child, 0)
    return str(os.waitstatus_to_exitcode(status))


def sockets(environ):
    """Which sockets a program has that is started without care."""
    listed = subprocess.run(["ls", "-l", "/proc/self/fd"], close_fds=False, stdout=subprocess.PIPE, text=True, check=True)
    return str(listed.stdout.count("socket:"))


def told(environ):
    """What programs are told of sockets that were passed."""
    return ",".join(name for name in os.environ if name.startswith("LISTEN_"))


def prints(environ):
    print("nobody wants it", end="")
    return ""


def interprets(environ):
    """What another interpreter makes of it."""
    interpreters = importlib.import_module("_xxsubinterpreters" if sys.version_info < (3, 13) else "_interpreters")
    read, write = os.pipe()
    other = interpreters.create()
    interpreters.run_string(other, f"import os, json; os.write({write}, json.dumps(6 * 7).encode()); os.close({write})")
    interpreters.destroy(other)
    with open(read, "rb") as said:
        return said.read().decode()


def no_threads(environ):
    """From now on no thread can be started."""

    def start(self):
        raise RuntimeError("can't start new thread")

    threading.Thread.start = start
    return ""


def registers(environ):
    faulthandler.register(signal.SIGUSR1)
    return str(os.getpid())


def thread(environ):
    return threading.current_thread().name


def threads(environ):
    return " ".join(sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("wsgi-")))


def input_of(environ):
    with contextlib.suppress(OSError):
        return str(os.read(0, 1))


def length(environ):
    return str(len(environ["wsgi.input"].read()))


def late_length(environ):
    time.sleep(0.997)
    environ["wsgi.errors"].write("reading\n")
    return length(environ)


def app(environ, start_response):
    body = globals()[environ["PATH_INFO"].strip("/") or "who"](environ).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def stream(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"begun"
    time.sleep(1000)
