"""Worker processes: their lives, their ends, and that no request is lost with them."""

import collections
import contextlib
import os
import re
import signal
import socket
import subprocess
import time

import pytest
from conftest import HERE
from fleet import LOST, Fleet, Load, request
from test_serving import GOPURAM


@pytest.fixture
def state(tmp_path):
    """What the next workers do."""
    return tmp_path


def test_reloads_lose_no_request(state):
    with Fleet(STATE=str(state)) as fleet:
        with Load(fleet) as load:
            for number in range(1, 4):
                (state / "version").write_text(f"version {number}")
                before = fleet.pids()
                fleet.reload(number)
                load.goes_on()
                assert not set(before) & set(fleet.pids())
            assert fleet.ask("/version").body == b"version 3"
        assert load.failed == []
        # A connection that is kept is closed two seconds later, and a request may be on its way then.
        assert [lost for lost in load.lost if not lost[0]] == []
        assert len(load.answers) >= 4
        status, _ = fleet.stop()
    assert status == 0


def test_upgrades_lose_no_request(state, tmp_path):
    address = f"unix:{tmp_path}/socket"
    with Fleet("--bind", address, STATE=str(state)) as fleet:
        with Load(fleet) as load:
            for number in range(1, 4):
                before, workers = fleet.pid, fleet.pids()
                fleet.upgrade(number)
                load.goes_on()
                fleet.ended(before)
                for worker in workers:
                    fleet.ended(worker)
                assert fleet.who() not in workers
        assert load.failed == []
        assert [lost for lost in load.lost if not lost[0]] == []
        assert (tmp_path / "socket").is_socket()
        fleet.signal(signal.SIGTERM)
        fleet.ended(fleet.pid)
        assert not (tmp_path / "socket").exists()


def test_a_worker_that_is_killed_takes_only_its_own_requests_along():
    with Fleet() as fleet:
        killed = []
        with Load(fleet) as load:
            for number in range(1, 4):
                victim = min(fleet.pids())
                killed.append(victim)
                os.kill(victim, signal.SIGKILL)
                fleet.logged(f"another takes its place pid={victim}")
                fleet.times("a worker is ready", 2 + number)
                load.goes_on()
        assert load.failed == []
        # Of connections that were kept those that were lost were the dead's.
        assert {who for used, who, _ in load.lost if used} <= set(killed), load.lost
        # Of the others each client has one at a time.
        assert len(load.lost) <= len(load.clients) * len(killed)
        assert len(fleet.pids()) == 2
        assert fleet.stop()[0] == 0


def test_connections_are_spread_among_the_workers():
    with Fleet(workers=4) as fleet, contextlib.ExitStack() as stack:
        connections = [stack.enter_context(fleet.connect()) for _ in range(64)]
        for connection in connections:
            connection.send(request("/who"))
        spread = collections.Counter(connection.response().body for connection in connections)
        # As the kernel has it one worker takes half of them, and another one or two.
        assert len(spread) == 4
        assert min(spread.values()) >= 8, spread


