"""PEP 3333: lengths, framing and files (S42 to S45, S59 to S63)."""

import contextlib
import gc
import gzip
import io
import os
import socket
import tempfile
from pathlib import Path

import pytest
from client import PATIENCE, Cut, request

PLAIN = [("Content-Type", "text/plain")]
ASKED = []


def counted(blocks):
    for number, block in enumerate(blocks):
        ASKED.append(number)
        yield block


def asked(environ, start_response):
    start_response("200 OK", PLAIN)
    return [repr(ASKED).encode()]


def three(environ, start_response):
    """Says that it has three bytes, and has others."""
    case = environ["QUERY_STRING"]
    write = start_response("200 OK", [*PLAIN, ("Content-Length", "3")])
    if case == "write":
        ASKED.clear()
        write(b"ab")
        try:
            write(b"cd")
        except Exception as error:
            ASKED.append(type(error).__name__)
        return []
    ASKED.clear()
    blocks = {"over": [b"abcdef", b"ghi"], "steps": [b"ab", b"cd", b"e"], "exact": [b"abc", b"def"]}
    return [b"abcdef"] if case == "list" else counted(blocks[case])


@pytest.mark.parametrize(("case", "calls"), [("over", [0]), ("steps", [0, 1]), ("exact", [0]), ("list", None)])
def test_s42_no_more_is_sent_than_was_told(server, case, calls):
    with server.connect() as connection:
        connection.send(request(three, target=f"/?{case}"))
        assert connection.response().body == b"abc"
        # The connection goes on, and no byte of the rest is in it.
        connection.send(request(asked))
        body = connection.response().body
        # Who asks after the last byte that was told learns whether there are too many.
        also = [0, 1] if case == "exact" and not server.strict else calls
        assert calls is None or body in (repr(calls).encode(), repr(also).encode())


def test_s42_write_raises_beyond_the_length(server):
    with contextlib.nullcontext() if server.strict else contextlib.suppress(Cut):
        assert server.get(three, target="/?write").body == b"abc"
    said = server.get(asked).body
    assert said == b"['ValueError']" if server.strict else said != b"[]"


def too_little(environ, start_response):
    start_response("200 OK", [*PLAIN, ("Content-Length", "10")])
    blocks = {"list": [b"abc"], "iterator": iter([b"ab", b"c"]), "empty": [], "nothing": iter([b""])}
    return blocks[environ["QUERY_STRING"]]


@pytest.mark.parametrize("case", ["list", "iterator", "empty", "nothing"])
def test_s43_too_little_closes_the_connection_and_is_logged(server, case):
    with server.connect() as connection, pytest.raises(Cut):
        connection.send(request(too_little, target=f"/?{case}"))
        # At once, not when a connection has been idle for long enough.
        connection.socket.settimeout(1 if not server.strict else PATIENCE)
        connection.response()
    if server.strict:
        server.logged("gave less than its Content-Length")


class OfOne:
    def __len__(self):
        return 1

    def __iter__(self):
        return iter([b"abc"])


def single(environ, start_response):
    write = start_response("200 OK", PLAIN)
    case = environ["QUERY_STRING"]
    if case == "write":
        write(b"12")
    return {"tuple": (b"abc",), "own": OfOne(), "two": [b"a", b"bc"]}.get(case, [b"abc"])


@pytest.mark.ours
@pytest.mark.parametrize("case", ["list", "tuple", "own", "two"])
def test_s44_the_length_of_what_is_there_is_told(server, case):
    response = server.get(single, target=f"/?{case}")
    assert (response.header("content-length"), response.body) == ("3", b"abc")


def test_s44_not_after_write(server):
    response = server.get(single, target="/?write")
    assert response.body == b"12abc"
    assert response.header("content-length") in ([None] if server.strict else [None, "5"])


def stream(environ, start_response):
    start_response(environ.get("HTTP_X_STATUS", "200 OK"), PLAIN)
    return iter([b"a", b"", b"b"])


def test_s45_a_stream_is_in_chunks_and_an_empty_block_is_not_the_end(server):
    with server.connect() as connection:
        for _ in range(2):
            connection.send(request(stream))
            response = connection.response()
            # Of HTTP/1.1 alone is it the server's to say how the end is known.
            framing = "chunked" if server.gateway == "http1" else None
            assert response.body == b"ab"
            assert not server.strict or response.header("transfer-encoding") == framing


