"""PEP 3333: wsgi.input and wsgi.errors (S24, S25, S28 to S32, S53)."""

import hashlib
import os
import re

import pytest
from client import request
from test_rules_environ import dump

PLAIN = [("Content-Type", "text/plain")]


def methods(environ, start_response):
    start_response("200 OK", PLAIN)
    of_input = [hasattr(environ["wsgi.input"], name) for name in ("read", "readline", "readlines", "__iter__")]
    of_errors = [hasattr(environ["wsgi.errors"], name) for name in ("flush", "write", "writelines")]
    return [repr(all(of_input + of_errors)).encode()]


def test_s24_the_streams_have_their_methods(server):
    assert server.get(methods).body == b"True"


def complains(environ, start_response):
    errors = environ["wsgi.errors"]
    errors.write("caf\u00e9 \u20ac\n" if "HTTP_X_LENIENT" in environ else "caf\u00e9 \u20ac \udc80\n")
    errors.writelines(["one ", "line\n"])
    print("printed", 1, file=errors)
    errors.write("y" * 1_000_000 + "\n")
    errors.write("not ended")
    if environ["QUERY_STRING"] == "flush":
        errors.flush()
        with open(environ["HTTP_X_FIFO"]) as fifo:
            fifo.read()
    start_response("200 OK", PLAIN)
    return [b"ok"]


def lenient(server):
    """Half a surrogate pair is no text that others have to take."""
    return [] if server.strict else [("X-Lenient", "1")]


def test_s25_errors_takes_all_text(server):
    assert server.get(complains, headers=lenient(server)).body == b"ok"
    if server.strict:
        server.logged("caf\u00e9 \u20ac \\\\udc80\none line\nprinted 1\ny{1000000}\nnot ended")


def talks(environ, start_response):
    for _ in range(2000):
        for part in (environ["QUERY_STRING"] * 10, " and ", environ["QUERY_STRING"] * 10, "\n"):
            environ["wsgi.errors"].write(part)
    start_response("200 OK", PLAIN)
    return [b"ok"]


@pytest.mark.ours
def test_s25_threads_do_not_write_into_each_others_lines(threads):
    with threads.connect() as one, threads.connect() as other:
        one.send(request(talks, target="/?left"))
        other.send(request(talks, target="/?right"))
        assert one.response().body == other.response().body == b"ok"
    # Others have left a line that is not ended.
    lines = re.findall(r"(?:left|right){10} and (?:left|right){10}$", threads.log(), re.MULTILINE)
    assert len(lines) == 4000
    assert set(lines) == {f"{side * 10} and {side * 10}" for side in ("left", "right")}


def test_s32_what_is_flushed_is_there(server, fifo):
    with server.connect() as connection:
        before = server.log().count("not ended")
        connection.send(request(complains, target="/?flush", headers=[("X-Fifo", str(fifo)), *lenient(server)]))
        # The application waits in open until somebody writes.
        with open(fifo, "w"):
            assert server.log().count("not ended") == before + 1
        assert connection.response().body == b"ok"


def reads(environ, start_response):
    stream = environ["wsgi.input"]
    read = []
    for call in environ["HTTP_X_CALLS"].split():
        name, _, argument = call.partition(":")
        arguments = [] if not argument else [None if argument == "None" else int(argument)]
        read.append(list(stream) if name == "iter" else getattr(stream, name)(*arguments))
    start_response("200 OK", PLAIN)
    return [repr(read).encode()]


BODY = b"ab\ncdef\n\nlast"
CALLS = [
    (28, "read:5 read:1000000000 read:1", [BODY[:5], BODY[5:], b""]),
    (28, "read:1000000000 readline readlines iter", [BODY, b"", [], []]),
    (29, "read", [BODY]),
    (29, "read:-1 read", [BODY, b""]),
    (0, "read:None read:None", [BODY, b""]),
    (29, "read:0 read:2 read:100 read:1", [b"", b"ab", BODY[2:], b""]),
    (30, "readline readline:2 readline:20 readline readline readline", [b"ab\n", b"cd", b"ef\n", b"\n", b"last", b""]),
    (0, "readline:0 readline:-1 readline:None", [b"", b"ab\n", b"cdef\n"]),
    (31, "readlines", [[b"ab\n", b"cdef\n", b"\n", b"last"]]),
    (0, "readlines:4 readlines:0", [[b"ab\n", b"cdef\n"], [b"\n", b"last"]]),
    (31, "read:1 iter", [b"a", [b"b\n", b"cdef\n", b"\n", b"last"]]),
    (31, "readline read:3 readlines", [b"ab\n", b"cde", [b"f\n", b"\n", b"last"]]),
]
# The rule that a case is about; those of none are ours.
CASES = [
    pytest.param(calls, read, id=f"s{rule}-{calls}", marks=[] if rule else pytest.mark.ours) for rule, calls, read in CALLS
]
FRAMINGS = ["length", pytest.param("open", marks=pytest.mark.ours)]


