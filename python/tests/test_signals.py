"""Signals at other times than the usual, and to other processes."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
from conftest import HERE, Server
from fleet import Fleet, ask
from test_serving import GOPURAM

DEAF = (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


@pytest.fixture
def state(tmp_path):
    """What the next workers do."""
    return tmp_path


@pytest.fixture
def gate(state):
    """Has workers wait when they are imported, until it is opened."""
    gate = state / "gate"
    yield gate
    with contextlib.suppress(FileNotFoundError):
        os.close(os.open(gate, os.O_RDWR))


def test_logs_that_are_rotated_end_no_server_without_one():
    with Server(app="workers:app") as server:
        for _ in range(3):
            server.process.send_signal(signal.SIGUSR1)
            assert ask(server).status == 200


def test_logs_that_are_rotated_end_no_server_that_starts(state, gate):
    os.mkfifo(gate)
    environ = {**os.environ, "STATE": str(state)}
    command = [GOPURAM, "serve", "workers:app", "--bind", f"unix:{state}/socket", "--chdir", str(HERE)]
    with subprocess.Popen(command, env=environ) as process:
        with open(gate, "w"):
            # It is imported.
            process.send_signal(signal.SIGUSR1)
        while not (state / "socket").exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.terminate()


def test_who_gives_up_waiting_for_the_start_sees_no_traceback(state, gate):
    os.mkfifo(gate)
    command = [GOPURAM, "serve", "workers:app", "--bind", f"unix:{state}/socket", "--chdir", str(HERE)]
    process = subprocess.Popen(command, env={**os.environ, "STATE": str(state)}, stderr=subprocess.PIPE)
    with open(gate, "w"):
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=20)
    assert (process.returncode, stderr) == (-signal.SIGINT, b"")


def test_signals_to_all_end_no_worker_that_starts(state, gate):
    with Fleet(workers=1, STATE=str(state)) as fleet:
        os.mkfifo(gate)
        fleet.signal(signal.SIGHUP)
        fleet.times("started a worker", 2)
        starting = int(fleet.logged(r"(?s)started a worker.*started a worker pid=(\d+)").group(1))
        # From its first instruction on.
        for number in range(100):
            os.kill(starting, DEAF[number % len(DEAF)])
            time.sleep(0.001)
        with open(gate, "w"):
            pass
        fleet.logged("reloaded")
        assert fleet.who() == starting


def test_workers_that_start_end_with_their_supervisor(state):
    with Fleet(workers=1, STATE=str(state)) as fleet:
        (state / "slow").touch()
        fleet.signal(signal.SIGHUP)
        starting = int(fleet.logged(r"(?s)started a worker.*started a worker pid=(\d+)").group(1))
        fleet.signal(signal.SIGKILL)
        fleet.ended(starting)


@pytest.mark.parametrize("killed", [True, False])
def test_a_successor_that_ends_early_takes_its_workers_along(state, killed):
    with Fleet(workers=1, STATE=str(state)) as fleet:
        (state / "slow").touch()
        fleet.signal(signal.SIGUSR2)
        found = fleet.logged(r"(?s)started a successor pid=(\d+).*started a worker pid=(\d+)")
        successor, starting = map(int, found.groups())
        if killed:
            os.kill(successor, signal.SIGKILL)
        else:
            fleet.signal(signal.SIGTERM)
        fleet.ended(successor)
        fleet.ended(starting)
        if killed:
            assert fleet.ask().status == 200
        else:
            assert fleet.process.wait(20) == 0


@pytest.mark.parametrize("serve", [Server, Fleet])
def test_what_the_application_starts_can_be_terminated(serve):
    with serve(app="workers:app") as server:
        assert ask(server, "/forks").body == b"-15 -15"
        # It goes on itself.
        assert ask(server, "/forks").body == b"-15 -15"


@pytest.mark.parametrize("mode", [["--threads", "2"], ["--inline"]])
def test_what_the_application_forks_does_not_serve(mode):
    with Server(*mode, app="workers:app") as server:
        for fields in ({}, {"Exit": "1"}, {}):
            assert ask(server, "/comes_back", **fields).body == b"1"
        server.logged("a process that the application has forked came back to the server")
        server.process.terminate()
        assert server.process.wait(20) == 0


@pytest.mark.skipif(os.getuid() != 0 or shutil.which("unshare") is None, reason="only root may have processes of a number")
@pytest.mark.parametrize("workers", [[], ["--workers", "1"]])
def test_the_first_process_of_a_container_ends_while_it_starts(state, gate, workers):
    os.mkfifo(gate)
    command = ["unshare", "--pid", "--fork", "--kill-child", GOPURAM, "serve", "workers:app", "--bind", f"unix:{state}/s"]
    with subprocess.Popen([*command, "--chdir", str(HERE), *workers], env={**os.environ, "STATE": str(state)}) as process:
        with open(gate, "w"):
            # It is imported.
            first = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0]
            os.kill(int(first), signal.SIGTERM)
            assert process.wait(20) == 0


@pytest.mark.skipif(os.getuid() != 0 or shutil.which("unshare") is None, reason="only root may have processes of a number")
def test_the_supervisor_of_a_container_lets_go_of_processes_without_parents(tmp_path):
    class Contained:
        address = ("127.0.0.1", 0)

    with socket.create_server(("127.0.0.1", 0)) as free:
        Contained.address = free.getsockname()
    bind = "{}:{}".format(*Contained.address)
    log = tmp_path / "log"
    command = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", GOPURAM, "serve", "workers:app", "--bind", bind]

    def until(condition):
        end = time.monotonic() + 20
        while not condition():
            assert process.poll() is None
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.01)

    with open(log, "w") as stderr, subprocess.Popen([*command, "--chdir", str(HERE), "--workers", "1"], stderr=stderr) as process:
        try:
            until(lambda: "serving address" in log.read_text())
            supervisor = int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text())
            children = Path(f"/proc/{supervisor}/task/{supervisor}/children")
            for _ in range(3):
                assert ask(Contained, "/orphans").status == 200
            until(lambda: len(children.read_text().split()) == 1)
            # What became of a worker is known still.
            os.kill(int(children.read_text()), signal.SIGKILL)
            until(lambda: "signal: 9" in log.read_text())
            assert ask(Contained, "/orphans").status == 200
            until(lambda: len(children.read_text().split()) == 1)
            os.kill(supervisor, signal.SIGTERM)
            assert process.wait(20) == 0
        finally:
            process.kill()


def test_an_application_may_have_the_signal_of_logs_for_itself():
    for serve in (Server, Fleet):
        with serve(app="workers:app") as server:
            process = int(ask(server, "/registers").body)
            os.kill(process, signal.SIGUSR1)
            server.logged("most recent call first")
            assert ask(server).status == 200


@pytest.mark.parametrize("stuck", [False, True])
def test_what_nobody_wants_to_read_is_no_failure(stuck):
    with Server("--drain-timeout", "0.1", app="workers:app") as server:
        assert ask(server, "/prints").status == 200
        server.process.stdout.close()
        server.process.stdout = None
        if stuck:
            with socket.create_connection(server.address) as connection:
                connection.sendall(b"GET /sleeps HTTP/1.1\r\nHost: a\r\n\r\n")
                assert ask(server).status == 200
                server.process.terminate()
                assert server.process.wait(20) == 0
        else:
            server.process.terminate()
            assert server.process.wait(20) == 0
        assert "BrokenPipe" not in server.log()


@pytest.mark.parametrize("workers", [[], ["--workers", "1"]])
def test_no_program_has_sockets_that_were_passed(state, workers):
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    script = (
        'import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.closerange(5, 100);'
        'os.environ["LISTEN_FDS"] = "2"; os.environ["LISTEN_FDNAMES"] = "used:unused"; os.execv(sys.argv[3], sys.argv[3:])'
    )
    numbers = [listener.fileno() + 20 for listener in listeners]
    for listener, number in zip(listeners, numbers, strict=True):
        os.dup2(listener.fileno(), number)
    command = [GOPURAM, "serve", "workers:app", "--bind", "systemd:used", "--chdir", str(HERE), *workers]
    arguments = ["python3", "-c", script, *map(str, numbers), *command]
    with subprocess.Popen(arguments, pass_fds=numbers, stdin=subprocess.DEVNULL) as process:
        for number in numbers:
            os.close(number)

        class Passed:
            address = listeners[0].getsockname()

        try:
            assert ask(Passed, "/sockets").body == b"0"
            assert ask(Passed, "/told").body == b""
        finally:
            process.terminate()