def test_s45_to_an_old_client_it_ends_with_the_connection(server):
    with server.connect() as connection:
        connection.send(request(stream, version="HTTP/1.0"))
        response = connection.response()
    assert (response.header("transfer-encoding"), response.body) == (None, b"ab")


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_s45_no_content_is_none(server, status):
    with server.connect() as connection:
        connection.send(request(stream, headers=[("X-Status", status)]), request(stream))
        assert connection.response().status == int(status[:3])
        assert connection.response().body == b"ab"


class Logged(io.BytesIO):
    def close(self):
        ASKED.append("closed")
        super().close()


class NoClose:
    def __init__(self, data):
        self.left = [data]

    def read(self, size):
        return self.left.pop() if self.left else b""


def wrapped(environ, start_response):
    if "wsgi.file_wrapper" not in environ:
        start_response("501 Not Implemented", PLAIN)
        return [b"no wrapper"]
    wrapper = environ["wsgi.file_wrapper"]
    case = environ["QUERY_STRING"]
    path = environ["HTTP_X_PATH"]
    length = [("Content-Length", environ["HTTP_X_LENGTH"])] if "HTTP_X_LENGTH" in environ else []
    start_response("200 OK", PLAIN + length)
    match case:
        case "file" | "raw":
            file = open(path, "rb", buffering=0 if case == "raw" else -1)
            file.seek(int(environ.get("HTTP_X_SEEK", 0)))
            return wrapper(file, 10)
        case "read":
            file = open(path, "rb")
            file.read(5)
            return wrapper(file)
        case "unused":
            wrapper(open(path, "rb"))
            return [b"another"]
        case "middleware":
            return (block.upper() for block in wrapper(open(path, "rb")))
        case "logged":
            ASKED.clear()
            return wrapper(Logged(b"logged"))
        case "spool" | "fails":
            # What it has is gone with it, as where a spool file is given back for the next report.
            ASKED.clear()
            file = tempfile.TemporaryFile()
            file.write(SPOOLED)
            file.seek(0)

            def close():
                ASKED.append("closed")
                file.truncate(0)
                if case == "fails":
                    raise ValueError("expected of the spool")

            file.close = close
            return wrapper(file)
        case "own.tell" | "raw.tell" | "own.read" | "raw.readinto":
            file = open(path, "rb")
            its = file.raw if case.startswith("raw.") else file
            method = case.rpartition(".")[2]

            def another(*args):
                # Under the number of the file there is another from now on.
                with open(path + ".gz", "rb") as other:
                    os.dup2(other.fileno(), file.fileno())
                setattr(its, method, was)
                return was(*args)

            was = getattr(its, method)
            setattr(its, method, another)
            return wrapper(file)
        case "noclose":
            file = wrapper(NoClose(b"no close"))
            # The server's own is asked only for what PEP 3333 says.
            assert "HTTP_X_LENIENT" in environ or not hasattr(file, "close")
            return file
        case "gzip":
            return wrapper(gzip.open(path + ".gz"))
        case "pipe":
            read, write = os.pipe()
            os.write(write, b"pipe")
            os.close(write)
            return wrapper(os.fdopen(read, "rb"))
        case "socket":
            ours, theirs = socket.socketpair()
            theirs.sendall(b"socket")
            theirs.close()
            return wrapper(ours.makefile("rb"))
        case "proc":
            return wrapper(open("/proc/self/comm", "rb"))
        case "text":
            return wrapper(open(path))


TEXT = b"0123456789" * 20_000


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("files") / "file"
    path.write_bytes(TEXT)
    Path(f"{path}.gz").write_bytes(gzip.compress(b"unpacked"))
    return path


def wrap(server, case, path, *headers, method="GET"):
    response = server.get(wrapped, method, target=f"/?{case}", headers=[("X-Path", str(path)), *headers])
    if response.status == 501 and not server.strict:
        pytest.skip("there is no wsgi.file_wrapper, which may be")
    return response


def test_s59_what_is_wrapped_is_sent_only_if_it_is_returned(server, path):
    assert wrap(server, "unused", path).body == b"another"
    assert wrap(server, "middleware", path).body == TEXT.upper()


def test_s60_close_is_there_if_the_file_has_it(server, path):
    assert wrap(server, "logged", path).body == b"logged"
    server.until(asked, b"['closed']")
    assert wrap(server, "noclose", path, *([] if server.strict else [("X-Lenient", "1")])).body == b"no close"


