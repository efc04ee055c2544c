"""Django's own tests of servers, WSGI, handlers and uploads, over this server; `django_suite.py` says how."""

import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import django
import pytest

#: The parts of the suite that ask a server.
PARTS = ("servers", "wsgi", "handlers", "file_uploads")


@pytest.fixture(scope="module")
def source():
    """The source of the Django that is installed, which has the tests; kept beside it."""
    directory = Path(sys.prefix) / f"django-{django.__version__}"
    tests = directory / "tests"
    if not tests.exists():
        wanted = f"django=={django.__version__}"
        fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--no-binary", "django", "--no-deps", wanted]
        fetched = subprocess.run([*fetch, "--dest", sys.prefix], capture_output=True, text=True, timeout=300)
        if fetched.returncode and not os.environ.get("CI"):
            pytest.skip(f"the source of Django cannot be had: {fetched.stderr}")
        assert fetched.returncode == 0, fetched.stderr
        (archive,) = Path(sys.prefix).glob(f"[dD]jango-{django.__version__}.tar.gz")
        with tarfile.open(archive) as packed:
            packed.extractall(sys.prefix, filter="data")
        archive.unlink()
    return tests


def test_django_passes_its_own_tests(source):
    suite = Path(__file__).with_name("django_suite.py")
    run = subprocess.run([sys.executable, suite, source, *PARTS], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    ran = re.search(r"Ran (\d+) tests", run.stderr)
    assert ran and int(ran[1]) > 100, run.stderr
    over = re.search(r"'over the wire': (\d+)", run.stderr)
    assert over and int(over[1]) > 40, run.stderr
