"""The command and the server around applications: loading, options, waiting, the end."""

import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from client import Cut, request
from conftest import HERE, MODES, Server

import gopuram

PLAIN = [("Content-Type", "text/plain")]
GOPURAM = str(Path(sys.executable).with_name("gopuram"))


def hello(environ, start_response):
    start_response("200 OK", PLAIN)
    return [threading.current_thread().name.encode()]


def run(*arguments, cwd=HERE, within=(), **env):
    command = [*within, GOPURAM, *arguments]
    env = {**os.environ, **env}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=60, check=False)


BROKEN = {
    "absent": ("nowhere:app", "there is no module 'nowhere'"),
    "no name": ("fine", "no `application` and no `app`"),
    "attribute": ("fine:other", "has no 'other'"),
    "not callable": ("fine:number", "fine:number is int, which cannot be called"),
    "not a name": ("fine:1+1", "is not the name of an application"),
    "empty": (":app", "is not the name of an application"),
    "raises": ("raises:app", 'raises.py", line 2, in <module>'),
    "imports": ("imports:app", "No module named 'not_there'"),
    "factory": ("fine:broken()", "ZeroDivisionError"),
    "syntax": ("syntax:app", "SyntaxError"),
    "a file": ("fine.py:app", "'fine.py' is a file; applications are named by their modules: did you mean fine:app?"),
    "a path": ("./fine:app", "'./fine' is a path; applications are named by their modules: did you mean fine:app?"),
    "a file elsewhere": ("src/fine.py:app", "did you mean --chdir src fine:app?"),
    "settings": ("production.ini", "from pyramid.paster import get_app; app = get_app('production.ini')"),
    "property": ("made:held.app", "'held.app' of module 'made' cannot be had:\nTraceback"),
    "why of a property": ("made:held.app", "has no attribute 'typo'"),
    "no such attribute": ("made:held.other", "gopuram: module 'made' has no 'held.other'\n"),
    "made by a module": ("lazy:app", "RuntimeError: the settings are wrong"),
    "made by a module, of no name": ("lazy", "'application' of module 'lazy' cannot be had:\nTraceback"),
    "not made by a module": ("lazy:other", "AttributeError: nothing is called other"),
    "nothing made by a module": ("bare", "no `app`: write bare:name\nTraceback"),
    "exits": ("exits:app", "module 'exits' cannot be imported:\nTraceback"),
    "why it exits": ("exits:app", "SystemExit: no database"),
    "factory that exits": ("fine:leaves()", "fine:leaves() failed:\nTraceback"),
    "no package": ("fine.more:app", "there is no module 'fine.more'"),
}


HOLDS = """
class Held:
    @property
    def app(self):
        return self.typo

held = Held()
"""

LAZY = """
def __getattr__(name):
    if name in ("application", "app"):
        raise RuntimeError("the settings are wrong")
    raise AttributeError(f"nothing is called {name}")
"""


@pytest.mark.parametrize("case", BROKEN)
def test_what_cannot_be_loaded_is_told_without_our_own_frames(tmp_path, case):
    (tmp_path / "fine.py").write_text("number = 1\ndef broken(): return 1 / 0\ndef leaves(): raise SystemExit\n")
    (tmp_path / "made.py").write_text(HOLDS)
    (tmp_path / "lazy.py").write_text(LAZY)
    (tmp_path / "bare.py").write_text("def __getattr__(name): raise AttributeError(name)\n")
    (tmp_path / "exits.py").write_text("import sys; sys.exit('no database')\n")
    (tmp_path / "raises.py").write_text("\nraise ValueError('at import')\n")
    (tmp_path / "imports.py").write_text("import not_there\n")
    (tmp_path / "syntax.py").write_text("def\n")
    name, wanted = BROKEN[case]
    for which in ("serve", "check"):
        done = run(which, name, "--bind", "127.0.0.1:0", cwd=tmp_path)
        assert (done.returncode, done.stdout) == (3, "")
        assert done.stderr.startswith("gopuram: ")
        assert wanted in done.stderr
        assert "gopuram/" not in done.stderr
        assert "importlib" not in done.stderr


@pytest.mark.parametrize("name", ["dispatch:app", "dispatch", "dispatch:make()"])
def test_applications_are_found_by_name(name):
    with Server(app=name) as server:
        assert server.get(hello).status == 200


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["--bind", "nonsense"], "cannot understand the address `nonsense`"),
        (["--environ", "wsgi.input=x"], "no name for a variable"),
        (["--environ", "Mixed=x"], "no name for a variable"),
        (["--chdir", "/nowhere"], "gopuram: --chdir /nowhere: No such file or directory"),
        (["--bind", "systemd:"], "no socket was passed to this process"),
        (["--pid", "/nowhere/pid"], "cannot write the file of --pid /nowhere/pid: No such file"),
        (["--access-log", "/nowhere/log"], "the access log /nowhere/log"),
    ],
)
def test_what_is_not_to_be_done_is_refused(arguments, wanted):
    done = run("serve", "dispatch:app", "--bind", "127.0.0.1:0", *arguments)
    assert done.returncode == 1
    assert wanted in done.stderr
    assert "Traceback" not in done.stderr


