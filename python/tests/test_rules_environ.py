"""PEP 3333: what is in the environ (S13 to S23, S26, S27, S33, S49, S54, S55, S57, S58)."""

import json
import os
import re
import socket
from pathlib import Path
from urllib.parse import quote

import pytest
from client import request
from conftest import Server

PLAIN = [("Content-Type", "text/plain")]


def dump(environ, start_response):
    """The environ as JSON: what is no str by its type and truth."""
    body = environ["wsgi.input"].read()
    shown = {k: v if type(v) is str else [type(v).__name__, bool(v)] for k, v in environ.items()}
    shown["body"] = body.decode("latin-1")
    start_response("200 OK", PLAIN)
    return [json.dumps(shown).encode()]


def environ_of(server, **options):
    return json.loads(server.get(dump, **options).body)


OURS = pytest.mark.ours


@pytest.mark.parametrize("method", ["GET", "PURGE", "OPTIONS", pytest.param("purge", marks=OURS)])
def test_s13_the_method_is_as_sent(server, method):
    assert environ_of(server, method=method)["REQUEST_METHOD"] == method


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/", "/"),
        ("/a/b?c", "/a/b"),
        pytest.param("//x", "//x", marks=OURS),
        pytest.param("/a//b", "/a//b", marks=OURS),
        pytest.param("/a%2Fb", "/a/b", marks=OURS),
        pytest.param("/%00", "/\0", marks=OURS),
        pytest.param("/../x", "/../x", marks=OURS),
        ("/caf%C3%A9", "/caf\u00c3\u00a9"),
        ("/%ff", "/\u00ff"),
    ],
)
def test_s14_the_path_is_decoded_and_otherwise_left_alone(server, target, path):
    environ = environ_of(server, target=target)
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("", path)


@pytest.mark.ours
def test_s14_a_target_may_name_the_host(server):
    assert environ_of(server, target="http://example.org/abs")["PATH_INFO"] == "/abs"


@pytest.mark.ours
def test_s14_an_asterisk_is_about_the_root(server):
    assert environ_of(server, method="OPTIONS", target="*")["PATH_INFO"] == "/"


def test_s15_what_may_be_absent(server):
    bare = environ_of(server)
    if server.strict:
        assert bare["QUERY_STRING"] == ""
        assert not {"CONTENT_TYPE", "HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"} & bare.keys()
        # SCGI always tells it.
        assert bare.get("CONTENT_LENGTH") == ("0" if server.gateway == "scgi" else None)
    assert not any(bare.get(name) for name in ("QUERY_STRING", "CONTENT_TYPE"))
    assert bare.get("CONTENT_LENGTH") in (None, "", "0")
    full = environ_of(server, target="/?q=1", method="POST", body=b"abc", headers=[("Content-Type", "text/x")])
    assert (full["QUERY_STRING"], full["CONTENT_TYPE"], full["CONTENT_LENGTH"]) == ("q=1", "text/x", "3")
    assert not server.strict or not {"HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"} & full.keys()


def test_s16_the_server_has_a_name_and_a_port(server):
    environ = environ_of(server)
    if server.strict:
        assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == (server.name, server.port)
    assert environ["SERVER_NAME"] and environ["SERVER_PORT"].isdecimal()


def test_s16_the_server_has_a_name_even_if_the_client_does_not_know_it(server):
    environ = environ_of(server, host=None, version="HTTP/1.0")
    if server.strict:
        assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == (server.name, server.port)
    assert environ["SERVER_NAME"] and environ["SERVER_PORT"].isdecimal()


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
def test_s17_the_protocol_is_the_clients(server, version):
    wanted = "HTTP/2" if server.gateway == "http2" else version
    assert environ_of(server, version=version)["SERVER_PROTOCOL"] == wanted


def test_s18_fields_are_mirrored(server):
    headers = [("X-Twice", "a"), ("X-Twice", "b"), ("X-Empty", ""), ("X-Latin", "caf\u00e9")]
    environ = environ_of(server, headers=headers)
    assert environ["HTTP_X_TWICE"] == "a, b" if server.strict else environ["HTTP_X_TWICE"] in ("a, b", "a,b")
    assert environ["HTTP_X_EMPTY"] == ""
    assert environ["HTTP_X_LATIN"] == "caf\u00e9"
    assert "HTTP_USER_AGENT" not in environ


