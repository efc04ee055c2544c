"""Worker processes: their lives, their ends, and that no request is lost with them."""

import collections
import contextlib
import os
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
from client import Cut
from conftest import HERE, Server
from test_serving import GOPURAM

GET = "GET {} HTTP/1.1\r\nHost: example.org\r\n{}\r\n"


class Fleet(Server):
    """A supervisor and its workers."""

    def __init__(self, *options, app="workers:app", workers=2, **env):
        super().__init__("--workers", str(workers), *options, app=app, **env)
        # It is another process after an upgrade.
        self.pid = self.process.pid
        self.logged("serving address")

    def ask(self, path="/", **fields):
        with self.connect() as connection:
            lines = "".join(f"X-{name}: {value}\r\n" for name, value in fields.items())
            connection.send(GET.format(path, lines).encode())
            return connection.response()

    def who(self):
        return int(self.ask().body)

    def pids(self):
        """The workers that are ready and have not been told to end, by the log."""
        log = self.log()
        ready = re.findall(r"a worker is ready pid=(\d+)", log)
        gone = re.findall(r"(?:replacing a worker|not needed any more|another takes its place|killed) pid=(\d+)", log)
        return [int(pid) for pid in ready if pid not in gone]

    def signal(self, sign):
        os.kill(self.pid, sign)

    def times(self, pattern, count):
        """Waits for the log to have it so often."""
        self.logged(f"(?s)(?:{pattern}.*){{{count}}}")

    def reload(self, count):
        self.signal(signal.SIGHUP)
        self.times(r"fleet: reloaded", count)

    def upgrade(self, count):
        before = self.pid
        self.signal(signal.SIGUSR2)
        self.times(r"the successor is ready", count)
        self.pid = int(re.findall(r"the successor is ready pid=(\d+)", self.log())[-1])
        assert self.pid != before
        self.times("a successor serves", count)

    def logged(self, pattern):
        end = time.monotonic() + 40
        while time.monotonic() < end:
            if found := re.search(pattern, self.log()):
                return found
            if not Path(f"/proc/{getattr(self, 'pid', self.process.pid)}").exists():
                raise AssertionError(f"the server ended: {self.log()}")
            time.sleep(0.02)
        raise AssertionError(self.log())

    def ended(self, pid):
        end = time.monotonic() + 40
        while time.monotonic() < end:
            try:
                state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
            except FileNotFoundError:
                return
            if state == "Z":
                return
            self.process.poll()
            time.sleep(0.02)
        raise AssertionError(f"{pid} goes on: {self.log()}")

    def __exit__(self, *args):
        for pid in {self.pid, *self.pids()}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        super().__exit__(*args)


class Load:
    """Clients that ask all the time, some over connections of their own, some over ones that they keep."""

    def __init__(self, fleet):
        self.fleet = fleet
        self.over = threading.Event()
        self.answers = collections.Counter()
        #: Requests without an answer: whether the connection was kept, who had it, the error.
        self.lost = []
        self.failed = []
        self.clients = [threading.Thread(target=self.client, args=(number % 2 == 0,)) for number in range(4)]

    def client(self, kept):
        connection, who = None, None
        try:
            while not self.over.is_set():
                used = connection is not None
                try:
                    # Whoever cannot connect has lost: that is no worker's doing.
                    connection = connection or self.fleet.connect()
                except OSError as error:
                    self.failed.append(repr(error))
                    continue
                try:
                    connection.send(GET.format("/who", "").encode())
                    response = connection.response()
                    assert response.status == 200, response
                    who = int(response.body)
                    self.answers[who] += 1
                    keeps = kept and response.header("connection") != "close"
                except (Cut, OSError) as error:
                    self.lost.append((used, who if used else None, repr(error)))
                    keeps = False
                if not keeps:
                    connection.close()
                    connection = None
        except BaseException as error:
            self.failed.append(repr(error))

    def __enter__(self):
        for client in self.clients:
            client.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for client in self.clients:
            client.join()

    def goes_on(self, count=50):
        """Waits for so many more answers."""
        before = self.answers.total()
        end = time.monotonic() + 30
        while self.answers.total() < before + count:
            assert time.monotonic() < end, (self.failed, self.fleet.log())
            time.sleep(0.01)


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
            connection.send(GET.format("/who", "").encode())
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
        assert fleet.who() not in before


def test_a_version_that_hangs_at_its_start_is_not_reloaded(state):
    with Fleet("--start-timeout", "2", STATE=str(state)) as fleet:
        before = fleet.pids()
        (state / "slow").touch()
        fleet.signal(signal.SIGHUP)
        fleet.logged("a worker is not ready in time; killed")
        fleet.logged("not reloaded")
        # Where it hangs is in the log.
        assert 'workers.py", line' in fleet.log()
        assert fleet.who() in before


def test_an_upgrade_to_what_is_broken_changes_nothing(state):
    with Fleet(STATE=str(state)) as fleet:
        before = fleet.pids()
        (state / "broken").touch()
        fleet.signal(signal.SIGUSR2)
        fleet.logged("the successor did not become ready")
        assert fleet.who() in before


