"""PEP 3333: how an application is called, and what it returns (S1 to S12, S46 to S48, S51, S52, S56)."""

import contextlib
import functools
import re
import threading
from collections import defaultdict
from urllib.parse import unquote

import pytest
from client import Cut, request
from conftest import Server

PLAIN = [("Content-Type", "text/plain")]
NOTES = defaultdict(list)


def note(environ, text):
    NOTES[environ["QUERY_STRING"]].append(text)


def notes(environ, start_response):
    start_response("200 OK", PLAIN)
    return [",".join(NOTES[environ["QUERY_STRING"]]).encode()]


def positional(e, s, /):
    s("200 OK", PLAIN)
    return [b"positional"]


def test_s01_arguments_are_positional(server):
    assert server.get(positional).body == b"positional"


class Instance:
    def __init__(self, environ, start_response):
        self.start_response = start_response

    def __iter__(self):
        self.start_response("200 OK", PLAIN)
        yield b"class"

    @staticmethod
    def bound(environ, start_response):
        return positional(environ, start_response)

    def __call__(self, environ, start_response):
        return positional(environ, start_response)


def texted(text, environ, start_response):
    start_response("200 OK", PLAIN)
    return [text]


partial = functools.partial(texted, b"partial")
instance = Instance(None, None)
bound = instance.bound


@pytest.mark.parametrize(
    ("app", "body"),
    [("Instance", b"class"), ("partial", b"partial"), ("instance", b"positional"), ("bound", b"positional")],
)
def test_s02_anything_that_can_be_called_is_an_application(server, app, body):
    for _ in range(2):
        assert server.get(f"test_rules_call.{app}").body == body


def destroyer(environ, start_response):
    assert type(environ) is dict
    was = "x" in environ or "wsgi.input" not in environ
    environ["x"] = 1
    start_response("200 OK", PLAIN)
    environ.clear()
    return [repr(was).encode()]


def test_s03_the_environ_is_a_dictionary_that_the_application_may_change(server):
    assert server.get(destroyer).body == b"False"


def keeper(environ, start_response):
    was = "x" in environ
    environ["x"] = 1
    start_response("200 OK", PLAIN)
    return [repr(was).encode()]


def test_s04_each_request_has_an_environ_of_its_own(server):
    with server.connect() as connection:
        for _ in range(3):
            connection.send(request(keeper))
            assert connection.response().body == b"False"


def three_ways(environ, start_response):
    exc = None
    match environ["QUERY_STRING"]:
        case "two":
            start_response("200 OK", PLAIN)
        case "none":
            start_response("200 OK", PLAIN, None)
        case "tuple":
            try:
                raise ValueError
            except ValueError as error:
                exc = error
                start_response("200 OK", PLAIN, (type(error), error, error.__traceback__))
    del exc
    return [b"ok"]


@pytest.mark.parametrize("way", ["two", "none", "tuple"])
def test_s05_start_response_takes_two_arguments_or_three(server, way):
    assert server.get(three_ways, target=f"/?{way}").body == b"ok"


def writer(environ, start_response):
    write = start_response("200 OK", PLAIN)
    assert callable(write)
    write(b"a")
    write(b"b")
    return []


def test_s06_start_response_returns_write(server):
    assert server.get(writer).body == b"ab"


def waiting(environ, start_response):
    def blocks():
        yield b"first"
        with open(environ["HTTP_X_FIFO"]) as fifo:
            fifo.read()
        yield b"second"

    start_response("200 OK", PLAIN)
    return blocks()


def test_s07_a_block_does_not_wait_for_the_next(server, fifo):
    with server.connect() as connection:
        connection.send(request(waiting, headers=[("X-Fifo", str(fifo))]))
        connection.head()
        assert connection.exactly(5) == b"first"
        fifo.write_text("go on")
        assert connection.rest() == b"second"


LARGE = [bytes([65 + number]) * 100_000 for number in range(5)]


def much_and_waiting(environ, start_response):
    def blocks():
        yield from LARGE
        with open(environ["HTTP_X_FIFO"]) as fifo:
            fifo.read()
        yield b"second"

    start_response("200 OK", PLAIN)
    return blocks()


def test_s07_nor_do_large_blocks(server, fifo):
    with server.connect() as connection:
        connection.send(request(much_and_waiting, headers=[("X-Fifo", str(fifo))]))
        connection.head()
        assert connection.exactly(500_000) == b"".join(LARGE)
        fifo.write_text("go on")
        assert connection.rest() == b"second"


def all_bytes(environ, start_response):
    start_response("200 OK", PLAIN)
    return iter([bytes(range(256)), b"\r\n", b"\0"])


def test_s08_bytes_are_left_alone(server):
    assert server.get(all_bytes).body == bytes(range(256)) + b"\r\n\0"


