"""Workers and options that fail."""

import re
import signal
import subprocess

import pytest
from conftest import HERE, Server
from fleet import Fleet, ask
from test_serving import GOPURAM

WAITS = r"the next workers wait after=(\d+)ms"


@pytest.fixture
def state(tmp_path):
    """What the next workers do."""
    return tmp_path


def test_those_that_fail_together_are_waited_for_once(state):
    with Fleet(workers=3, STATE=str(state)) as fleet:
        (state / "broken").touch()
        for pid in fleet.pids():
            fleet.kill(pid)
        # Three rounds of three.
        fleet.times("ended before it was ready", 9)
        waits = [int(wait) for wait in re.findall(WAITS, fleet.log())]
        assert len(waits) in (3, 4)
        assert waits == [waits[0] * 2**number for number in range(len(waits))]
        (state / "broken").unlink()
        fleet.times("a worker is ready", 6)


def test_a_reload_is_tried_at_once_whatever_failed_before(state):
    with Fleet(workers=1, STATE=str(state)) as fleet:
        (state / "broken").touch()
        fleet.kill(fleet.pids()[0])
        fleet.times("the next workers wait", 4)
        (state / "broken").unlink()
        fleet.reload(1)
        (state / "broken").touch()
        before = len(re.findall(WAITS, fleet.log()))
        fleet.signal(signal.SIGHUP)
        fleet.times("the next workers wait", before + 1)
        assert int(re.findall(WAITS, fleet.log())[before]) == 100


@pytest.mark.parametrize("workers", [1, 2])
def test_a_version_that_ends_when_it_is_ready_is_not_reloaded(state, workers):
    with Fleet(workers=workers, STATE=str(state)) as fleet:
        before = fleet.pids()
        (state / "dying").touch()
        fleet.signal(signal.SIGHUP)
        fleet.logged("not reloaded: the workers that are there go on")
        (state / "dying").unlink()
        assert fleet.who() in before
        assert "replacing" not in fleet.log().split("not reloaded")[1]
        fleet.reload(1)
        fleet.others_than(before)


def test_an_upgrade_to_what_ends_when_it_is_ready_changes_nothing(state, tmp_path):
    with Fleet("--bind", f"unix:{tmp_path}/socket", workers=1, STATE=str(state)) as fleet:
        before = fleet.pids()
        (state / "dying").touch()
        fleet.signal(signal.SIGUSR2)
        fleet.logged("giving up: the predecessor goes on")
        fleet.logged("the successor did not become ready")
        assert fleet.who() in before
        assert (tmp_path / "socket").is_socket()


def test_one_that_does_not_end_says_what_it_does():
    with Fleet("--drain-timeout", "0.1", workers=1) as fleet:
        worker = fleet.who()
        assert fleet.ask("/hangs_at_the_end").status == 200
        fleet.signal(signal.SIGHUP)
        fleet.logged(f"a worker does not end; killed pid={worker}")
        fleet.ended(worker)
        assert "in sleeps" in fleet.log()
        # It was told to: nothing is to be waited for.
        assert "the next workers wait" not in fleet.log()


def test_the_number_of_workers_survives_an_upgrade():
    with Fleet(workers=1) as fleet:
        fleet.signal(signal.SIGTTIN)
        fleet.times("a worker is ready", 2)
        fleet.upgrade(1)
        fleet.logged("(?s)serving address.*serving address=[^ ]* workers=2")


def test_the_environment_says_how_many_workers_there_are():
    with Server(app="workers:app", WEB_CONCURRENCY="2") as server:
        server.logged("serving address=[^ ]* workers=2")
    with Server("--workers", "1", app="workers:app", WEB_CONCURRENCY="2") as server:
        server.logged("serving address=[^ ]* workers=1")
    with Server(app="workers:app", WEB_CONCURRENCY="") as server:
        assert ask(server, "/several").body == b"False"


def refused(*arguments, **env):
    command = [GOPURAM, "serve", "workers:app", "--bind", "127.0.0.1:0", *arguments]
    done = subprocess.run(command, cwd=HERE, env=env, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2, done
    assert "Traceback" not in done.stderr
    assert "panicked" not in done.stderr
    return done.stderr


def test_an_environment_without_sense_is_told():
    assert "the variable WEB_CONCURRENCY: 'many' is no whole number" in refused(WEB_CONCURRENCY="many")
    assert "the variable WEB_CONCURRENCY: 0 is not from 1 to" in refused(WEB_CONCURRENCY="0")


NUMBERS = "threads queue max-spool workers max-requests max-requests-jitter max-worker-memory"
TIMES = "queue-timeout request-timeout drain-timeout timeout start-timeout max-worker-age"


@pytest.mark.parametrize("option", (NUMBERS + " " + TIMES).split())
def test_numbers_without_sense_are_told(option):
    for number in ("-1", "nan", "inf", "1e308", "x", "", "1" * 30, "1e-9"):
        assert re.search(f"--{option}(/--[a-z-]+)?: ", refused(f"--{option}={number}"))


@pytest.mark.parametrize("option", ["timeout", "start-timeout", "max-worker-age", "drain-timeout", "request-timeout"])
@pytest.mark.parametrize("time", ["0", "0.1", "999999999"])
def test_times_with_sense_are_kept(option, time):
    if (option, time) == ("start-timeout", "0.1"):
        pytest.skip("nobody starts so fast")
    with Fleet(f"--{option}", time, workers=1) as fleet:
        assert fleet.ask().status == 200
