"""By what the process that hears signals is found."""

import signal
import subprocess
from pathlib import Path

from conftest import HERE, Server
from fleet import Fleet
from test_serving import GOPURAM
from test_workers import state  # noqa: F401


def test_the_file_has_who_listens_while_it_does(tmp_path):
    file = tmp_path / "pid"
    file.write_text("1234567890\n")
    with Server("--pid", str(file)) as server:
        server.logged("listening")
        while (pid := file.read_text()) == "1234567890\n":
            pass
        assert pid == f"{server.process.pid}\n"
        assert server.stop()[0] == 0
        assert list(tmp_path.iterdir()) == []


def test_who_cannot_listen_leaves_the_file_alone(tmp_path):
    file = tmp_path / "pid"
    with Server("--pid", str(file)) as server:
        command = [GOPURAM, "serve", "workers:app", "--bind", f"127.0.0.1:{server.port}", "--pid", str(file)]
        for options in ([], ["--workers", "1"]):
            done = subprocess.run([*command, *options], cwd=HERE, capture_output=True, timeout=60, check=False)
            assert done.returncode == 1, done
            assert file.read_text() == f"{server.process.pid}\n"


def test_the_file_is_the_successors_when_that_serves(tmp_path):
    file = tmp_path / "pid"
    with Fleet("--pid", str(file)) as fleet:
        before = fleet.pid
        assert int(file.read_text()) == before
        fleet.upgrade(1)
        fleet.ended(before)
        assert int(file.read_text()) == fleet.pid != before
        fleet.signal(signal.SIGTERM)
        fleet.ended(fleet.pid)
        assert list(tmp_path.iterdir()) == []


def test_a_successor_that_fails_takes_no_file(state, tmp_path):  # noqa: F811
    file = state / "pid"
    with Fleet("--pid", str(file), STATE=str(state)) as fleet:
        (state / "broken").touch()
        fleet.signal(signal.SIGUSR2)
        fleet.logged("the successor did not become ready")
        assert int(file.read_text()) == fleet.pid


def test_workers_are_told_from_their_supervisor_by_their_command():
    def command(pid):
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")

    with Fleet(workers=2) as fleet:
        workers = fleet.pids()
        for pid in workers:
            worker = command(pid)
            assert worker[worker.index("serve") + 1] == "--as-worker"
            worker.remove("--as-worker")
            assert worker[1:] == command(fleet.pid)[1:]
        fleet.upgrade(1)
        assert "--as-worker" not in command(fleet.pid)
        assert all("--as-worker" in command(pid) for pid in set(fleet.pids()) - set(workers))


def test_a_file_that_is_another_s_is_left_alone(tmp_path):
    file = tmp_path / "pid"
    kept = tmp_path / "notes.txt"
    kept.write_text("precious")
    with Server("--pid", str(file)) as server:
        server.logged("listening")
        for options in ([], ["--workers", "1"]):
            for other, told in ((file, f"process {server.process.pid} has it, and lives"), (kept, "is not the number of a process")):
                command = [GOPURAM, "serve", "workers:app", "--bind", "127.0.0.1:0", "--pid", str(other), *options]
                done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=60, check=False)
                assert done.returncode == 1 and told in done.stderr, done
        assert file.read_text() == f"{server.process.pid}\n"
    assert kept.read_text() == "precious"
