"""The types: strict over the package and a use of it, and the stubs as the module is."""

import subprocess
import sys
from pathlib import Path

import gopuram

HERE = Path(__file__).parent
PACKAGE = Path(gopuram.__file__).parent


def mypy(*arguments, tmp_path):
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_package_and_a_use_of_it_are_typed(tmp_path):
    mypy("mypy", "--strict", "--no-incremental", "-p", "gopuram", tmp_path=tmp_path)
    mypy("mypy", "--strict", "--no-incremental", str(HERE / "typed_use.py"), tmp_path=tmp_path)


def test_the_stubs_are_as_the_module(tmp_path):
    # Whether there is a `close` depends on the file.
    allowed = tmp_path / "allowed"
    allowed.write_text("gopuram._gopuram.FileWrapper.close\n")
    mypy("mypy.stubtest", "gopuram._gopuram", "--allowlist", str(allowed), tmp_path=tmp_path)


def test_the_package_says_that_it_is_typed():
    assert PACKAGE.joinpath("py.typed").is_file()
    assert PACKAGE.joinpath("_gopuram.pyi").is_file()