@pytest.mark.parametrize(("calls", "read"), CASES)
@pytest.mark.parametrize("framing", FRAMINGS)
def test_s28_to_s31_input_reads_as_files_do_and_ends_with_the_body(server, framing, calls, read):
    post = request(reads, "POST", headers=[("X-Calls", calls)], body=BODY, open=framing == "open")
    with server.connect() as connection:
        # Another is right behind it.
        connection.send(post, request(unread))
        assert connection.response().body == repr(read).encode()
        assert connection.response().body == b"unread"


def test_s29_without_a_body_there_is_nothing_to_read(server):
    calls = "read read:5 readline readlines iter"
    assert server.get(reads, headers=[("X-Calls", calls)]).body == repr([b"", b"", b"", [], []]).encode()


LONG = b"".join(b"%07d\n" % number for number in range(250_000))


def digests(environ, start_response):
    way = environ["QUERY_STRING"]
    stream = environ["wsgi.input"]
    digest = hashlib.sha256()
    for block in stream if way == "lines" else iter(lambda: stream.read(*[9999] if way == "blocks" else []), b""):
        assert way != "lines" or len(block) == 8
        digest.update(block)
    start_response("200 OK", PLAIN)
    return [digest.hexdigest().encode()]


@pytest.mark.parametrize("way", ["all", "lines", "blocks"])
@pytest.mark.parametrize("framing", FRAMINGS)
def test_s30_a_long_body_is_read_whole(server, framing, way):
    got = server.get(digests, method="POST", target=f"/?{way}", body=LONG, open=framing == "open").body
    assert got == hashlib.sha256(LONG).hexdigest().encode()


def survives(environ, start_response):
    open(environ["HTTP_X_PATH"] + ".begun", "w").close()
    try:
        environ["wsgi.input"].read()
        said = "an end"
    except OSError as error:
        said = f"{type(error).__name__} {error}"
    with open(environ["HTTP_X_PATH"], "w") as file:
        file.write(said)
    os.rename(environ["HTTP_X_PATH"], environ["HTTP_X_PATH"] + ".done")
    start_response("200 OK", PLAIN)
    return [b""]


def until_there(server, path):
    for _ in range(2000):
        if path.exists():
            break
        server.get(methods)
    return path


@pytest.mark.ours
def test_a_body_that_breaks_off_is_an_error_and_never_an_end(threads, tmp_path):
    path = tmp_path / "said"
    with threads.connect() as connection:
        headers = [("Content-Length", "1000000"), ("X-Path", str(path))]
        connection.send(request(survives, "POST", headers=headers, body=b"x" * 500_000))
        # Whom nobody waits for any longer is not begun.
        until_there(threads, path.with_name("said.begun"))
    done = until_there(threads, path.with_name("said.done"))
    assert done.read_text().startswith("Disconnected the body broke off")


@pytest.mark.ours
def test_a_body_with_wrong_chunks_reaches_no_application(server, tmp_path):
    headers = [("Transfer-Encoding", "chunked"), ("X-Path", str(tmp_path / "said"))]
    assert server.get(survives, method="POST", headers=headers, body=b"zzz\r\n").status == 400
    assert list(tmp_path.iterdir()) == []


def unread(environ, start_response):
    start_response("200 OK", PLAIN)
    return [b"unread"]


EXPECT = [("Expect", "100-continue"), ("Content-Length", "3")]


def test_s53_a_client_that_waits_is_told_to_go_on_when_the_body_is_read(server):
    with server.connect() as connection:
        connection.send(request(dump, "POST", headers=EXPECT))
        if server.strict or connection.is_heard(within=1):
            assert connection.head().status == 100
        connection.more(b"abc")
        assert b'"body": "abc"' in connection.response().body


@pytest.mark.ours
def test_s53_and_not_if_it_is_not_read(threads):
    with threads.connect() as connection:
        connection.send(request(unread, "POST", headers=EXPECT))
        response = connection.response()
        assert (response.status, response.body) == (200, b"unread")
        # What the client may still send is no request: a stream can be ended, a connection of HTTP/1.1 must be.
        assert threads.gateway != "http1" or connection.closed()


def test_s53_nor_a_client_of_http_1_0(server):
    with server.connect() as connection:
        connection.send(request(dump, "POST", headers=EXPECT, body=b"abc", version="HTTP/1.0"))
        assert connection.response().status == 200


KEPT = []


def keeps(environ, start_response):
    KEPT.append(environ["wsgi.input"])
    start_response("200 OK", PLAIN)
    return [b""]


def reads_later(environ, start_response):
    start_response("200 OK", PLAIN)
    try:
        KEPT[-1].read()
    except ValueError as error:
        return [str(error).encode()]


@pytest.mark.ours
def test_the_body_of_a_request_that_is_over_cannot_be_read(server):
    server.get(keeps, method="POST", body=b"abc")
    assert server.get(reads_later).body == b"the request is over"