@pytest.mark.ours
def test_s18_cookies_are_joined_by_a_semicolon(server):
    assert environ_of(server, headers=[("Cookie", "a=1"), ("Cookie", "b=2")])["HTTP_COOKIE"] == "a=1; b=2"


@pytest.mark.ours
def test_s18_a_field_that_would_be_taken_for_another_is_dropped(server):
    assert "HTTP_X_UNDER" not in environ_of(server, headers=[("X_Under", "score")])


@pytest.mark.ours
def test_s18_a_proxy_is_not_the_clients_to_choose(server):
    assert "HTTP_PROXY" not in environ_of(server, headers=[("Proxy", "evil")])


#: What every environ has; the readme lists the same.
ALWAYS = {
    "PATH_INFO",
    "QUERY_STRING",
    "RAW_URI",
    "REMOTE_ADDR",
    "REMOTE_PORT",
    "REQUEST_METHOD",
    "REQUEST_SCHEME",
    "REQUEST_URI",
    "SCRIPT_NAME",
    "SERVER_ADDR",
    "SERVER_NAME",
    "SERVER_PORT",
    "SERVER_PROTOCOL",
    "wsgi.errors",
    "wsgi.file_wrapper",
    "wsgi.input",
    "wsgi.input_terminated",
    "wsgi.multiprocess",
    "wsgi.multithread",
    "wsgi.run_once",
    "wsgi.url_scheme",
    "wsgi.version",
}


def test_s19_other_variables_of_cgi_are_given(server):
    environ = environ_of(server, target="/a%20b?q")
    assert environ["REMOTE_ADDR"] == "127.0.0.1"
    if not server.strict:
        return
    assert environ["REMOTE_PORT"].isdecimal()
    assert environ["SERVER_ADDR"] == "127.0.0.1"
    assert environ["REQUEST_URI"] == environ["RAW_URI"] == "/a%20b?q"
    assert "HTTPS" not in environ


@pytest.mark.ours
def test_s20_the_variables_are_documented(server):
    readme = Path(__file__).parent.with_name("README.md").read_text()
    environ = environ_of(server)
    given = {name for name in environ if not name.startswith("HTTP_")} - {"body", "DEPLOYED", "site.name"}
    given -= {"CONTENT_LENGTH"} if server.gateway == "scgi" else set()
    assert given == ALWAYS
    for name in given:
        assert f"`{name}`" in readme


def test_s21_variables_are_strings_of_latin1(server):
    environ = environ_of(server, target="/%e9?%e9", headers=[("X-Latin", "\u00ff")], method="POST", body=b"x")
    for name, value in environ.items():
        if "." not in name:
            assert type(value) is str
            assert all(ord(char) <= 0xFF for char in value)


test_s49_strings_are_of_latin1 = test_s21_variables_are_strings_of_latin1


def version(environ, start_response):
    assert type(environ["wsgi.version"]) is tuple
    start_response("200 OK", PLAIN)
    return [repr(environ["wsgi.version"]).encode()]


def test_s22_the_version_is_one_dot_zero(server):
    assert server.get(version).body == b"(1, 0)"


def test_s23_the_scheme_is_the_connections(server):
    # Whom a client says it is forwarded by is not believed; others believe those on the same machine.
    environ = environ_of(server, headers=[("X-Forwarded-Proto", "https")] if server.strict else [])
    assert environ["wsgi.url_scheme"] == "http"


