"""`--reload`: what is on disk is what is served."""

import time

import pytest
from fleet import Fleet, Load
from test_workers_failing import refused

APP = """
import os
{imports}

def app(environ, start_response):
    body = str({says}).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


@pytest.fixture
def write(tmp_path):
    def write(says="os.getpid()", imports=""):
        (tmp_path / "application.py").write_text(APP.format(says=says, imports=imports))

    write.beside = lambda name, text: (tmp_path / name).write_text(text)
    write.serve = lambda *options: Fleet("--reload", *options, app="application:app", workers=1, directory=tmp_path)
    return write


def until(fleet, wanted, status=200):
    end = time.monotonic() + 20
    while (answer := fleet.ask()).status != status or wanted not in answer.body:
        assert time.monotonic() < end, (answer.status, answer.body, fleet.log())
        time.sleep(0.01)
    # Not now and then.
    for _ in range(5):
        assert wanted in fleet.ask().body


def reloads(fleet):
    return fleet.log().count("reload: reloading")


def test_what_changes_is_served_anew_and_no_connection_is_lost(write):
    write()
    with write.serve() as fleet:
        with Load(fleet) as load:
            for number in range(1, 4):
                load.goes_on()
                write.beside("helper.py", f"number = {number}\n")
                write(imports=f"import helper  # {number}")
                fleet.times("reload: reloaded", number)
                load.goes_on()
        assert load.failed == []
        assert [lost for lost in load.lost if not lost[0]] == []
        assert len(load.answers) >= 4


def test_every_version_is_seen_though_they_follow_within_a_second(write):
    write("'1'")
    with write.serve() as fleet:
        for number in range(2, 6):
            # As long as the one before, in which bytecode is not told apart.
            write(f"'{number}'")
            until(fleet, str(number).encode())


def test_a_module_that_is_imported_counts_and_nothing_else(write):
    write.beside("helper.py", "says = 'before'\n")
    write("helper.says", "import helper")
    with write.serve() as fleet:
        write.beside("nobody.py", "")
        write.beside("data.txt", "")
        # It looks twice a second.
        time.sleep(1.6)
        assert reloads(fleet) == 0
        write.beside("helper.py", "says = 'after'\n")
        until(fleet, b"after")
        assert "helper.py has changed" in fleet.log()
        time.sleep(1.6)
        assert reloads(fleet) == 1


def test_other_files_are_named(write, tmp_path):
    write("open('settings').read()")
    write.beside("settings", "before")
    extra = ["--reload-extra", str(tmp_path / "settings"), "--reload-extra", str(tmp_path / "later")]
    with write.serve(*extra) as fleet:
        write.beside("settings", "after")
        fleet.times("reload: reloaded", 1)
        write.beside("later", "")
        fleet.times("reload: reloaded", 2)


def test_a_version_that_is_broken_says_so_and_the_next_is_tried(write):
    write("'before'")
    with write.serve() as fleet:
        until(fleet, b"before")
        write("'broken")
        until(fleet, b"SyntaxError", 500)
        assert "SyntaxError" in fleet.log()
        assert 'application.py", line' in fleet.log()
        # It is not tried again and again.
        count = reloads(fleet)
        time.sleep(1.1)
        assert reloads(fleet) == count
        write("'after'")
        until(fleet, b"after")


def test_a_file_that_only_the_broken_version_imports_counts(write):
    write("'before'")
    with write.serve() as fleet:
        write.beside("fresh.py", "says = \n")
        write("fresh.says", "import fresh")
        until(fleet, b"fresh.py", 500)
        write.beside("fresh.py", "says = 'fresh'\n")
        until(fleet, b"fresh")


def test_a_file_that_is_missing_is_waited_for_from_the_start(write, tmp_path):
    write("package.missing.says", "import package.missing")
    with write.serve() as fleet:
        until(fleet, b"package", 500)
        (tmp_path / "package").mkdir()
        until(fleet, b"package.missing", 500)
        write.beside("package/missing.py", "says = 'found'\n")
        until(fleet, b"found")


@pytest.mark.parametrize("breaks", ["raise SystemExit('no settings')", "1 / 0"])
def test_what_cannot_be_loaded_at_the_start_is_waited_for(write, breaks):
    write(imports=breaks)
    with write.serve() as fleet:
        until(fleet, breaks.encode(), 500)
        write("'mended'")
        until(fleet, b"mended")


def test_a_version_that_hangs_is_left_for_the_next(write):
    write("'before'")
    with write.serve() as fleet:
        write(imports="while True: pass")
        fleet.times("started a worker", 2)
        write("'after'")
        until(fleet, b"after")


def test_it_is_for_one_worker():
    assert "--reload is for one worker" in refused("--reload", "--workers", "2")
    assert "--reload-extra is for --reload" in refused("--reload-extra", "x")
