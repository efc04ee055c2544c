"""Servers for the tests: processes of their own, asked by sockets."""

import contextlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from client import Connection, request

HERE = Path(__file__).parent


class Server:
    """The command, serving what is named."""

    def __init__(self, *options, app="dispatch:app", **env):
        self.log_file = tempfile.NamedTemporaryFile("w+b")
        command = [str(Path(sys.executable).with_name("gopuram")), "serve", app, "--chdir", str(HERE), "--bind", "127.0.0.1:0"]
        self.process = subprocess.Popen(
            [*command, *options],
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self.log_file,
        )
        port = self.logged(r"listening address=127\.0\.0\.1:(\d+)").group(1)
        self.address = ("127.0.0.1", int(port))

    def log(self):
        return Path(self.log_file.name).read_text()

    def logged(self, pattern):
        """Waits for the log to have it, as long as the server lives."""
        for _ in range(1000):
            if found := re.search(pattern, self.log()):
                return found
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.02)
                raise AssertionError(f"the server ended: {self.log()}")
        raise AssertionError(self.log())

    def connect(self):
        return Connection(self.address)

    def get(self, app, method="GET", **options):
        """One request over a connection of its own."""
        with self.connect() as connection:
            connection.send(request(app, method, **options))
            return connection.response(method)

    def until(self, app, wanted, **options):
        """Asks again and again, for as long as the answer is another."""
        for _ in range(2000):
            if (got := self.get(app, **options).body) == wanted:
                return
        raise AssertionError(got)

    def stop(self):
        self.process.terminate()
        stdout, _ = self.process.communicate(timeout=20)
        self.log_file.flush()
        return self.process.returncode, stdout

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()
        self.log_file.close()


MODES = {"threads": ["--threads", "2"], "inline": ["--inline"]}


@pytest.fixture(scope="session", params=MODES)
def server(request):
    """A server for all tests, in each of the two ways to call applications."""
    with Server(*MODES[request.param], "--environ", "DEPLOYED=by hand", "--environ", "site.name=gate") as server:
        server.mode = request.param
        yield server


@pytest.fixture(scope="session")
def threads():
    """A server with two threads for the application."""
    with Server("--threads", "2") as server:
        yield server


@pytest.fixture
def fifo(tmp_path):
    """A path where an application can wait for the test, whoever runs it."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path