def test_s23_the_scheme_is_what_a_front_server_says(tmp_path):
    path = tmp_path / "scgi"
    with Server("--bind", f"scgi:unix:{path}") as server:
        server.logged("scgi:unix:")
        for https, scheme in (("on", "https"), ("off", "http"), ("", "http")):
            variables = {
                "CONTENT_LENGTH": "0",
                "SCGI": "1",
                "REQUEST_METHOD": "GET",
                "REQUEST_URI": "/",
                "SERVER_NAME": "",
                "HTTPS": https,
                "HTTP_HOST": "example.org",
                "HTTP_X_APP": "test_rules_environ.dump",
            }
            block = "".join(f"{name}\0{value}\0" for name, value in variables.items()).encode()
            with socket.socket(socket.AF_UNIX) as front:
                front.settimeout(20)
                front.connect(str(path))
                front.sendall(b"%d:%b," % (len(block), block))
                head, _, body = front.makefile("rb").read().partition(b"\r\n\r\n")
            assert head.startswith(b"Status: 200 OK")
            environ = json.loads(body)
            assert environ["wsgi.url_scheme"] == scheme
            # S16: an empty name is none.
            assert environ["SERVER_NAME"] == "example.org"


FORWARDED = [("X-Forwarded-For", "6.6.6.6, 192.0.2.7"), ("X-Forwarded-Proto", "https"), ("X-Real-IP", "6.6.6.6")]


@pytest.mark.parametrize("gateway", ["http1", "http2"])
@pytest.mark.parametrize(
    "options", [["127.0.0.0/8"], ["*", "--inline"], [" ::1, 127.0.0.1", "--workers", "1"], ["127.0.0.1,unix", "--reload"]], ids=str
)
def test_s23_the_scheme_is_what_a_proxy_says_that_is_trusted(options, gateway):
    with Server("--forwarded-allow-ips", *options, gateway=gateway) as server:
        environ = environ_of(server, headers=FORWARDED)
        assert environ["wsgi.url_scheme"] == environ["REQUEST_SCHEME"] == "https"
        assert (environ["HTTPS"], environ["REMOTE_ADDR"]) == ("on", "192.0.2.7")
        assert "REMOTE_PORT" not in environ
        assert "HTTP_X_REAL_IP" not in environ
        # The server is where it is: no host is believed.
        assert (environ["SERVER_NAME"], environ["HTTP_HOST"]) == ("127.0.0.1", "example.org")
        plain = environ_of(server)
        assert (plain["wsgi.url_scheme"], plain["REMOTE_ADDR"]) == ("http", "127.0.0.1")
        wrong = environ_of(server, headers=[("X-Forwarded-For", "unknown"), ("X-Forwarded-Proto", "gopher")])
        assert (wrong["wsgi.url_scheme"], wrong["REMOTE_ADDR"]) == ("http", "127.0.0.1")


@pytest.mark.parametrize("gateway", ["http1", "http2"])
def test_s23_the_scheme_is_not_what_a_stranger_says(gateway):
    with Server("--forwarded-allow-ips", "10.0.0.0/8", gateway=gateway) as server:
        environ = environ_of(server, headers=FORWARDED)
        assert (environ["wsgi.url_scheme"], environ["REMOTE_ADDR"]) == ("http", "127.0.0.1")
        assert not [name for name in environ if "FORWARDED" in name or "REAL_IP" in name]


@pytest.mark.parametrize("gateway", ["fastcgi", "scgi", "uwsgi"])
def test_s23_what_a_front_server_says_goes_before_fields(gateway):
    with Server("--forwarded-allow-ips", "*", gateway=gateway) as server:
        environ = environ_of(server, headers=FORWARDED)
        assert (environ["wsgi.url_scheme"], environ["REMOTE_ADDR"]) == ("http", "127.0.0.1")


def test_s26_what_runs_the_application_is_told_truly(server):
    environ = environ_of(server)
    assert environ["wsgi.multithread"] == ["bool", server.mode == "threads"]
    assert environ["wsgi.multiprocess"] == environ["wsgi.run_once"] == ["bool", False]


def test_s26_one_thread_is_not_several():
    with Server("--threads", "1") as server:
        assert environ_of(server)["wsgi.multithread"] == ["bool", False]


def test_s27_names_of_extensions_have_a_prefix_in_lower_case(server):
    for name in environ_of(server).keys() - {"body"}:
        # The environment of the process may be there as well.
        assert (not server.strict and name in os.environ) or re.fullmatch(r"[A-Z][A-Z0-9_]*|[a-z][a-z0-9_]*(\.[a-z0-9_]+)+", name)