class Picky:
    """Has nothing but what PEP 3333 lets a server ask for."""

    def __init__(self, environ, start_response):
        start_response("200 OK", PLAIN)
        self.left = [b"a", b"b"]

    def __getattr__(self, name):
        if name not in ("close", "__len__"):
            note({"QUERY_STRING": "picky"}, name)
        raise AttributeError(name)

    def __iter__(self):
        return self

    def __next__(self):
        if not self.left:
            raise StopIteration
        return self.left.pop(0)


def test_s09_nothing_else_is_asked_of_an_iterable(server):
    assert server.get(Picky).body == b"ab"
    assert server.get(notes, target="/?picky").body == b""


class Closing:
    """An iterable that notes that it was closed."""

    def __init__(self, environ, blocks):
        self.environ = environ
        self.blocks = iter(blocks)

    def __iter__(self):
        if self.environ["HTTP_X_CASE"] == "iter":
            raise ValueError("expected")
        return self

    def __next__(self):
        block = next(self.blocks)
        if block == b"raise":
            raise ValueError("expected")
        return block

    def close(self):
        note(self.environ, "closed")
        if self.environ["HTTP_X_CASE"] == "close":
            raise ValueError("expected")


class ClosingList(list):
    def close(self):
        note(self.environ, "closed")


def closing(environ, start_response):
    case = environ["HTTP_X_CASE"]
    status = "304 Not Modified" if case == "304" else "200 OK"
    length = [("Content-Length", "3")] if case in ("long", "short", "exact") else []
    write = start_response(status, length + PLAIN)
    if case == "write":
        write(b"abc")
    if case == "list":
        result = ClosingList([b"abc"])
        result.environ = environ
        return result
    blocks = {
        "first": [b"raise"],
        "second": [b"abc", b"raise"],
        "long": [b"abcdef", b"ghi"],
        "short": [b"ab"],
        "exact": [b"abc"],
        "endless": (b"x" * 50_000 for _ in iter(int, 1)),
    }
    return Closing(environ, blocks.get(case, [] if case == "write" else [b"abc", b"def"]))


@pytest.mark.parametrize(
    "case",
    ["normal", "first", "second", "HEAD", "long", "short", "exact", "304", "write", "list", "iter", "close", "endless"],
)
def test_s10_close_is_called_once(server, case):
    with server.connect() as connection:
        method = "HEAD" if case == "HEAD" else "GET"
        connection.send(request(closing, method, target=f"/?{case}", headers=[("X-Case", case)]))
        if case == "endless":
            assert connection.head().status == 200
            connection.exactly(200_000)
        elif not server.strict:
            # How an error looks to the client is not the matter here.
            with contextlib.suppress(Cut, TimeoutError):
                connection.response()
        elif case in ("second", "short"):
            with pytest.raises(Cut):
                connection.response()
        else:
            assert connection.response().status == {"first": 500, "iter": 500, "304": 304}.get(case, 200)
    server.until(notes, b"closed", target=f"/?{case}")
    assert server.get(positional).status == 200
    assert server.get(notes, target=f"/?{case}").body == b"closed"


def late(environ, start_response):
    start_response("201 Created", [*PLAIN, ("X-Late", "yes")])
    yield b"late"


def test_s11_start_response_may_be_called_by_the_iterable(server):
    response = server.get(late)
    assert (response.status, response.header("x-late"), response.body) == (201, "yes", b"late")


def never(environ, start_response):
    return [b"secret"] if environ["QUERY_STRING"] == "list" else iter([b"secret"])


@pytest.mark.parametrize("what", ["list", "iterator"])
def test_s12_without_start_response_it_is_500(server, what):
    try:
        response = server.get(never, target=f"/?{what}")
    except Cut as error:
        assert not server.strict
        assert b"secret" not in repr(error).encode()
    else:
        assert response.status == 500
        assert b"secret" not in response.body


def write_and_wait(environ, start_response):
    write = start_response("200 OK", PLAIN)
    write(b"written")
    with open(environ["HTTP_X_FIFO"]) as fifo:
        fifo.read()
    return [b"returned"]


def test_s46_what_was_written_is_sent_while_the_application_goes_on(threads, fifo):
    with threads.connect() as connection:
        connection.send(request(write_and_wait, headers=[("X-Fifo", str(fifo))]))
        connection.head()
        assert connection.exactly(7) == b"written"
        fifo.write_text("go on")
        assert connection.rest() == b"returned"


def write_text(environ, start_response):
    write = start_response("200 OK", PLAIN)
    try:
        write("text")
    except Exception as error:
        return [type(error).__name__.encode()]
    return [b"ok"]


def test_s46_write_takes_bytes(server):
    said = server.get(write_text).body
    assert said == b"TypeError" if server.strict else said != b"ok"


def write_and_return(environ, start_response):
    start_response("200 OK", PLAIN)(b"a")
    return [b"b"]


def test_s47_what_is_written_comes_before_what_is_returned(server):
    assert server.get(write_and_return).body == b"ab"


