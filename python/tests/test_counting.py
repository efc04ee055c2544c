"""What workers have counted, on one page: whoever leaves, dies, or dies while it writes."""

import os
import signal
import struct
import subprocess
import time

import pytest
from conftest import HERE
from fleet import Fleet, Load, request
from test_serving import GOPURAM

METRICS = '[[layer]]\nname = "metrics"\nat = "/metrics"\n'

#: Where the numbers of workers begin in the memory that they share, and how much each of its two copies may have.
BEGIN, ROOM = 4096, 64 << 20


@pytest.fixture
def options(tmp_path):
    (tmp_path / "site.toml").write_text(METRICS)
    return ["--config", str(tmp_path / "site.toml")]


def counted(fleet):
    """How many requests the page tells of, over all workers."""
    page = fleet.ask("/metrics").body.decode()
    return sum(int(line.split()[-1]) for line in page.splitlines() if line.startswith("http_server_requests_total{"))


def counts(fleet, wanted):
    """Waits for the page to tell of so many, whichever worker is asked."""
    for _ in range(3000):
        if [counted(fleet) for _ in range(3)] == [wanted] * 3:
            return
    raise AssertionError(f"{counted(fleet)} are told, not {wanted}")


def active(fleet):
    """How many requests the page says to be in flight."""
    page = fleet.ask("/metrics").body.decode()
    return sum(int(line.split()[-1]) for line in page.splitlines() if line.startswith("http_server_active_requests{"))


def becomes(what, wanted):
    end = time.monotonic() + 20
    while (got := what()) != wanted:
        assert time.monotonic() < end, got


def test_workers_count_together(options):
    with Fleet(*options) as fleet:
        workers = {fleet.who() for _ in range(40)}
        assert len(workers) == 2
        counts(fleet, 40)
        # Who comes in another's place goes on where that one ended.
        fleet.reload(1)
        for pid in workers:
            fleet.ended(pid)
        assert {fleet.who() for _ in range(10)}.isdisjoint(workers)
        counts(fleet, 50)
        killed = fleet.pids()[0]
        os.kill(killed, signal.SIGKILL)
        fleet.ended(killed)
        fleet.times("a worker is ready", 5)
        counts(fleet, 50)


def test_what_was_counted_is_never_less_whoever_is_asked(options):
    with Fleet(*options) as fleet, Load(fleet) as load:
        told = [counted(fleet) for _ in range(300)]
        load.goes_on()
        told += [counted(fleet) for _ in range(300)]
    assert told == sorted(told)
    assert told[-1] > told[0]


@pytest.mark.parametrize("killed", [False, True])
def test_what_is_in_flight_is_told_until_the_worker_that_leaves_has_ended(options, fifo, killed):
    with Fleet(*options, "--threads", "1") as fleet, fleet.connect() as connection:
        connection.send(request("/waits", Fifo=fifo))
        with open(fifo, "w") as end:
            becomes(lambda: active(fleet), 1)
            workers = fleet.pids()
            fleet.reload(1)
            fleet.times("ending: no more connections", 2)
            (busy,) = [pid for pid in workers if has_open(pid, fifo)]
            assert [active(fleet) for _ in range(20)] == [1] * 20
            if killed:
                os.kill(busy, signal.SIGKILL)
            else:
                end.write("finished")
        if not killed:
            assert connection.response().body == b"finished"
        fleet.ended(busy)
        becomes(lambda: active(fleet), 0)


def has_open(pid, path):
    try:
        return str(path) in [os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")]
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("all_but_its_end", [True, False])
def test_who_is_killed_while_it_writes_its_numbers_loses_no_others(options, all_but_its_end):
    with Fleet(*options, workers=1) as fleet:
        for _ in range(40):
            fleet.ask("/who")
        # Both copies are of its numbers, and the older one of less.
        assert counted(fleet) == 40
        (worker,) = fleet.pids()
        memory = shared(fleet.pid)
        os.kill(worker, signal.SIGSTOP)
        with open(memory, "r+b") as file:
            copies = [copy(file, number) for number in range(2)]
            last = max(copies)
            # What it would write next, in place of the older one, but for a piece of it; or its first word alone.
            file.seek(BEGIN + copies.index(min(copies)) * ROOM)
            file.write(struct.pack("=Q", last[0] + 1))
            if all_but_its_end:
                file.write(last[1][:-64] + b"\xff" * 64 + struct.pack("=Q", last[0] + 1))
        os.kill(worker, signal.SIGKILL)
        fleet.ended(worker)
        fleet.times("a worker is ready", 2)
        assert counted(fleet) == 40
        fleet.ask("/who")
        counts(fleet, 41)


def shared(pid):
    """The memory that a supervisor shares with its workers."""
    for name in os.listdir(f"/proc/{pid}/fd"):
        path = f"/proc/{pid}/fd/{name}"
        if os.readlink(path).startswith("/memfd:gopuram"):
            return path
    raise AssertionError("there is none")


def copy(file, number):
    """One copy of the numbers of the first worker: its own number, and what follows."""
    file.seek(BEGIN + number * ROOM)
    own, version, length = struct.unpack("=QQQ", file.read(24))
    return own, struct.pack("=QQ", version, length) + file.read(8 * (length - 2))


def test_more_workers_than_can_be_told_of_are_warned_of(tmp_path, options):
    # None of them but the first is started before that is ready.
    (tmp_path / "slow").touch()
    command = [GOPURAM, "serve", "workers:app", "--workers", "300", "--chdir", str(HERE), "--bind", "127.0.0.1:0", *options]
    env = {**os.environ, "STATE": str(tmp_path)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=env, text=True) as supervisor:
        said = [supervisor.stderr.readline() for _ in range(2)]
        supervisor.kill()
    assert "there are more than 256 workers" in said[0]
    assert "started a worker" in said[1]