def own_date(environ, start_response):
    start_response("200 OK", [*PLAIN, ("Date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("Server", "mine")])
    return [b""]


def test_s33_the_date_is_added_unless_it_is_there(server):
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", server.get(dump).header("date"))
    response = server.get(own_date)
    date = response.header("date")
    assert date == "Sun, 06 Nov 1994 08:49:37 GMT" if server.strict else date
    assert not server.strict or response.header("server") == "mine"


def many_headers(environ, start_response):
    cookies = [("Set-Cookie", f"c{number}=\u00e9") for number in range(5)]
    start_response("299 Quite Fine", [("Content-Type", "text/plain"), *cookies, ("X-Empty", "")])
    return [b"x"]


def test_s54_the_response_is_as_the_application_gave_it(server):
    response = server.get(many_headers)
    assert response.status == 299
    assert response.all("set-cookie") == [f"c{number}=\u00e9" for number in range(5)]
    if server.strict:
        # HTTP/2 has no reason phrase.
        assert response.reason == ("" if server.gateway == "http2" else "Quite Fine")
        assert response.header("x-empty") == ""


@pytest.mark.parametrize(
    "body",
    [b"3\r\nabc\r\n0\r\n\r\n", b"1;x=y\r\na\r\n2\r\nbc\r\n0\r\nX-Trailer: x\r\n\r\n"],
)
def test_s55_chunks_are_decoded(server, body):
    environ = environ_of(server, method="POST", headers=[("Transfer-Encoding", "chunked")], body=body)
    assert environ["body"] == "abc"
    if server.strict:
        assert environ["CONTENT_LENGTH"] == "3"
        assert environ["wsgi.input_terminated"] == ["bool", True]
        assert "HTTP_TRANSFER_ENCODING" not in environ


@pytest.mark.ours
def test_s55_two_lengths_are_refused(server):
    headers = [("Transfer-Encoding", "chunked"), ("Content-Length", "3")]
    assert server.get(dump, method="POST", headers=headers, body=b"0\r\n\r\n").status == 400


@pytest.mark.ours
def test_s57_the_deployer_adds_variables(server):
    environ = environ_of(server)
    assert environ["DEPLOYED"] == "by hand"
    assert environ["site.name"] == "gate"


def rebuilt(environ):
    """The algorithm of PEP 3333, "URL Reconstruction"."""
    url = environ["wsgi.url_scheme"] + "://"
    if environ.get("HTTP_HOST"):
        url += environ["HTTP_HOST"]
    else:
        url += environ["SERVER_NAME"]
        standard = "443" if environ["wsgi.url_scheme"] == "https" else "80"
        if environ["SERVER_PORT"] != standard:
            url += ":" + environ["SERVER_PORT"]
    url += quote(environ.get("SCRIPT_NAME", ""), encoding="latin-1")
    url += quote(environ.get("PATH_INFO", ""), encoding="latin-1")
    if environ.get("QUERY_STRING"):
        url += "?" + environ["QUERY_STRING"]
    return url


TARGETS = ["/", "/a/b?c=d", "/caf%C3%A9", "/a%20b"]


@pytest.mark.parametrize("target", TARGETS)
def test_s58_the_url_can_be_rebuilt(server, target):
    assert rebuilt(environ_of(server, target=target)) == f"http://example.org{target}"


@pytest.mark.parametrize("target", TARGETS)
def test_s58_the_url_can_be_rebuilt_without_a_host(server, target):
    nameless = environ_of(server, target=target, host=None, version="HTTP/1.0")
    wanted = f"http://{server.name}:{server.port}{target}"
    # Which name a server goes by is a matter of how it is set up.
    assert rebuilt(nameless) == wanted if server.strict else rebuilt(nameless).endswith(f":{server.port}{target}")


def test_variables_do_not_leak_between_the_requests_of_a_connection(server):
    with server.connect() as connection:
        connection.send(request(dump, headers=[("X-First", "1")]))
        assert "HTTP_X_FIRST" in json.loads(connection.response().body)
        connection.send(request(dump))
        assert "HTTP_X_FIRST" not in json.loads(connection.response().body)
