"""What the log says of applications that fail."""

import fcntl
import http.client
import os
import random
import re
import sys
import threading

import pytest
from client import Cut, request
from conftest import MODES, Server

import gopuram

PLAIN = [("Content-Type", "text/plain")]

LAYERS = """
[[layer]]
name = "request_id"

[[layer]]
name = "compress"
"""


def failing(environ, start_response):
    if environ["PATH_INFO"] == "/early":
        raise RuntimeError("before anything is said")
    start_response("200 OK", PLAIN)
    # More than what a layer that compresses it would keep.
    yield random.randbytes(200_000)
    raise RuntimeError("in the body")


def errors(server):
    return [line for line in server.log().splitlines() if " ERROR " in line]


@pytest.mark.parametrize("gateway", ["http1", "http2", "fastcgi"])
@pytest.mark.parametrize("mode", MODES)
def test_who_failed_is_in_one_line_with_what_was_asked_for(mode, gateway):
    with Server(*MODES[mode], gateway=gateway) as server:
        assert server.get(failing, target="/early?x=1").status == 500
        with server.connect() as connection, pytest.raises(Cut):
            connection.send(request(failing, "POST", target="/late?x=%22", body=b"body"))
            connection.response()
        # What comes later in the log comes after all that was said before.
        assert server.get(failing, target="/early?last").status == 500
        said = [re.search(r'the application failed request="([^ ]+ [^ ]+)" error=RuntimeError', line) for line in errors(server)]
        assert [found and found.group(1) for found in said] == ["GET /early?x=1", "POST /late?x=%22", "GET /early?last"]


def test_who_failed_is_named_as_for_the_client(tmp_path):
    (tmp_path / "site.toml").write_text(LAYERS)
    with Server("--config", str(tmp_path / "site.toml")) as server:
        for path in ("/early", "/late"):
            connection = http.client.HTTPConnection(*server.address, timeout=20)
            connection.request("GET", path, headers={"X-App": "test_log.failing", "Accept-Encoding": "gzip"})
            response = connection.getresponse()
            if path == "/late":
                with pytest.raises(http.client.HTTPException):
                    response.read()
            connection.close()
            server.logged(f'request="GET {path}" request_id="{response.getheader("x-request-id")}" error=RuntimeError')
        assert server.get(failing, target="/early").status == 500
        assert len(errors(server)) == 3


def longer(environ, start_response):
    start_response("200 OK", [*PLAIN, ("Content-Length", "1")])
    yield b"more"


def test_who_gave_more_than_was_told_is_named_as_for_the_client(tmp_path):
    (tmp_path / "site.toml").write_text(LAYERS)
    with Server("--config", str(tmp_path / "site.toml")) as server:
        connection = http.client.HTTPConnection(*server.address, timeout=20)
        connection.request("GET", "/", headers={"X-App": "test_log.longer"})
        response = connection.getresponse()
        assert response.read() == b"m"
        connection.close()
        server.logged(f'the rest was not sent request="GET /" request_id="{response.getheader("x-request-id")}"')


def leaves(environ, start_response):
    write = start_response("200 OK", PLAIN)
    try:
        while True:
            write(bytes(100_000))
    except ConnectionError as error:
        if environ["QUERY_STRING"] == "ours" and type(error) is gopuram.Disconnected:
            raise
        raise RuntimeError("the payment was taken") from None


def test_of_errors_after_the_client_has_left_only_ours_are_no_news():
    with Server("--threads", "1") as server:
        for whose in ("ours", "theirs"):
            with server.connect() as connection:
                connection.send(request(leaves, target=f"/?{whose}"))
                connection.head()
        # After the others, by the only thread.
        assert server.get(failing, target="/early").status == 500
        said = [re.search('request="GET ([^"]+)" error=(.*)', line).groups() for line in errors(server)]
        assert said == [("/?theirs", "RuntimeError: the payment was taken"), ("/early", "RuntimeError: before anything is said")]


def surrogates(environ, start_response):
    raise ValueError("bad \udc80")


@pytest.mark.parametrize("mode", MODES)
def test_what_is_no_character_costs_no_traceback(mode):
    with Server(*MODES[mode]) as server:
        assert server.get(surrogates).status == 500
        server.logged(r"Traceback[^\n]*\n(?: .*\n)+ValueError: bad \\udc80\n")


