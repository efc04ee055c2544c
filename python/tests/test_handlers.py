"""Handlers of the application for signals: run when they come, whatever the server waits for."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import HERE, MODES, Server
from fleet import Connection, Fleet, ask, request
from test_serving import GOPURAM


def threads(*options, **env):
    return Server("--threads", "2", *options, app="handling:app", **env)


def inline(*options, **env):
    return Server("--inline", *options, app="handling:app", **env)


def worker(*options, **env):
    return Fleet(*options, app="handling:app", workers=1, **env)


EACH = pytest.mark.parametrize("serve", [threads, inline, worker])


@EACH
def test_a_handler_runs_though_nobody_asks(serve):
    with serve() as server:
        pid = int(ask(server).body)
        for sign in (signal.SIGUSR1, signal.SIGALRM):
            os.kill(pid, sign)
            server.logged(f"handled {sign.name}")


@EACH
def test_a_handler_that_fails_is_in_the_log_and_ends_nothing(serve):
    with serve() as server:
        pid = int(ask(server).body)
        os.kill(pid, signal.SIGWINCH)
        server.logged("a handler of a signal failed error=ValueError: the handler fails")
        server.logged(r"(?s)Traceback.*in fails\n.*ValueError: the handler fails")
        os.kill(pid, signal.SIGALRM)
        server.logged("handled SIGALRM")
        assert int(ask(server).body) == pid


def test_a_handler_that_exits_ends_the_server_when_requests_have_finished(fifo):
    with threads() as server, Connection(server) as connection:
        connection.send(request(Fifo=fifo))
        with open(fifo, "w") as answer:
            server.process.send_signal(signal.SIGUSR2)
            server.logged("a handler of a signal ends the server error=SystemExit: 5")
            answer.write("finished")
        assert connection.response().body == b"finished"
        assert server.process.wait(20) == 5
        assert "the end\n" in server.log()
        assert "Traceback" not in server.log()


def test_a_handler_that_exits_has_a_worker_replaced():
    with worker() as fleet:
        before = fleet.who()
        os.kill(before, signal.SIGUSR2)
        fleet.logged(f"replacing a worker pid={before}")
        fleet.ended(before)
        assert fleet.who() != before


@pytest.mark.parametrize("serve", [threads, worker])
def test_a_handler_of_what_the_server_hears_runs_when_requests_have_finished(serve, fifo):
    with serve() as server, Connection(server) as connection:
        connection.send(request(Fifo=fifo))
        with open(fifo, "w") as answer:
            server.process.terminate()
            server.logged("ending")
            assert "handled" not in server.log()
            answer.write("finished")
        assert connection.response().body == b"finished"
        assert server.process.wait(20) == 0
        if serve is threads:
            assert "handled SIGTERM\nthe end\n" in server.log()


@pytest.mark.parametrize("serve", [threads, worker])
def test_who_was_told_of_signals_before_is_told_still(serve):
    with serve(OWN="1") as server:
        pid = int(ask(server).body)
        os.kill(pid, signal.SIGALRM)
        server.logged("handled SIGALRM")
        assert ask(server, "/told").body == b"%d" % signal.SIGALRM


@pytest.mark.parametrize("mode", MODES)
def test_a_process_that_is_forked_tells_nobody(mode):
    with Server(*MODES[mode], app="handling:app") as server:
        assert ask(server, "/forks").body == b"0"
        assert ask(server, "/forks").body == b"0"


@pytest.mark.skipif(os.getuid() != 0 or shutil.which("unshare") is None, reason="only root may have processes of a number")
@pytest.mark.parametrize("mode", MODES)
def test_the_first_process_of_a_container_ends_as_others_do(tmp_path, mode, fifo):
    command = ["unshare", "--pid", "--fork", "--kill-child", GOPURAM, "serve", "handling:app", "--bind", "127.0.0.1:0"]
    log = tmp_path / "log"

    class Contained:
        address = ("127.0.0.1", 0)

    def until(pattern):
        end = time.monotonic() + 20
        while not (found := re.search(pattern, log.read_text())):
            assert process.poll() is None and time.monotonic() < end, log.read_text()
            time.sleep(0.01)
        return found

    options = ["--chdir", str(HERE), *MODES[mode]]
    with open(log, "w") as stderr:
        process = subprocess.Popen([*command, *options], stderr=stderr, env={**os.environ, "FIRST": "1"})
    try:
        Contained.address = ("127.0.0.1", int(until(r"address=127\.0\.0\.1:(\d+)").group(1)))
        first = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0]
        with Connection(Contained) as connection:
            connection.send(request(Fifo=fifo))
            with open(fifo, "w") as answer:
                os.kill(int(first), signal.SIGTERM)
                answer.write("finished")
            assert connection.response().body == b"finished"
        assert process.wait(20) == 0
        assert "the end\n" in log.read_text()
    finally:
        process.kill()
        process.wait()


SERVES = """
import os, signal, sys, threading
import gopuram

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]

def leaves(*_):
    sys.exit(5)

signal.signal(signal.SIGALRM, leaves)
before = os.pipe()
os.set_blocking(before[1], False)
signal.set_wakeup_fd(before[1])
{serve}
assert signal.set_wakeup_fd(-1) == before[1]
assert os.read(before[0], 1)[0] == signal.SIGALRM
print("left")
"""

MAIN = """
threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGALRM)).start()
try:
    gopuram.serve(app, "unix:socket")
except SystemExit as error:
    assert error.code == 5
"""

#: Where the main thread is the program's, handlers run on it as ever.
OTHER = """
thread = threading.Thread(target=gopuram.serve, args=(app, "unix:socket"))
thread.start()
while not os.path.exists("socket"):
    pass
try:
    os.kill(os.getpid(), signal.SIGALRM)
    thread.join()
except SystemExit as error:
    assert error.code == 5
os.kill(os.getpid(), signal.SIGTERM)
thread.join()
"""


@pytest.mark.parametrize("serve", [MAIN, OTHER], ids=["main", "other"])
def test_a_program_has_its_handlers_as_ever(tmp_path, serve):
    script = SERVES.format(serve=serve)
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "left\n", "")
