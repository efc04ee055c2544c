"""Servers for the tests: processes of their own, asked by sockets.

With ``--peer NAME`` the rules are held over another server, but for tests that are marked as ours: what PEP 3333 does not ask for.
"""

import contextlib
import fnmatch
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from client import Http1, request
from client_fronts import SERVER, FastCgi, Scgi, Uwsgi
from client_http2 import Http2
from gateways import NOT_OVER
from peers import COMMANDS, Peer

HERE = Path(__file__).parent

#: How applications are called, and by which protocols they are asked.
MODES = {"threads": ["--threads", "2"], "inline": ["--inline"]}
GATEWAYS = {"http1": Http1, "http2": Http2, "fastcgi": FastCgi, "scgi": Scgi, "uwsgi": Uwsgi}


class Server:
    """The command, serving what is named."""

    #: What we promise beyond PEP 3333 is asked for as well.
    strict = True

    def __init__(self, *options, app="dispatch:app", gateway="http1", directory=HERE, bind="127.0.0.1:0", cwd=None, **env):
        self.gateway = gateway
        self.log_file = tempfile.NamedTemporaryFile("w+b")
        self.directory = tempfile.TemporaryDirectory()
        command = [str(Path(sys.executable).with_name("gopuram")), "serve", app, "--chdir", str(directory)]
        if bind is not None:
            command += ["--bind", bind]
        socket = Path(self.directory.name, "socket")
        if not gateway.startswith("http"):
            command += ["--bind", f"{gateway}:unix:{socket}"]
        self.process = subprocess.Popen(
            [*command, *options],
            cwd=cwd,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self.log_file,
        )
        port = self.logged(r"listening address=(?:127\.0\.0\.1|0\.0\.0\.0):(\d+)").group(1)
        self.address = ("127.0.0.1", int(port))
        self.name, self.port = self.address[0], port
        if not gateway.startswith("http"):
            self.logged("listening address=" + re.escape(f"{gateway}:"))
            self.address = socket
            self.name, self.port = SERVER[0], str(SERVER[1])

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
        return GATEWAYS[self.gateway](self.address)

    def get(self, app, method="GET", **options):
        """One request over a connection of its own."""
        with self.connect() as connection:
            connection.send(request(app, method, **options))
            return connection.response()

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
        self.directory.cleanup()


def pytest_addoption(parser):
    parser.addoption("--peer", choices=COMMANDS, help="hold the rules over this server")


def pytest_configure(config):
    config.addinivalue_line("markers", "ours: what we promise and PEP 3333 does not ask for")


def pytest_generate_tests(metafunc):
    """Each way to call applications, over each gateway; or the one server that is named."""
    peer = metafunc.config.getoption("peer")
    for fixture, modes in (("server", MODES), ("threads", ["threads"])):
        if fixture in metafunc.fixturenames:
            ours = [f"{mode}-{gateway}" for gateway in GATEWAYS for mode in modes]
            # Which is also for how long a fixture lives: a peer is looked after before each test.
            scope = "function" if peer else "session"
            metafunc.parametrize(fixture, [peer] if peer else ours, indirect=True, scope=scope)


@pytest.fixture(scope="session")
def running(request):
    """Servers by mode and gateway, each started once."""
    servers = {}
    if request.config.getoption("peer"):
        yield from peers(servers)
        return
    with contextlib.ExitStack() as stack:

        def run(name):
            if name not in servers:
                mode, gateway = name.split("-")
                options = ["--environ", "DEPLOYED=by hand", "--environ", "site.name=gate"]
                servers[name] = stack.enter_context(Server(*MODES[mode], *options, gateway=gateway))
                servers[name].mode = mode
            return servers[name]

        yield run


def peers(servers):
    """The peer, started anew if it has died, or may still be busy with what has failed."""

    def run(name):
        if name in servers and (FAILED or not servers[name].lives()):
            servers.pop(name).stop()
        FAILED.clear()
        if name not in servers:
            servers[name] = Peer(name)
        return servers[name]

    yield run
    for peer in servers.values():
        peer.stop()


FAILED = []


def pytest_runtest_logreport(report):
    if report.failed:
        FAILED.append(report.nodeid)


@pytest.fixture
def server(request, running):
    """A server for all tests: each way to call applications, over each gateway."""
    return running(request.param)


@pytest.fixture
def threads(request, running):
    """A server with two threads for the application, over each gateway."""
    return running(request.param)


def pytest_collection_modifyitems(config, items):
    """Skips what means nothing over a gateway, with the reason."""
    if config.getoption("peer"):
        theirs = [item for item in items if {"server", "threads"} & set(item.fixturenames) and "ours" not in item.keywords]
        items[:] = [item for item in theirs if item.path.name.startswith("test_rules")]
        return
    for item in items:
        params = getattr(item, "callspec", None) and item.callspec.params
        which = params and (params.get("server") or params.get("threads"))
        for name, gateways, reason in NOT_OVER:
            if which and fnmatch.fnmatchcase(item.name, name) and which.split("-")[1] in gateways:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def fifo(tmp_path):
    """A path where an application can wait for the test, whoever runs it."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    yield path
    # Nobody is left waiting, whatever became of the test.
    os.close(os.open(path, os.O_RDWR))
