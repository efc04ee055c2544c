"""Applications for which greenlets are in place of threads: refused by threads, and served on the one that there is."""

import importlib.util
import os
import subprocess
import sys

import pytest
from conftest import Server
from fleet import ask
from test_serving import run

pytestmark = pytest.mark.skipif(
    not importlib.util.find_spec("gevent") and not os.environ.get("CI"), reason="there is no gevent"
)

PATCHED = """
from gevent import monkey
monkey.patch_all()
import threading, time

def app(environ, start_response):
    other = threading.Thread(target=time.sleep, args=(0.01,))
    other.start()
    other.join()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"waited"]

if __name__ == "__main__":
    import gopuram
    try:
        gopuram.serve(app, "unix:socket")
    except ValueError as error:
        print(error)
"""

WHY = "threading is patched"


@pytest.fixture
def patched(tmp_path):
    """The directory of an application that gevent has patched."""
    (tmp_path / "patched.py").write_text(PATCHED)
    return tmp_path


@pytest.mark.parametrize("options", [[], ["--workers", "1"], ["--reload"]])
def test_an_application_without_threads_is_not_served_by_threads(patched, options):
    done = run("serve", "patched:app", "--bind", f"unix:{patched}/socket", *options, cwd=patched)
    assert done.returncode == 3
    assert WHY in done.stderr and "--inline" in done.stderr
    assert "Traceback" not in done.stderr


def test_check_says_so(patched):
    done = run("check", "patched:app", cwd=patched)
    assert (done.returncode, done.stdout) == (3, "")
    assert WHY in done.stderr


def test_a_program_is_told_so(patched):
    done = subprocess.run(
        [sys.executable, "patched.py"], cwd=patched, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert WHY in done.stdout


def test_inline_it_is_served(patched):
    with Server("--inline", app="patched:app", directory=patched) as server:
        for _ in range(2):
            assert ask(server).body == b"waited"
        assert server.stop()[0] == 0
