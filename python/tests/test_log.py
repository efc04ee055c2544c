"""What the log says of applications that fail."""

import http.client
import random
import re

import pytest
from client import Cut, request
from conftest import MODES, Server

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