SPOOLED = bytes(range(256)) * 40_000


def test_s60_a_file_is_closed_when_it_is_sent(server, path):
    assert wrap(server, "spool", path).body == SPOOLED
    server.until(asked, b"['closed']")
    assert wrap(server, "spool", path, method="HEAD").body == b""
    server.until(asked, b"['closed']")


def test_s60_a_file_is_closed_when_the_client_leaves(server, path):
    with server.connect() as connection:
        connection.send(request(wrapped, target="/?spool", headers=[("X-Path", str(path))]))
        if connection.head().status == 501 and not server.strict:
            pytest.skip("there is no wsgi.file_wrapper, which may be")
        assert connection.exactly(100_000) == SPOOLED[:100_000]
        assert not server.strict or server.get(asked).body == b"[]"
    server.until(asked, b"['closed']")


@pytest.mark.ours
def test_s60_how_closing_a_file_fails_is_in_the_log(server, path):
    assert wrap(server, "fails", path).body == SPOOLED
    server.logged("the application failed when its answer was closed.*error=ValueError: expected of the spool")


@pytest.mark.parametrize("case", ["file", "raw"])
def test_s61_a_file_is_sent_from_where_it_stands_to_its_end_or_length(server, path, case):
    response = wrap(server, case, path)
    assert response.body == TEXT
    assert not server.strict or response.header("content-length") == str(len(TEXT))
    assert wrap(server, case, path, ("X-Seek", "7")).body == TEXT[7:]
    assert wrap(server, case, path, ("X-Seek", "7"), ("X-Length", "5")).body == TEXT[7:12]
    assert wrap(server, case, path, ("X-Seek", "200000")).body == b""
    if server.strict:
        with pytest.raises(Cut):
            wrap(server, case, path, ("X-Length", "200001"))


def test_s61_what_was_read_of_it_is_not_sent(server, path):
    assert wrap(server, "read", path).body == TEXT[5:]


@pytest.mark.parametrize("case", [pytest.param("gzip", marks=pytest.mark.ours), "pipe", "socket", pytest.param("proc", marks=pytest.mark.ours)])
def test_s62_what_is_no_file_on_disk_is_iterated(server, path, case):
    body = wrap(server, case, path).body
    assert body == {"gzip": b"unpacked", "pipe": b"pipe", "socket": b"socket"}.get(case, body)
    assert body


@pytest.mark.ours
@pytest.mark.parametrize("case", ["own.tell", "raw.tell"])
def test_s62_a_file_with_a_way_of_its_own_to_tell_where_it_is_stays_the_same(server, path, case):
    assert wrap(server, case, path).body == TEXT


@pytest.mark.ours
@pytest.mark.parametrize("case", ["own.read", "raw.readinto"])
def test_s62_a_file_with_a_way_of_its_own_to_be_read_is_read_so(server, path, case):
    assert wrap(server, case, path).body == Path(f"{path}.gz").read_bytes()


class Round:
    """A file that has its wrapper."""

    alive = 0

    def __init__(self, wrapper):
        type(self).alive += 1
        self.wrapped = wrapper(self)
        self.left = [b"round"]

    def read(self, size):
        return self.left.pop() if self.left else b""

    def __del__(self):
        type(self).alive -= 1


def rounds(environ, start_response):
    start_response("200 OK", PLAIN)
    return Round(environ["wsgi.file_wrapper"]).wrapped


def alive(environ, start_response):
    gc.collect()
    start_response("200 OK", PLAIN)
    return [str(Round.alive).encode()]


@pytest.mark.ours
def test_a_file_that_has_its_wrapper_is_collected(server):
    for _ in range(3):
        assert server.get(rounds).body == b"round"
    server.until(alive, b"0")


@pytest.mark.ours
def test_s62_text_is_an_error(server, path):
    assert wrap(server, "text", path).status == 500


def test_s63_head_has_no_body_and_keeps_the_length(server, path):
    with server.connect() as connection:
        connection.send(request(single, "HEAD", target="/?list"), request(stream, "HEAD"))
        assert connection.response().header("content-length") in (["3"] if server.strict else [None, "3"])
        assert connection.response().status == 200
        connection.send(request(three, "HEAD", target="/?over"), request(stream))
        assert connection.response().header("content-length") == "3"
        assert connection.response().body == b"ab"
    if server.strict:
        assert wrap(server, "file", path, method="HEAD").header("content-length") == str(len(TEXT))