def test_usage_is_told():
    assert run("serve").returncode == 2
    assert run("serve", "dispatch:app", "--threads", "0").returncode == 2
    assert "--inline" in run("serve", "--help").stdout
    assert run("--version").stdout.startswith("gopuram 0.")


def test_the_access_log_is_written():
    with Server("--access-log", "-") as server:
        server.get(hello, target="/seen?x=1")
        status, stdout = server.stop()
    assert status == 0
    assert b'"GET /seen?x=1 HTTP/1.1" 200' in stdout


def waits(environ, start_response):
    start_response("200 OK", PLAIN)
    yield b"began"
    while environ["QUERY_STRING"] == "busy":
        pass
    with open(environ["HTTP_X_FIFO"]) as fifo:
        yield fifo.read().encode()


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_at_the_end_requests_finish(fifo, sign):
    with Server("--threads", "1") as server, server.connect() as connection:
        connection.send(request(waits, headers=[("X-Fifo", str(fifo))]))
        connection.head()
        assert connection.exactly(5) == b"began"
        server.process.send_signal(sign)
        server.logged("ending")
        fifo.write_text("finished")
        assert connection.rest() == b"finished"
        assert server.process.wait(20) == 0


@pytest.mark.parametrize("how", ["waits", "busy"])
def test_a_thread_that_is_stuck_does_not_hold_up_the_end(fifo, how):
    with Server("--threads", "1", "--drain-timeout", "0.1") as server, server.connect() as connection:
        connection.send(request(waits, target=f"/?{how}", headers=[("X-Fifo", str(fifo))]))
        connection.head()
        assert connection.exactly(5) == b"began"
        server.process.terminate()
        assert server.process.wait(20) == 0
        with pytest.raises(Cut):
            connection.rest()


REPORT = bytes(10_000_000)


def reports(environ, start_response):
    file = tempfile.TemporaryFile()
    file.write(REPORT)
    file.seek(0)
    file.close = lambda: Path(environ["HTTP_X_PATH"]).write_text(threading.current_thread().name)
    start_response("200 OK", PLAIN)
    return environ["wsgi.file_wrapper"](file)


def test_a_file_is_closed_at_the_end_though_no_thread_is_free(fifo, tmp_path):
    closed = tmp_path / "closed"
    with Server("--threads", "1", "--drain-timeout", "0.1") as server, server.connect() as file, server.connect() as other:
        file.send(request(reports, headers=[("X-Path", str(closed))]))
        file.head()
        other.send(request(waits, headers=[("X-Fifo", str(fifo))]))
        other.head()
        assert file.rest() == REPORT
        assert not closed.exists()
        server.process.terminate()
        assert server.process.wait(20) == 0
    assert closed.read_text() == "MainThread"


def test_a_request_that_waits_too_long_for_a_thread_is_503(fifo):
    with Server("--threads", "1", "--queue-timeout", "0.1") as server, server.connect() as connection:
        connection.send(request(waits, headers=[("X-Fifo", str(fifo))]))
        connection.head()
        response = server.get(hello)
        assert (response.status, response.header("retry-after")) == (503, "1")
        fifo.write_text("go on")
        assert connection.exactly(5) == b"began"
        server.until(hello, b"wsgi-1")


STARTED = []


def counts(environ, start_response):
    STARTED.append(environ["QUERY_STRING"])
    start_response("200 OK", PLAIN)
    return [",".join(STARTED).encode()]


def test_too_many_that_wait_are_503_and_one_whose_client_left_is_never_started(fifo):
    with Server("--threads", "1", "--queue", "1") as server, server.connect() as first:
        first.send(request(waits, headers=[("X-Fifo", str(fifo))]))
        first.head()
        with server.connect() as second:
            second.send(request(counts, target="/?second"))
            # It takes the only place, and until it has it others do.
            while server.get(hello).status != 503:
                pass
        # Nobody is told when the server has seen that it left; a place is free then, or at the latest when the first goes on.
        fifo.write_text("go on")
        assert first.exactly(5) == b"began"
        server.until(hello, b"wsgi-1")
        assert server.get(counts, target="/?third").body in (b"third", b"second,third")


def test_front_servers_are_served_beside(tmp_path):
    with Server("--bind", f"unix:{tmp_path}/http", "--bind", f"fastcgi:unix:{tmp_path}/fcgi") as server:
        server.logged("fastcgi:unix:")
        assert (tmp_path / "http").is_socket()
        assert server.get(hello).status == 200


def test_the_function_refuses_what_is_no_application():
    with pytest.raises(TypeError, match="not a WSGI application"):
        gopuram.serve(1, "127.0.0.1:0")


