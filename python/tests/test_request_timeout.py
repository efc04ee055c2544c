"""`--request-timeout`, with and without workers."""

import socket
import subprocess

import pytest
from conftest import Server
from fleet import LOST, Connection, Fleet, ask, request
from test_serving import GOPURAM


@pytest.fixture
def limited():
    with Server("--threads", "1", "--request-timeout", "1", "--drain-timeout", "0.1", app="workers:app") as server:
        yield server


def test_the_client_is_told_and_the_traceback_is_in_the_log(limited):
    assert ask(limited, "/sleeps").status == 504
    limited.logged("line \\d+, in sleeps\n")
    assert 'takes too long; answered 504 request="GET /sleeps"' in limited.log()


def test_another_thread_takes_its_place_up_to_a_bound(limited):
    assert ask(limited, "/thread").body == b"wsgi-1"
    assert ask(limited, "/sleeps").status == 504
    assert ask(limited, "/thread").body == b"wsgi-2"
    assert ask(limited, "/sleeps").status == 504
    limited.logged("too many threads are lost")


def test_a_thread_that_comes_back_is_not_needed_any_more(limited, fifo):
    assert ask(limited, "/waits", Fifo=fifo).status == 504
    limited.logged("another thread takes the place")
    fifo.write_text("too late")
    limited.logged("a thread that was lost has come back")
    assert ask(limited, "/thread").body == b"wsgi-2"
    # There is room for another again.
    assert ask(limited, "/sleeps").status == 504
    assert ask(limited, "/thread").body == b"wsgi-3"


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


def test_a_worker_without_threads_is_replaced():
    options = ["--threads", "1", "--request-timeout", "1", "--drain-timeout", "0.1"]
    with Fleet(*options, workers=1) as fleet:
        worn = fleet.who()
        assert fleet.ask("/sleeps").status == 504
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
