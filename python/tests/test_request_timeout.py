"""`--request-timeout`, with and without workers."""

import contextlib
import socket
import subprocess
import time
from pathlib import Path

import pytest
from conftest import Server
from fleet import LOST, Connection, Fleet, ask, request
from test_serving import GOPURAM


def limit(threads, *options):
    return Server("--threads", str(threads), "--request-timeout", "1", "--drain-timeout", "0.1", *options, app="workers:app")


@pytest.fixture
def limited():
    with limit(2) as server:
        yield server


def threads(server, count):
    """Waits until there are so many."""
    end = time.monotonic() + 20
    while len(found := ask(server, "/threads").body.split()) != count:
        assert time.monotonic() < end, found
    return found


def test_the_client_is_told_and_the_traceback_is_in_the_log(limited):
    assert ask(limited, "/sleeps").status == 504
    limited.logged("line \\d+, in sleeps\n")
    assert 'takes too long; answered 504 request="GET /sleeps"' in limited.log()


def test_who_takes_too_long_is_named_as_for_the_client(tmp_path, fifo):
    (tmp_path / "site.toml").write_text('[[layer]]\nname = "request_id"\n')
    options = ["--config", str(tmp_path / "site.toml"), "--threads", "1", "--request-timeout", "1", "--drain-timeout", "0.1"]
    with Server(*options, app="workers:app") as server:
        answer = ask(server, "/waits", Fifo=fifo)
        assert answer.status == 504
        named = f'request="GET /waits" request_id="{answer.getheader("x-request-id")}"'
        assert f"takes too long; answered 504 {named} limit=1s" in server.log()
        fifo.write_text("too late")
        server.logged(f"a thread that was lost has come back {named} took=")


def test_another_thread_takes_its_place_up_to_a_bound(limited):
    for _ in range(2):
        assert ask(limited, "/thread").body in (b"wsgi-1", b"wsgi-2")
        assert ask(limited, "/sleeps").status == 504
    threads(limited, 4)
    assert ask(limited, "/thread").body in (b"wsgi-3", b"wsgi-4")
    assert ask(limited, "/sleeps").status == 504
    limited.logged("too many threads are lost")
    assert ask(limited, "/thread").body in (b"wsgi-3", b"wsgi-4")


def test_a_thread_that_comes_back_is_not_needed_any_more(limited, fifo):
    assert ask(limited, "/waits", Fifo=fifo).status == 504
    limited.logged("another thread takes the place")
    threads(limited, 3)
    fifo.write_text("too late")
    limited.logged("a thread that was lost has come back")
    assert threads(limited, 2)[1] == b"wsgi-3"
    # There is room for another again.
    assert ask(limited, "/sleeps").status == 504
    assert threads(limited, 3)[2] == b"wsgi-4"


def test_a_thread_whose_place_nobody_can_take_comes_back(limited, fifo):
    assert ask(limited, "/no_threads").status == 200
    assert ask(limited, "/waits", Fifo=fifo).status == 504
    limited.logged("no thread can take the place of the one that is lost")
    fifo.write_text("too late")
    limited.logged("a thread that was lost has come back")
    assert ask(limited, "/threads").body == b"wsgi-1 wsgi-2"


def test_without_a_thread_requests_are_refused_until_one_comes_back(limited, fifo):
    with contextlib.ExitStack() as stack:
        # Two for the threads that there are, two for those that take their place, and one that has nobody.
        waiting = [stack.enter_context(Connection(limited)) for _ in range(5)]
        for connection in waiting[:4]:
            connection.send(request("/waits", Fifo=fifo))
        assert [connection.response().status for connection in waiting[:2]] == [504, 504]
        limited.logged("(?s)(?:another thread takes the place.*){2}")
        waiting[4].send(request("/thread"))
        assert [connection.response().status for connection in waiting[2:]] == [504, 504, 503]
        limited.logged("no thread is left: requests are answered 503 until one comes back")
        refused = ask(limited, "/thread")
        assert (refused.status, refused.getheader("retry-after")) == (503, "1")
    fifo.write_text("too late")
    limited.logged("a thread that was lost has come back")
    # Whichever it is, it stays.
    for _ in range(2):
        assert ask(limited, "/thread").body in (b"wsgi-1", b"wsgi-2", b"wsgi-3", b"wsgi-4")


def test_the_only_thread_is_waited_for(fifo):
    with limit(1) as server, Connection(server) as waiting:
        assert ask(server, "/waits", Fifo=fifo).status == 504
        server.logged("the only thread is lost: requests wait until it comes back")
        waiting.send(request("/threads"))
        fifo.write_text("too late")
        assert waiting.response().body == b"wsgi-1"
        # It is not lost any more.
        assert ask(server, "/thread").body == b"wsgi-1"


def test_the_only_thread_is_waited_for_as_long_as_for_a_thread():
    with limit(1, "--queue-timeout", "0.2") as server:
        assert ask(server, "/sleeps").status == 504
        assert ask(server, "/thread").status == 503
        server.logged("no thread was free in time; answered 503")


def test_who_waits_for_the_client_is_looked_at_seldom(limited):
    def switches():
        pid = limited.process.pid
        status = Path(f"/proc/{pid}/task/{pid}/status").read_text()
        return int(status.split("voluntary_ctxt_switches:")[1].split()[0])

    length = 256 * 1024
    with Connection(limited) as connection:
        # The application has a millisecond left when it begins to wait.
        head = f"POST /late_length HTTP/1.1\r\nHost: example.org\r\nContent-Length: {length}\r\n\r\n"
        connection.send(head.encode() + b"x" * (length - 1))
        limited.logged("reading")
        before = switches()
        time.sleep(1)
        assert switches() - before < 100
        connection.send(b"x")
        assert connection.response().status in (200, 504)


def test_an_answer_that_has_begun_breaks_off():
    options = ["--request-timeout", "1", "--drain-timeout", "0.1"]
    with Server(*options, app="workers:stream") as server, Connection(server) as connection:
        connection.send(request("/"))
        response = connection.head()
        assert response.status == 200
        assert response.read1() == b"begun"
        with pytest.raises(LOST):
            response.read()
        server.logged("the answer breaks off")


def test_inline_has_nobody_to_answer():
    done = subprocess.run(
        [GOPURAM, "serve", "workers:app", "--inline", "--request-timeout", "1"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "--request-timeout is for threads" in done.stderr


@pytest.mark.parametrize(("size", "lost"), [(1, 1), (2, 3)])
def test_a_worker_without_threads_is_replaced(size, lost):
    options = ["--threads", str(size), "--request-timeout", "1", "--drain-timeout", "0.1"]
    with Fleet(*options, workers=1) as fleet:
        worn = fleet.who()
        for _ in range(lost):
            assert fleet.ask("/sleeps").status == 504
        fleet.logged(f"replacing a worker pid={worn} why=worn")
        fleet.ended(worn)
        assert fleet.who() != worn


def test_the_time_of_the_client_does_not_count(limited):
    with Connection(limited) as connection:
        length = 256 * 1024
        head = f"POST /length HTTP/1.1\r\nHost: example.org\r\nContent-Length: {length}\r\n\r\n"
        connection.send(head.encode() + b"x" * (length - 1))
        connection.socket.settimeout(3)
        # Three times as long as the application may take.
        with pytest.raises(TimeoutError):
            connection.socket.recv(1, socket.MSG_PEEK)
        connection.socket.settimeout(20)
        connection.send(b"x")
        assert connection.response().body == b"%d" % length
