"""Logs: who opens them, that nothing is kept of those that were moved away, and that nothing is in one twice."""

import contextlib
import os
import shutil
import signal
import time

import pytest
from fleet import Fleet
from test_config import APP
from test_serving import run

import gopuram

LAYER = '[[layer]]\nname = "access_log"\nfile = "%s"\n'


@pytest.fixture
def site(tmp_path):
    (tmp_path / "shop.py").write_text(APP)
    (tmp_path / "site.toml").write_text(LAYER % "layer.log")
    return tmp_path


def held(pid, directory):
    """Which files in a directory a process has open."""
    files = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            files.append(os.readlink(f"/proc/{pid}/fd/{name}"))
    return [file for file in files if file.startswith(f"{directory}/")]


def eventually(what, wanted):
    end = time.monotonic() + 20
    while (got := what()) != wanted:
        assert time.monotonic() < end, got
        time.sleep(0.01)


def test_check_makes_no_log(site):
    done = run("check", "shop:app", "--config", "site.toml", "--access-log", "own.log", cwd=site)
    assert (done.returncode, done.stderr) == (0, "")
    assert list(site.glob("*.log")) == []


@pytest.mark.parametrize("log", ["nowhere/layer.log", ".", "shop.py/layer.log", "closed/layer.log"])
@pytest.mark.parametrize("workers", [[], ["--workers", "2"]])
def test_check_says_of_a_log_what_serve_says(site, log, workers):
    (site / "closed").mkdir()
    (site / "closed").chmod(0o555)
    (site / "site.toml").write_text(LAYER % log)
    command = ["shop:app", "--config", "site.toml", "--bind", "127.0.0.1:0", *workers]
    # Root may write everywhere, unless it is kept from that.
    bound = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.getuid() == 0 else []
    if log.startswith("closed") and bound and not shutil.which("setpriv"):
        pytest.skip("root may write everywhere")
    check, serve = (run(which, *command, cwd=site, within=bound) for which in ("check", "serve"))
    assert check.returncode == serve.returncode == 1
    assert check.stderr == serve.stderr
    assert str(site / log) in check.stderr and "(os error " in check.stderr


@pytest.mark.parametrize("workers", [[], ["--workers", "2"]])
@pytest.mark.parametrize("option", [["--access-log", "pipe"], ["--config", "site.toml"]])
def test_a_log_that_nobody_reads_ends_it_with_the_same_status_by_whoever_opens_it(site, option, workers):
    os.mkfifo(site / "pipe")
    (site / "site.toml").write_text(LAYER % "pipe")
    done = run("serve", "shop:app", "--bind", "127.0.0.1:0", *option, *workers, cwd=site)
    assert done.returncode == 1, done
    assert "nobody reads from it" in done.stderr


def test_a_supervisor_holds_no_log_and_workers_none_that_was_moved_away(site):
    logs = [site / "layer.log", site / "own.log"]
    with Fleet("--config", str(site / "site.toml"), "--access-log", str(logs[1]), app="shop:app", directory=site) as fleet:
        fleet.ask("/before")
        for log in logs:
            eventually(lambda log=log: log.exists() and "before" in log.read_text(), True)
        assert held(fleet.pid, site) == []
        for log in logs:
            log.unlink()
        fleet.signal(signal.SIGUSR1)
        processes = [fleet.pid, *fleet.pids()]
        assert len(processes) == 3
        for pid in processes:
            eventually(lambda pid=pid: [file for file in held(pid, site) if file.endswith("(deleted)")], [])
        fleet.ask("/after")
        for log in logs:
            eventually(lambda log=log: log.exists() and "after" in log.read_text(), True)


TWICE = {
    "itself": ("layer.log", LAYER % "layer.log"),
    "another way there": ("../{name}/./layer.log", LAYER % "layer.log"),
    "a link": ("link.log", LAYER % "layer.log"),
    "the standard output": ("-", '[[layer]]\nname = "access_log"\n'),
    "the standard output as a file": ("/dev/stdout", '[[layer]]\nname = "access_log"\n'),
    "the standard output as a file of the layer": ("-", LAYER % "/dev/stdout"),
}


@pytest.mark.parametrize("case", TWICE)
@pytest.mark.parametrize("workers", [[], ["--workers", "2"]])
def test_no_request_is_twice_in_a_log(site, case, workers):
    log, text = TWICE[case]
    (site / "site.toml").write_text(text)
    (site / "link.log").symlink_to("layer.log")
    options = ["--access-log", log.format(name=site.name), "--config", "site.toml", "--bind", "127.0.0.1:0", *workers]
    for command in ("check", "serve"):
        done = run(command, "shop:app", *options, cwd=site)
        assert done.returncode == 1
        assert "is written by a layer `access_log` of the file as well, and would have each request twice" in done.stderr
    assert list(site.glob("layer*")) == []
    with pytest.raises(ValueError, match="would have each request twice"):
        gopuram.serve(print, "unix:/nowhere/socket", config=site / "site.toml", access_log=log if log in ("-", "/dev/stdout") else str(site / "layer.log"))


def test_the_log_of_an_option_and_others_of_a_file_are_written(site):
    with Fleet("--config", str(site / "site.toml"), "--access-log", "-", app="shop:app", directory=site) as fleet:
        fleet.ask("/once")
        _, out = fleet.stop()
    assert out.count(b"/once") == (site / "layer.log").read_text().count("/once") == 1