def test_the_first_that_cannot_be_loaded_ends_the_command(state):
    (state / "broken").touch()
    done = subprocess.run(
        [GOPURAM, "serve", "workers:app", "-w", "3", "--bind", "127.0.0.1:0", "--chdir", str(HERE)],
        env={**os.environ, "STATE": str(state)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 3
    assert done.stderr.count("RuntimeError: a version that is broken") == 1
    assert "no worker came up" in done.stderr


@pytest.mark.parametrize(("end", "status"), [("os._exit(5)", 5), ("os._exit(0)", 3), ("os.kill(os.getpid(), 9)", 3)])
def test_the_status_is_that_of_the_first_that_cannot_serve(tmp_path, end, status):
    (tmp_path / "ends.py").write_text(f"import os\n{end}\n")
    command = [GOPURAM, "serve", "ends:app", "-w", "2", "--bind", "127.0.0.1:0", "--chdir", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "no worker came up" in done.stderr) == (status, True)


@pytest.mark.parametrize(
    ("arguments", "status"), [(["--bind", "nonsense"], 1), (["--chdir", "/nowhere"], 1), (["--workers", "0"], 2)]
)
def test_what_the_supervisor_cannot_do_is_told_before_any_worker_starts(arguments, status):
    command = [GOPURAM, "serve", "nowhere:app", "-w", "2", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == status
    assert "started a worker" not in done.stderr


def test_a_version_that_is_broken_is_not_reloaded(state):
    with Fleet(STATE=str(state)) as fleet:
        before = fleet.pids()
        (state / "broken").touch()
        fleet.signal(signal.SIGHUP)
        fleet.logged("not reloaded: the workers that are there go on")
        assert "RuntimeError: a version that is broken" in fleet.log()
        assert fleet.who() in before
        (state / "broken").unlink()
        fleet.reload(1)
        fleet.others_than(before)


def test_a_version_that_hangs_at_its_start_is_not_reloaded(state):
    with Fleet("--start-timeout", "4", STATE=str(state)) as fleet:
        before = fleet.pids()
        (state / "slow").touch()
        fleet.signal(signal.SIGHUP)
        fleet.logged("a worker is not ready in time; killed")
        fleet.logged("not reloaded")
        # Where it hangs is in the log.
        assert 'workers.py", line' in fleet.log()
        assert fleet.who() in before


def test_an_upgrade_to_what_is_broken_changes_nothing(state, tmp_path):
    with Fleet("--bind", f"unix:{tmp_path}/socket", STATE=str(state)) as fleet:
        before = fleet.pids()
        (state / "broken").touch()
        fleet.signal(signal.SIGUSR2)
        fleet.logged("the successor did not become ready")
        assert fleet.who() in before
        assert (tmp_path / "socket").is_socket()


def test_who_has_a_successor_and_is_told_to_end_cuts_no_request(fifo):
    with Fleet("--threads", "1", workers=1) as fleet, fleet.connect() as connection:
        connection.send(request("/waits", Fifo=fifo))
        with open(fifo, "w") as end:
            before = fleet.pid
            fleet.upgrade(1)
            # The last step of an upgrade of gunicorn.
            os.kill(before, signal.SIGTERM)
            assert fleet.ask("/who").status == 200
            end.write("finished")
        assert connection.response().body == b"finished"
        fleet.ended(before)


def test_one_that_fails_again_and_again_is_waited_for_ever_longer(state):
    with Fleet(workers=1, STATE=str(state)) as fleet:
        (state / "broken").touch()
        os.kill(fleet.pids()[0], signal.SIGKILL)
        fleet.times("the next workers wait", 3)
        first, second, third = map(int, re.findall(r"the next workers wait after=(\d+)ms", fleet.log())[:3])
        assert first in (100, 200)
        assert (second, third) == (2 * first, 4 * first)
        with fleet.connect() as connection:
            # Whoever comes meanwhile waits in the socket, and is served.
            connection.send(request("/who"))
            (state / "broken").unlink()
            assert connection.response().status == 200


def test_more_and_fewer_by_signals():
    with Fleet() as fleet:
        fleet.signal(signal.SIGTTIN)
        fleet.times("a worker is ready", 3)
        assert len(fleet.pids()) == 3
        oldest = fleet.pids()[0]
        fleet.signal(signal.SIGTTOU)
        fleet.logged(f"a worker is not needed any more pid={oldest}")
        fleet.ended(oldest)
        for _ in range(3):
            fleet.signal(signal.SIGTTOU)
        fleet.logged("another number of workers workers=1")
        assert fleet.who() in fleet.pids()


def test_at_the_end_requests_finish_and_nobody_connects_any_more(fifo):
    with Fleet("--threads", "1") as fleet, fleet.connect() as connection:
        connection.send(request("/waits", Fifo=fifo))
        # It is open when the application waits for it.
        with open(fifo, "w") as end:
            fleet.signal(signal.SIGTERM)
            fleet.logged("ending: requests in flight may finish")
            fleet.times("ending: no more connections", 2)
            with pytest.raises(ConnectionRefusedError):
                while fleet.process.poll() is None:
                    fleet.connect().close()
            end.write("finished")
        assert connection.response().body == b"finished"
        assert fleet.process.wait(20) == 0


def test_a_second_signal_ends_at_once(fifo):
    with Fleet() as fleet, fleet.connect() as connection:
        connection.send(request("/waits", Fifo=fifo))
        with open(fifo, "w"):
            workers = fleet.pids()
            fleet.signal(signal.SIGINT)
            fleet.logged("ending: requests in flight may finish")
            fleet.signal(signal.SIGINT)
            assert fleet.process.wait(20) == 0
            with pytest.raises(LOST):
                connection.response()
        for worker in workers:
            fleet.ended(worker)


def test_a_worker_that_is_told_to_end_itself_finishes_and_is_replaced(fifo):
    with Fleet("--threads", "1", workers=1) as fleet, fleet.connect() as connection:
        worker = fleet.who()
        connection.send(request("/waits", Fifo=fifo))
        with open(fifo, "w") as end:
            os.kill(worker, signal.SIGTERM)
            fleet.logged("ending: no more connections")
            end.write("finished")
        assert connection.response().body == b"finished"
        fleet.logged(f"replacing a worker pid={worker}")
        assert fleet.who() != worker


def test_a_manager_that_signals_all_processes_cuts_no_request(fifo):
    with Fleet("--threads", "1", workers=1) as fleet, fleet.connect() as connection:
        worker = fleet.who()
        connection.send(request("/waits", Fifo=fifo))
        with open(fifo, "w") as end:
            # As systemd does unless told otherwise, in whatever order they hear of it.
            os.kill(worker, signal.SIGTERM)
            fleet.signal(signal.SIGTERM)
            os.kill(worker, signal.SIGTERM)
            fleet.logged("ending: no more connections")
            end.write("finished")
        assert connection.response().body == b"finished"
        assert fleet.process.wait(20) == 0


def test_workers_end_with_their_supervisor():
    with Fleet() as fleet:
        workers = fleet.pids()
        fleet.signal(signal.SIGKILL)
        for worker in workers:
            fleet.ended(worker)
        assert "the supervisor is gone" in fleet.log()


def test_after_so_many_requests_another_takes_its_place_before():
    with Fleet("--max-requests", "10", "--max-requests-jitter", "5", workers=1) as fleet:
        seen = [fleet.who() for _ in range(9)]
        assert "worn" not in fleet.log()
        # There is one that answers all the time.
        while len(re.findall(r"replacing a worker pid=\d+ why=worn", fleet.log())) < 3:
            seen.append(fleet.who())
        first = seen[0]
        fleet.ended(first)
        assert seen.count(first) >= 10
        assert len(set(seen)) >= 3


def test_an_old_worker_is_replaced():
    with Fleet("--max-worker-age", "0.5", workers=1) as fleet:
        fleet.times("why=age", 2)
        assert fleet.ask().status == 200


def test_a_worker_that_grows_is_replaced():
    with Fleet("--max-worker-memory", str(80 << 20)) as fleet:
        grown = int(fleet.ask("/grows").body)
        fleet.logged(f"replacing a worker pid={grown} why=memory")
        fleet.ended(grown)
        assert fleet.who() != grown


@pytest.mark.parametrize("mode", [["--threads", "2"], ["--inline"]])
def test_one_that_keeps_the_interpreter_for_ever_is_found(mode):
    with Fleet("--timeout", "1", *mode) as fleet:
        with fleet.connect() as connection:
            connection.send(request("/held"))
            found = fleet.logged(r"a worker gives no sign of life; killed pid=(\d+)")
            with pytest.raises(LOST):
                connection.response()
        assert "in held" in fleet.log()
        fleet.logged(f"another takes its place pid={found.group(1)} status=.signal: 6")
        fleet.times("a worker is ready", 3)
        assert fleet.who() != int(found.group(1))


def test_an_application_that_hangs_where_connections_are_served_is_found():
    with Fleet("--timeout", "1", "--inline") as fleet, fleet.connect() as connection:
        connection.send(request("/sleeps"))
        fleet.logged("a worker gives no sign of life; killed")
        fleet.logged("another takes its place")
        assert "in sleeps" in fleet.log()


def test_threads_that_wait_are_signs_of_life(fifo):
    with Fleet("--timeout", "2", "--threads", "1", workers=1) as fleet, fleet.connect() as connection:
        connection.send(request("/waits", Fifo=fifo))
        with open(fifo, "w") as end:
            with fleet.connect() as other:
                other.socket.settimeout(5)
                other.send(request("/who"))
                # More than twice as long as a worker may be silent.
                with pytest.raises(TimeoutError):
                    other.response()
            end.write("alive")
        assert connection.response().body == b"alive"
        assert "no sign of life" not in fleet.log()


def test_a_worker_that_exits_is_replaced():
    with Fleet() as fleet:
        with fleet.connect() as connection:
            connection.send(request("/dies"))
            with pytest.raises(LOST):
                connection.response()
        fleet.logged("another takes its place pid=\\d+ status=.exit status: 7")
        fleet.times("a worker is ready", 3)


def test_several_processes_are_told_and_a_worker_has_no_input():
    with Fleet() as fleet:
        assert fleet.ask("/several").body == b"True"
        assert fleet.ask("/input_of").body == b"b''"


def test_logs_are_opened_anew_in_all_workers(tmp_path):
    log = tmp_path / "log"
    with Fleet("--access-log", str(log)) as fleet:
        fleet.ask("/who?before")
        while not (log.exists() and "before" in log.read_text()):
            time.sleep(0.01)
        log.rename(tmp_path / "old")
        fleet.signal(signal.SIGUSR1)
        while not log.exists() or "after" not in log.read_text():
            fleet.ask("/who?after")
        assert "before" not in log.read_text()
        assert fleet.stop()[0] == 0


def test_the_service_manager_is_told(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "manager"))
        manager.settimeout(20)

        def said():
            return manager.recv(256).decode()

        with Fleet(NOTIFY_SOCKET=str(tmp_path / "manager")) as fleet:
            assert said() == "READY=1"
            fleet.reload(1)
            assert said().startswith("RELOADING=1\nMONOTONIC_USEC=")
            assert said() == "READY=1"
            fleet.upgrade(1)
            assert said() == "READY=1"
            assert said() == f"MAINPID={fleet.pid}"
            fleet.signal(signal.SIGTERM)
            assert said() == "STOPPING=1"