def test_one_that_fails_again_and_again_is_waited_for_ever_longer(state):
    with Fleet(workers=1, STATE=str(state)) as fleet:
        (state / "broken").touch()
        os.kill(fleet.pids()[0], signal.SIGKILL)
        fleet.times("the next worker waits", 3)
        first, second, third = map(int, re.findall(r"the next worker waits after=(\d+)ms", fleet.log())[:3])
        assert first in (100, 200)
        assert (second, third) == (2 * first, 4 * first)
        with fleet.connect() as connection:
            # Whoever comes meanwhile waits in the socket, and is served.
            connection.send(GET.format("/who", "").encode())
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
        connection.send(GET.format("/waits", f"X-Fifo: {fifo}\r\n").encode())
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
        connection.send(GET.format("/waits", f"X-Fifo: {fifo}\r\n").encode())
        with open(fifo, "w"):
            workers = fleet.pids()
            fleet.signal(signal.SIGINT)
            fleet.logged("ending: requests in flight may finish")
            fleet.signal(signal.SIGINT)
            assert fleet.process.wait(20) == 0
            with pytest.raises((Cut, OSError)):
                connection.response()
        for worker in workers:
            fleet.ended(worker)


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
            connection.send(GET.format("/held", "").encode())
            found = fleet.logged(r"a worker gives no sign of life; killed pid=(\d+)")
            with pytest.raises((Cut, OSError)):
                connection.response()
        assert "in held" in fleet.log()
        fleet.logged(f"another takes its place pid={found.group(1)} status=.signal: 6")
        fleet.times("a worker is ready", 3)
        assert fleet.who() != int(found.group(1))


def test_an_application_that_hangs_where_connections_are_served_is_found():
    with Fleet("--timeout", "1", "--inline") as fleet, fleet.connect() as connection:
        connection.send(GET.format("/sleeps", "").encode())
        fleet.logged("a worker gives no sign of life; killed")
        fleet.logged("another takes its place")
        assert "in sleeps" in fleet.log()


def test_threads_that_wait_are_signs_of_life(fifo):
    with Fleet("--timeout", "1", "--threads", "1", workers=1) as fleet, fleet.connect() as connection:
        connection.send(GET.format("/waits", f"X-Fifo: {fifo}\r\n").encode())
        with open(fifo, "w") as end:
            with fleet.connect() as other:
                other.socket.settimeout(3)
                other.send(GET.format("/who", "").encode())
                # Three times as long as a worker may be silent.
                with pytest.raises(TimeoutError):
                    other.response()
            end.write("alive")
        assert connection.response().body == b"alive"
        assert "no sign of life" not in fleet.log()


def test_a_worker_that_exits_is_replaced():
    with Fleet() as fleet:
        with fleet.connect() as connection:
            connection.send(GET.format("/dies", "").encode())
            with pytest.raises((Cut, OSError)):
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


class TestRequestTimeout:
    """`--request-timeout`, with and without workers."""

    @pytest.fixture
    def server(self):
        with Server("--threads", "1", "--request-timeout", "0.3", "--drain-timeout", "0.1", app="workers:app") as server:
            server.ask = lambda path, **fields: Fleet.ask(server, path, **fields)
            yield server

    def test_the_client_is_told_and_the_traceback_is_in_the_log(self, server):
        assert server.ask("/sleeps").status == 504
        server.logged('line \\d+, in sleeps\n')
        assert 'takes too long; answered 504 request="GET /sleeps"' in server.log()

    def test_another_thread_takes_its_place_up_to_a_bound(self, server):
        assert server.ask("/thread").body == b"wsgi-1"
        assert server.ask("/sleeps").status == 504
        assert server.ask("/thread").body == b"wsgi-2"
        assert server.ask("/sleeps").status == 504
        server.logged("too many threads are lost")

    def test_a_thread_that_comes_back_is_not_needed_any_more(self, server, fifo):
        assert server.ask("/waits", Fifo=fifo).status == 504
        server.logged("another thread takes the place")
        fifo.write_text("too late")
        server.logged("a thread that was lost has come back")
        assert server.ask("/thread").body == b"wsgi-2"
        # There is room for another again.
        assert server.ask("/sleeps").status == 504
        assert server.ask("/thread").body == b"wsgi-3"

    def test_an_answer_that_has_begun_breaks_off(self):
        with Server("--request-timeout", "0.3", "--drain-timeout", "0.1", app="workers:stream") as server:
            with server.connect() as connection:
                connection.send(GET.format("/", "").encode())
                assert connection.head().status == 200
                assert connection.chunk() == b"begun"
                with pytest.raises(Cut):
                    connection.chunk()
            server.logged("the answer breaks off")

    def test_inline_has_nobody_to_answer(self):
        done = subprocess.run(
            [GOPURAM, "serve", "workers:app", "--inline", "--request-timeout", "1"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert "--request-timeout is for threads" in done.stderr

    def test_a_worker_without_threads_is_replaced(self):
        options = ["--threads", "1", "--request-timeout", "0.3", "--drain-timeout", "0.1"]
        with Fleet(*options, workers=1) as fleet:
            worn = fleet.who()
            assert fleet.ask("/sleeps").status == 504
            assert fleet.ask("/sleeps").status == 504
            fleet.logged(f"replacing a worker pid={worn} why=worn")
            fleet.ended(worn)
            assert fleet.who() != worn
