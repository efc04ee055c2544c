"""PEP 3333: the status and the headers, and when they are sent (S34 to S41, S50, S64 to S66)."""

import contextlib
import sys
import weakref

import pytest
from client import Cut, request

PLAIN = [("Content-Type", "text/plain")]


def told(start_response, *arguments):
    """What start_response says to these arguments: the name of the error, or ``ok``."""
    try:
        start_response(*arguments)
    except Exception as error:
        return type(error).__name__
    return "ok"


class Odd(list):
    pass


HEADS = {
    "odd-case": ("200 OK", [("CONTENT-length", "2")]),
    "no reason": ("200", []),
    "empty reason": ("200 ", []),
    "no space": ("200OK", []),
    "two spaces": ("200  OK", []),
    "short": ("20 O", []),
    "long": ("1000 x", []),
    "low": ("099 x", []),
    "interim": ("100 Continue", []),
    "newline": ("200 a\nb", []),
    "return": ("200 a\rb", []),
    "delete": ("200 a\x7fb", []),
    "euro": ("200 \u20ac", []),
    "bytes": (b"200 OK", []),
    "int": (200, []),
    "tuple": ("200 OK", ()),
    "generator": ("200 OK", (pair for pair in PLAIN)),
    "subclass": ("200 OK", Odd()),
    "dict": ("200 OK", {"a": "b"}),
    "list-pair": ("200 OK", [["a", "b"]]),
    "triple": ("200 OK", [("a", "b", "c")]),
    "name-bytes": ("200 OK", [(b"a", "b")]),
    "value-bytes": ("200 OK", [("a", b"b")]),
    "value-int": ("200 OK", [("a", 1)]),
    "value-none": ("200 OK", [("a", None)]),
    "name-empty": ("200 OK", [("", "b")]),
    "name-colon": ("200 OK", [("a:", "b")]),
    "name-space": ("200 OK", [("a b", "b")]),
    "name-newline": ("200 OK", [("a\n", "b")]),
    "name-latin": ("200 OK", [("\u00e9", "b")]),
    "value-newline": ("200 OK", [("a", "b\nc: d")]),
    "value-return": ("200 OK", [("a", "b\rc")]),
    "value-nul": ("200 OK", [("a", "b\0")]),
    "value-delete": ("200 OK", [("a", "b\x7f")]),
    "value-tab": ("200 OK", [("a", "b\tc")]),
    "value-euro": ("200 OK", [("a", "\u20ac")]),
    "value-surrogate": ("200 OK", [("a", "\udc80")]),
    "length-word": ("200 OK", [("Content-Length", "x")]),
    "length-sign": ("200 OK", [("Content-Length", "+2")]),
    "length-huge": ("200 OK", [("Content-Length", "9" * 30)]),
    "length-twice": ("200 OK", [("Content-Length", "2"), ("content-length", "2")]),
    "value-latin": ("200 OK", [("a", "\u00e9")]),
    "value-spaces": ("200 OK", [("a", " b ")]),
    "str-subclass": ("200 OK", [("a", type("Text", (str,), {})("b"))]),
    "reason-latin": ("200 Tr\u00e8s bien", []),
}
HOP_BY_HOP = ["Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "TE", "Trailers", "Trailer"]
HOP_BY_HOP += ["Transfer-Encoding", "Upgrade"]
HEADS |= {name: ("200 OK", [(name, "x")]) for name in HOP_BY_HOP}

TYPE_ERRORS = {"bytes", "int", "tuple", "generator", "subclass", "dict", "list-pair", "name-bytes", "value-bytes"}
TYPE_ERRORS |= {"value-int", "value-none"}
GOOD = {"odd-case", "value-latin", "value-spaces", "str-subclass", "reason-latin"}


def checked(environ, start_response):
    """Tells a head, and then what was said to it."""
    status, headers = HEADS[environ["HTTP_X_CASE"]]
    said = told(start_response, status, headers)
    if said != "ok":
        try:
            raise ValueError(said)
        except ValueError:
            start_response("200 OK", PLAIN, sys.exc_info())
    return [said.encode()]


def says(server, case):
    return server.get(checked, headers=[("X-Case", case)])


def wanted(case):
    return b"ok" if case in GOOD else b"TypeError" if case in TYPE_ERRORS else b"ValueError"


def refuses(server, case):
    """Whether a head is refused where it is told; by which error is ours to promise."""
    said = says(server, case).body
    return said == wanted(case) if server.strict else b"ok" not in said


#: What PEP 3333 leaves open, or HTTP alone forbids.
OPEN = {"empty reason", "low", "interim", "value-tab", "value-delete", "str-subclass", "Trailer"}
OPEN |= {case for case in HEADS if case.startswith("length-")}


def params(cases):
    return [pytest.param(case, marks=pytest.mark.ours) if case in OPEN else case for case in cases]


def test_s34_names_are_compared_without_case(server):
    response = says(server, "odd-case")
    assert response.all("content-length") == ["2"]
    assert response.body == b"ok"


@pytest.mark.parametrize("name", params(HOP_BY_HOP))
def test_s35_fields_about_the_connection_are_refused(server, name):
    assert refuses(server, name)


def test_s36_headers_are_checked_when_they_are_told(server):
    # In the frame of the application, which has caught it.
    assert refuses(server, "value-newline")


def replaced(environ, start_response):
    def blocks():
        yield b""
        try:
            raise ValueError
        except ValueError:
            start_response("500 Oops", [*PLAIN, ("X-Second", "2")], sys.exc_info())
        yield b"error page"

    start_response("200 OK", [*PLAIN, ("X-First", "1")])
    return blocks()


def test_s37_the_head_is_not_sent_before_the_first_block(server):
    response = server.get(replaced)
    assert (response.status, response.body) == (500, b"error page")
    # HTTP/2 has no reason phrase.
    assert not server.strict or response.reason == ("" if server.gateway == "http2" else "Oops")


def replaced_at_once(environ, start_response):
    start_response("200 OK", [*PLAIN, ("X-First", "1")])
    try:
        raise ValueError
    except ValueError:
        start_response("500 Oops", [*PLAIN, ("X-Second", "2")], sys.exc_info())
    return [b"error page"]


def test_s38_headers_are_replaced_as_a_whole(server):
    response = server.get(replaced_at_once)
    assert response.status == 500
    assert response.header("x-first") is None
    assert response.header("x-second") == "2"


SAME = []


def too_late(environ, start_response):
    def blocks():
        yield b"sent"
        try:
            raise ValueError("expected late")
        except ValueError as error:
            mine, traceback = error, error.__traceback__
        try:
            start_response("500 Oops", PLAIN, (ValueError, mine, traceback))
        except ValueError as error:
            innermost = error.__traceback__
            while innermost.tb_next is not None:
                innermost = innermost.tb_next
            SAME.append(error is mine and innermost is traceback)
            raise

    start_response("200 OK", PLAIN)
    return blocks()


def was_same(environ, start_response):
    start_response("200 OK", PLAIN)
    return [repr(SAME).encode()]


def test_s39_after_the_head_the_error_is_raised_again(server):
    with pytest.raises(Cut) if server.strict else contextlib.suppress(Cut):
        server.get(too_late)
    assert server.get(was_same).body == b"[True]"


def twice(environ, start_response):
    first = told(start_response, *(("bad", []) if environ["QUERY_STRING"] == "bad" else ("200 OK", PLAIN)))
    second = told(start_response, "200 OK", PLAIN)
    try:
        raise ValueError
    except ValueError:
        start_response("200 OK", PLAIN, sys.exc_info())
    return [f"{first} {second}".encode()]


@pytest.mark.parametrize(("first", "said"), [("good", b"ok RuntimeError"), ("bad", b"ValueError RuntimeError")])
def test_s40_a_second_call_needs_exc_info(server, first, said):
    got = server.get(twice, target=f"/?{first}").body
    assert got == said if server.strict else got.split()[1] != b"ok"


class Watched:
    pass


ALIVE = []


def watched(environ, start_response):
    def fail():
        local = Watched()
        ALIVE.append(weakref.ref(local))
        raise ValueError

    try:
        fail()
    except ValueError:
        start_response("500 Oops", PLAIN, sys.exc_info())
    return [b"x"]


def alive(environ, start_response):
    start_response("200 OK", PLAIN)
    return [repr([ref() is not None for ref in ALIVE]).encode()]


def test_s41_no_reference_to_exc_info_is_kept(server):
    assert server.get(watched).status == 500
    assert server.get(alive).body == b"[False]"


@pytest.mark.parametrize("case", ["euro", "value-euro", "value-surrogate"])
def test_s50_what_is_not_latin1_is_refused(server, case):
    assert refuses(server, case)


def spaced(environ, start_response):
    start_response("200 OK", [*PLAIN, ("X-Spaced", "  a b ")])
    return [b""]


@pytest.mark.ours
def test_s65_spaces_around_a_value_are_no_part_of_it(server):
    assert server.get(spaced).header("x-spaced") == "a b"


STATUS = ["no reason", "empty reason", "no space", "two spaces", "short", "long", "low", "interim", "newline", "return"]
STATUS += ["delete", "bytes", "int", "reason-latin"]


def accepted_or_refused(server, case):
    if case in GOOD:
        assert says(server, case).body == b"ok"
    else:
        assert refuses(server, case)


@pytest.mark.parametrize("case", params(STATUS))
def test_s64_a_status_is_three_digits_a_space_and_a_reason(server, case):
    accepted_or_refused(server, case)


@pytest.mark.parametrize("case", params(sorted(HEADS.keys() - set(STATUS) - set(HOP_BY_HOP))))
def test_s65_headers_are_a_list_of_tuples_of_strings(server, case):
    accepted_or_refused(server, case)


def reused(environ, start_response):
    headers = [*PLAIN, ("X-Was", "told")]
    start_response("200 OK", headers)
    headers[1] = ("X-Was", "changed")
    headers.append(("X-Later", "added"))
    return [b"x"]


@pytest.mark.ours
def many(environ, start_response):
    try:
        start_response("200 OK", [*PLAIN, *[("X-Many", "y")] * int(environ["QUERY_STRING"])])
    except ValueError as error:
        start_response("200 OK", PLAIN, sys.exc_info())
        return [str(error).encode()]
    return [b"fine"]


@pytest.mark.ours
def test_s65_too_many_headers_are_refused(server):
    for number in (16_384, 30_000):
        assert server.get(many, target=f"/?{number}").body == b"more than 16384 headers"


def test_s66_the_list_is_the_servers_once_told(server):
    response = server.get(reused)
    assert response.header("x-was") == "told"
    assert response.header("x-later") is None


def bad_and_no_more(environ, start_response):
    told(start_response, "bad", [])
    return [b"secret"]


@pytest.mark.ours
def test_an_error_of_start_response_that_was_swallowed_is_500(server):
    with server.connect() as connection:
        connection.send(request(bad_and_no_more))
        response = connection.response()
    assert response.status == 500
    assert b"secret" not in response.body
