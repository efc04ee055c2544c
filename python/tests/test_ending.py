"""The end of a process without a supervisor, whatever the application does, and of a server in one that goes on."""

import errno
import signal
import socket
import subprocess
import sys

import pytest
from client import Cut, request
from conftest import Server
from test_serving import GOPURAM, waits

LOOPS = """
import threading, time

def loops():
    while True:
        time.sleep(0.01)

threading.Thread(target=loops).start()

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]
"""


@pytest.fixture
def looping(tmp_path):
    """The directory of an application with a thread that nothing ends."""
    (tmp_path / "loops.py").write_text(LOOPS)
    return tmp_path


def test_a_thread_of_the_application_does_not_hold_up_the_end(looping):
    with Server("--drain-timeout", "0.1", app="loops:app", directory=looping) as server:
        server.process.terminate()
        assert server.process.wait(20) == 0
        assert "the process does not end by itself" in server.log()
        assert "in loops" in server.log()


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_a_thread_of_the_application(looping, second):
    with Server("--drain-timeout", "1000", app="loops:app", directory=looping) as server:
        server.process.terminate()
        server.logged("ending")
        server.process.send_signal(second)
        assert server.process.wait(20) == 0
        assert "the process does not end by itself" not in server.log()


def test_a_thread_of_the_application_does_not_hold_up_what_cannot_be_served(looping):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        done = subprocess.run(
            [GOPURAM, "serve", "loops:app", "--bind", bind], cwd=looping, capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 1
    assert "in use" in done.stderr


@pytest.mark.parametrize("twice", [False, True])
def test_a_request_inline_does_not_hold_up_the_end(fifo, twice):
    drain = "1000" if twice else "0.1"
    with Server("--inline", "--drain-timeout", drain) as server, server.connect() as connection:
        connection.send(request(waits, headers=[("X-Fifo", str(fifo))]))
        connection.head()
        with open(fifo, "w"):
            # The thread of the connections hears nothing.
            server.process.terminate()
            if twice:
                server.process.send_signal(signal.SIGINT)
            assert server.process.wait(20) == 0
        with pytest.raises(Cut):
            connection.rest()
            connection.rest()
        assert ("in waits" in server.log()) == (not twice)


SERVES = """
import os, signal, sys, threading
import gopuram

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]

heard = []
if "own" in sys.argv:
    signal.signal(signal.SIGTERM, lambda *_: heard.append("own"))
handlers = {sign: signal.getsignal(sign) for sign in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)}
for number in range(2):
    gopuram.serve(app, f"unix:{number}", access_log=os.devnull)
    assert {sign: signal.getsignal(sign) for sign in handlers} == handlers
    heard.clear()
    if "own" in sys.argv:
        os.kill(os.getpid(), signal.SIGTERM)
        assert heard == ["own"], heard
    try:
        os.kill(os.getpid(), signal.SIGINT)
        raise SystemExit("nobody hears it")
    except KeyboardInterrupt:
        pass
    assert threading.active_count() == 1
os.kill(os.getpid(), signal.SIGUSR1 if "own" in sys.argv else signal.SIGTERM)
"""


@pytest.mark.parametrize(("how", "last"), [("plain", signal.SIGTERM), ("own", signal.SIGUSR1)])
def test_signals_do_what_they_did_when_a_server_has_ended(tmp_path, how, last):
    (tmp_path / "serves.py").write_text(SERVES)
    process = subprocess.Popen([sys.executable, "serves.py", how], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    for number, sign in enumerate((signal.SIGTERM, signal.SIGINT)):
        path = tmp_path / f"{number}"
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(20)
            # The file is there before anybody listens.
            while client.connect_ex(str(path)) in (errno.ENOENT, errno.ECONNREFUSED):
                assert process.poll() is None, process.stderr.read()
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert client.recv(1)
        process.send_signal(sign)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == -last, stderr


FEW = """
import threading
import gopuram

start = threading.Thread.start

def few(thread):
    if thread.name == "wsgi-3":
        raise RuntimeError("can't start new thread")
    start(thread)

threading.Thread.start = few
try:
    gopuram.serve(print, "unix:socket")
except OSError as error:
    print(error)
print(threading.active_count())
"""


def test_threads_that_are_too_few_are_let_go_of(tmp_path):
    done = subprocess.run([sys.executable, "-c", FEW], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "no more than 2 of 4 threads start: RuntimeError: can't start new thread\n1\n"


EARLY = """
import os, signal, threading
import gopuram

start = threading.Thread.start

def early(thread):
    threading.Thread.start = start
    os.kill(os.getpid(), signal.SIGTERM)
    start(thread)

threading.Thread.start = early
gopuram.serve(print, "unix:socket")
print("ended")
"""


def test_a_signal_before_the_server_hears_signals_ends_it(tmp_path):
    done = subprocess.run([sys.executable, "-c", EARLY], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ended\n", "")