def test_s48_an_empty_iterable_may_follow(server):
    response = server.get(writer)
    assert (response.status, response.body) == (200, b"ab")


def no_bytes(environ, start_response):
    start_response("200 OK", PLAIN)
    wrong = {"str": "x", "bytearray": bytearray(b"x"), "memoryview": memoryview(b"x"), "int": 120, "None": None}
    query = environ["QUERY_STRING"]
    block = wrong[query.removesuffix("-late")]
    return iter([b"good", block]) if query.endswith("-late") else [block]


@pytest.mark.parametrize("kind", ["str", "bytearray", "memoryview", "int", "None"])
def test_s51_a_block_that_is_not_bytes_is_fatal(server, kind):
    if server.strict:
        assert server.get(no_bytes, target=f"/?{kind}").status == 500
    else:
        with contextlib.suppress(Cut):
            assert server.get(no_bytes, target=f"/?{kind}").status == 500
    with pytest.raises(Cut):
        server.get(no_bytes, target=f"/?{kind}-late")


def failing(environ, start_response):
    error = {"Value": ValueError, "Exit": SystemExit, "Interrupt": KeyboardInterrupt, "Generator": GeneratorExit}
    when, kind = environ["QUERY_STRING"].split("-")
    if when == "before":
        raise error[kind](f"expected {unquote(environ['QUERY_STRING'])}")
    start_response("200 OK", PLAIN)
    if when == "after":
        raise error[kind](f"expected {environ['QUERY_STRING']}")

    def blocks():
        yield b"block"
        raise error[kind](f"expected {environ['QUERY_STRING']}")

    return blocks()


KINDS = ["Value", *(pytest.param(kind, marks=pytest.mark.ours) for kind in ("Exit", "Interrupt", "Generator"))]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("when", ["before", "after", "amid"])
def test_s52_errors_of_any_kind_are_logged_and_survived(server, when, kind):
    if not server.strict:
        with contextlib.suppress(Cut):
            server.get(failing, target=f"/?{when}-{kind}")
    elif when == "amid":
        with pytest.raises(Cut):
            server.get(failing, target=f"/?{when}-{kind}")
    else:
        assert server.get(failing, target=f"/?{when}-{kind}").status == 500
    server.logged(rf"Traceback[^\n]*\n[\s\S]*: expected {when}-{kind}")
    assert server.get(positional).status == 200


class Exits:
    """Ends all when it is asked how much it is."""

    def __len__(self):
        raise SystemExit("expected of len")

    def __iter__(self):
        return iter([b"block"])


def exits(environ, start_response):
    start_response("200 OK", PLAIN)
    return Exits()


@pytest.mark.ours
def test_s52_an_exit_where_a_length_is_asked_for_is_no_missing_length(server):
    assert server.get(exits).status == 500
    server.logged("SystemExit: expected of len\n")


def returns_none(environ, start_response):
    start_response("200 OK", PLAIN)


@pytest.mark.ours
def test_s52_none_is_no_iterable(server):
    assert server.get(returns_none).status == 500


LOCK = threading.Lock()
INSIDE = [0, 0]


def counted(environ, start_response):
    with LOCK:
        INSIDE[0] += 1
        INSIDE[1] = max(INSIDE)
    for _ in range(200):
        threading.Event().wait(0)
    with LOCK:
        INSIDE[0] -= 1
    start_response("200 OK", PLAIN)
    return [str(INSIDE[1]).encode()]


def test_s56_one_thread_is_one_request_at_a_time():
    with Server("--threads", "1") as server:
        connections = [server.connect() for _ in range(8)]
        for connection in connections:
            connection.send(request(counted))
        assert {connection.response().body for connection in connections} == {b"1"}
        for connection in connections:
            connection.close()


@pytest.mark.ours
def test_a_log_line_names_the_place_of_an_error(server):
    server.get(failing, target="/?before-Value")
    assert re.search(r"File \".*test_rules_call\.py\", line \d+, in failing", server.log())


def two_write(environ, start_response):
    """A thread goes on writing when the application has returned, against the rules."""
    write = start_response("200 OK", PLAIN)
    begun = threading.Event()

    def writes():
        with contextlib.suppress(Exception):
            write(b"x" * 1_000_000)
            begun.set()
            while True:
                write(b"x" * 1_000_000)

    threading.Thread(target=writes, daemon=True).start()
    begun.wait()
    yield b"y" * 100_000
    yield b"y" * 100_000


@pytest.mark.ours
def test_a_thread_that_writes_when_the_application_has_returned_is_no_panic(server):
    with server.connect() as connection:
        connection.send(request(two_write))
        assert connection.head().status == 200
        connection.exactly(1_000_000)
        body = connection.rest()
    assert body.count(b"y") == 200_000
    assert body.replace(b"y" * 100_000, b"").strip(b"x") == b""
    assert "panicked" not in server.log()
