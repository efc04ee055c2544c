"""Interpreters of other kinds: several in a process, and one without its lock."""

import subprocess
import sys

import pytest
from conftest import HERE, Server
from fleet import Fleet, ask

interpreters = pytest.importorskip("_xxsubinterpreters" if sys.version_info < (3, 13) else "_interpreters")


def runs(script):
    done = subprocess.run([sys.executable, "-c", script], cwd=HERE, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done
    return done.stdout + done.stderr


#: How others are made: those with a lock of their own, since 3.12, are kept from such modules by Python itself.
OTHERS = {
    "legacy": ("'legacy'" if sys.version_info >= (3, 13) else "isolated=False", "gopuram cannot be imported in a sub-interpreter"),
    "isolated": (
        "",
        "module gopuram._gopuram does not support loading in subinterpreters"
        if sys.version_info >= (3, 12)
        else "gopuram cannot be imported in a sub-interpreter",
    ),
}


@pytest.mark.parametrize("before", ["", "import gopuram"])
@pytest.mark.parametrize("kind", OTHERS)
def test_no_other_interpreter_may_import_it(before, kind):
    how, wanted = OTHERS[kind]
    script = f"""
{before}
import {interpreters.__name__} as interpreters
other = interpreters.create({how})
try:
    print(interpreters.run_string(other, "import gopuram"))
except Exception as error:
    print(error)
import gopuram
"""
    assert wanted in runs(script)


def test_an_interpreter_whose_lock_is_off_is_refused():
    script = """
import sys
sys._is_gil_enabled = lambda: False
try:
    import gopuram
except ImportError as error:
    print(error)
"""
    assert "gopuram needs the global interpreter lock" in runs(script)


@pytest.mark.parametrize("serve", [Server, Fleet])
@pytest.mark.parametrize("mode", [["--threads", "2", "--request-timeout", "5"], ["--inline"]])
def test_an_application_may_start_others(serve, mode):
    with serve(*mode, app="workers:app") as server:
        for _ in range(3):
            assert ask(server, "/interprets").body == b"42"
            assert ask(server, "/who").status == 200