def no_traceback(environ, start_response):
    def formats(*_, **__):
        raise KeyError("nothing\n2026-11-26T00:00:00.000000Z ERROR forged")

    sys.modules["traceback"].format_exception = formats
    raise ValueError("what was wrong")


def test_a_traceback_that_cannot_be_had_is_missed():
    with Server() as server:
        assert server.get(no_traceback).status == 500
        server.logged(r"error=ValueError: what was wrong\nIts traceback cannot be had: KeyError: .*forged.*\n")


FORGED = "2026-11-26T00:00:00.000000Z ERROR forged: line"


def forges(environ, start_response):
    error = ValueError("".join(f"a{end}{FORGED}" for end in ("\n", "\r", "\r\n", "\x0b", "\x0c", "\x85", "\u2028", "\x1b[1K")))
    if hasattr(error, "add_note"):
        error.add_note(FORGED)
    raise error from RuntimeError(FORGED + "\n" + FORGED)


@pytest.mark.parametrize("mode", MODES)
def test_no_error_forges_a_line(mode):
    with Server(*MODES[mode]) as server:
        assert server.get(forges).status == 500
        server.logged("direct cause")
        assert server.get(failing, target="/early").status == 500
        with open(server.log_file.name, newline="") as log:
            lines = log.read().splitlines()
        begun = [line for line in lines if re.match(r"\d{4}-\d\d-\d\dT", line) and " ERROR " in line]
        assert ["the application failed" in line for line in begun] == [True, True], begun
        assert "\x1b" not in server.log()


class Closes:
    """Fails when it is closed, by which nothing is sent any more."""

    def __iter__(self):
        return iter([b"block"])

    def close(self):
        raise ValueError("x" * 200_000)


def reads_itself(environ, start_response):
    """Has a thread that reads what the process writes, from when there is no more room for any."""
    stderr = os.dup(2)
    reader, writer = os.pipe()
    goes = threading.Event()

    def reads():
        goes.wait()
        while block := os.read(reader, 1 << 16):
            sys.setswitchinterval(0.005)
            os.write(stderr, block)

    threading.Thread(target=reads, daemon=True).start()
    how = environ["QUERY_STRING"]
    if how == "late":
        with open(environ["HTTP_X_FIFO"]) as fifo:
            fifo.read()
    os.dup2(writer, 2)
    # Not before this thread lets it.
    sys.setswitchinterval(1000)
    os.write(2, b" " * (fcntl.fcntl(2, fcntl.F_GETPIPE_SZ) - 1) + b"\n")
    start_response("200 OK", [*PLAIN, ("Content-Length", "5")])
    goes.set()
    if how == "fails":
        raise ValueError("x" * 200_000)
    return {"closes": Closes(), "more": iter([b"block and more"]), "late": iter([b"block"])}[how]


@pytest.mark.parametrize(
    ("how", "status", "said"), [("fails", 500, "x{200000}\n"), ("closes", 200, "x{200000}\n"), ("more", 200, "more than")]
)
@pytest.mark.parametrize("mode", MODES)
def test_who_reads_the_log_may_need_the_interpreter(mode, how, status, said):
    with Server(*MODES[mode]) as server:
        assert server.get(reads_itself, target=f"/?{how}").status == status
        server.logged(said)
        assert server.get(failing, target="/early").status == 500
        assert server.stop()[0] == 0


def test_who_reads_that_a_thread_has_come_back_may_need_the_interpreter(fifo):
    with Server("--threads", "1", "--request-timeout", "1") as server:
        assert server.get(reads_itself, target="/?late", headers=[("X-Fifo", str(fifo))]).status == 504
        server.logged("the only thread is lost")
        fifo.write_text("too late")
        server.logged("a thread that was lost has come back")
        assert server.get(failing, target="/early").status == 500


def says_last(environ, start_response):
    thread = threading.Thread(target=environ["wsgi.errors"].write, args=["without an end"])
    thread.start()
    thread.join()
    start_response("200 OK", PLAIN)
    return [b"said"]


@pytest.mark.parametrize("mode", MODES)
def test_what_a_thread_says_last_needs_no_end_of_line(mode):
    with Server(*MODES[mode]) as server:
        assert server.get(says_last).body == b"said"
        server.logged("without an end")
