"""An application that is called by the thread of the connections has one request at a time."""

import sys
import threading

import pytest
from client import Cut, request
from conftest import Server

PLAIN = [("Content-Type", "text/plain")]

inside = []


def streams(environ, start_response):
    def blocks():
        inside.append(environ)
        try:
            for _ in range(400):
                yield bytes(64 * 1024)
        finally:
            inside.pop()

    start_response("200 OK", PLAIN)
    return blocks()


def asks(environ, start_response):
    start_response("200 OK", PLAIN)
    return [b"%d" % len(inside)]


def test_a_request_waits_for_a_stream_whose_client_reads_slowly():
    with Server("--inline") as server, server.connect() as slow, server.connect() as other:
        slow.send(request(streams))
        slow.head()
        other.send(request(asks))
        assert len(slow.rest()) == 400 * 64 * 1024
        assert other.response().body == b"0"


def test_nor_does_one_that_left_keep_it():
    with Server("--inline") as server, server.connect() as other:
        with server.connect() as slow:
            slow.send(request(streams))
            slow.head()
            other.send(request(asks))
        assert other.response().status == 200


def test_no_more_wait_than_may():
    with Server("--inline", "--queue", "1") as server, server.connect() as slow:
        slow.send(request(streams))
        slow.head()
        with server.connect() as first, server.connect() as second:
            first.send(request(asks))
            second.send(request(asks))
            # One of them waits, whichever came first.
            server.logged("too many requests wait for their turn")
            slow.rest()
            answers = [connection.response() for connection in (first, second)]
        assert sorted(answer.status for answer in answers) == [200, 503]
        assert [answer.all("retry-after") for answer in answers if answer.status == 503] == [["1"]]
        assert server.get(asks).body == b"0"


def endless(environ, start_response):
    start_response("200 OK", PLAIN)
    return iter(lambda: bytes(64 * 1024), b"")


def test_nor_for_longer():
    with Server("--inline", "--queue-timeout", "100ms") as server, server.connect() as slow:
        slow.send(request(endless))
        slow.head()
        answered = threading.Event()

        def read():
            while not answered.is_set():
                slow.exactly(10_000)

        reading = threading.Thread(target=read)
        reading.start()
        try:
            assert server.get(asks).status == 503
        finally:
            answered.set()
            reading.join()
        server.logged("waited too long for its turn")


@pytest.mark.parametrize("gateway", ["http1", "http2"])
def test_who_takes_nothing_gives_way(gateway):
    with Server("--inline", "--queue-timeout", "1s", gateway=gateway) as server, server.connect() as slow:
        slow.send(request(streams))
        slow.head()
        assert server.get(asks).body == b"0"
        server.logged('a client takes nothing of its answer while others wait for their turn: it breaks off request="GET /"')
        with pytest.raises(Cut):
            slow.rest()


def sends(environ, start_response):
    file = open(environ["HTTP_X_FILE"], "rb")

    def close():
        print(f"closed with {len(inside)} inside", file=sys.stderr, flush=True)
        type(file).close(file)

    file.close = close
    start_response("200 OK", PLAIN)
    return environ["wsgi.file_wrapper"](file)


def test_a_file_is_closed_when_it_is_nobodys_turn(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 20_000_000)
    with Server("--inline") as server, server.connect() as slow, server.connect() as other:
        other.send(request(sends, headers=[("X-File", str(path))]))
        other.head()
        slow.send(request(streams))
        slow.head()
        assert len(other.rest()) == 20_000_000
        assert len(slow.rest()) == 400 * 64 * 1024
        server.logged("closed with 0 inside")