@pytest.mark.parametrize("name", ["threads", "queue", "max_spool", "queue_timeout", "drain_timeout", "request_timeout"])
def test_the_function_refuses_what_has_no_meaning(name):
    for value in (-1, 1e-9, 2**80, float("nan"), float("inf"), 1e308, "1", None, True):
        # Where nobody can listen: it is not come so far.
        with pytest.raises((TypeError, ValueError), match=f"^{name} must be "):
            gopuram.serve(hello, "unix:/nowhere/socket", **{name: value})


def test_the_function_refuses_what_does_not_go_together():
    with pytest.raises(ValueError, match="request_timeout is for threads"):
        gopuram.serve(hello, "unix:/nowhere/socket", inline=True, request_timeout=1)
    with pytest.raises(TypeError, match="access_log must be a str or a path, not int"):
        gopuram.serve(hello, "unix:/nowhere/socket", access_log=1)
    with pytest.raises(TypeError, match="an address must be a str, not list"):
        gopuram.serve(hello, ["127.0.0.1:0"])
    with pytest.raises(ValueError, match=r"no address to listen on: gopuram\.serve\(app, '127\.0\.0\.1:8000'\)"):
        gopuram.serve(hello)
    with pytest.raises(OSError, match="the access log /nowhere/log"):
        gopuram.serve(hello, "unix:/nowhere/socket", access_log=Path("/nowhere/log"))


def test_a_front_server_may_start_the_program():
    """It speaks FastCGI on what it has for a standard input."""
    code = "import gopuram; gopuram.serve(lambda environ, start_response: [])"
    with socket.socket() as passed:
        passed.bind(("127.0.0.1", 0))
        passed.listen()
        with subprocess.Popen([sys.executable, "-c", code], cwd=HERE, stdin=passed, stderr=subprocess.PIPE) as process:
            # A request to be closed, of which it knows nothing: management record of unknown type 99.
            with socket.create_connection(passed.getsockname(), timeout=20) as front:
                front.sendall(bytes([1, 99, 0, 0, 0, 0, 0, 0]))
                # FCGI_UNKNOWN_TYPE
                assert front.recv(2)[:2] == bytes([1, 11])
            process.terminate()
            process.communicate(timeout=20)
            assert process.returncode == 0


def test_the_version_is_that_of_the_command():
    assert run("--version").stdout == f"gopuram {gopuram.__version__}\n"


def test_a_body_that_would_have_to_be_kept_and_is_too_long_is_413():
    headers = [("Transfer-Encoding", "chunked")]
    with Server("--max-spool", "1000") as server:
        for size, status in ((1000, 200), (1001, 413)):
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (size, b"x" * size)
            assert server.get(hello, method="POST", headers=headers, body=body).status == status


MADE = [0]


def makes(environ, start_response):
    start_response("200 OK", PLAIN)
    for _ in range(2000):
        MADE[0] += 1
        yield b"x" * 50_000


def made(environ, start_response):
    start_response("200 OK", PLAIN)
    return [str(MADE[0]).encode()]


@pytest.mark.parametrize("mode", MODES)
def test_no_more_is_made_than_the_client_takes(mode):
    with Server(*MODES[mode]) as server:
        with server.connect() as connection:
            connection.send(request(makes))
            connection.head()
            for _ in range(200):
                connection.exactly(50_000)
        # What the sockets of both ends hold comes on top; all that could be made is 100 MB.
        assert 200 <= int(server.get(made).body) < 700


def in_pieces(environ, start_response):
    body = environ["wsgi.input"]
    read = [body.read(10), *(body.readline() for _ in range(60)), body.read(20_000), *body.readlines()]
    start_response("200 OK", PLAIN)
    return [b"".join(read), str([len(part) for part in read[60:63]]).encode()]


def test_a_body_of_several_pieces_is_read_across_them(server):
    # Longer than what is read from a connection at once, and short enough to be here before the application is asked.
    lines = b"".join(b"%0999d\n" % number for number in range(120))
    response = server.get(in_pieces, method="POST", body=lines)
    assert response.status == 200
    assert response.body == lines + b"[1000, 20000, 1000]"


#: More than what the allocator has reserved for a thread.
LARGE = bytes(80_000_000)


def reads_with_little_memory(environ, start_response):
    """Has so much more than there is."""
    way, more = environ["QUERY_STRING"].split(":")
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    has = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (has + int(more), hard))
    said = []
    try:
        for _ in range(2):
            try:
                said.append(len(getattr(environ["wsgi.input"], way)()))
            except (MemoryError, OSError) as error:
                said.append(type(error).__name__)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    start_response("200 OK", PLAIN)
    return [repr(said).encode()]


@pytest.mark.parametrize("way", ["read", "readline"])
@pytest.mark.parametrize("mode", MODES)
def test_a_body_for_which_there_is_no_memory_is_an_error_and_one_as_large_as_it_is_none(mode, way):
    with Server(*MODES[mode]) as server:
        for more, said in [(20_000_000, ["MemoryError", "OSError"]), (110_000_000, [len(LARGE), 0])]:
            response = server.get(reads_with_little_memory, method="POST", target=f"/?{way}:{more}", body=LARGE)
            assert response.body == repr(said).encode()
