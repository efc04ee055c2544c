"""Flask, Django and Pyramid, and the validator of the standard library around applications of all kinds."""

import json
from pathlib import Path

import frameworks
import pytest
from conftest import MODES, Server

FORM = {"method": "POST", "headers": [("Content-Type", "application/x-www-form-urlencoded")], "body": b"field=value"}


def test_flask(server):
    assert json.loads(server.get("frameworks.flask_app", target="/hello?who=me").body)["hello"] == "me"
    assert json.loads(server.get("frameworks.flask_app", target="/hello", **FORM).body)["form"] == {"field": "value"}
    assert server.get("frameworks.flask_app", target="/stream").body == b"0\n1\n2\n"
    response = server.get("frameworks.flask_app", target="/file")
    assert response.body == Path(frameworks.__file__).read_bytes()
    assert server.get("frameworks.flask_app", target="/none").status == 404


def test_flask_reads_a_body_of_unknown_length(server):
    got = server.get("frameworks.flask_app", target="/hello", open=True, **FORM)
    assert json.loads(got.body)["form"] == {"field": "value"}


def test_django(server):
    assert server.get("frameworks.django_app", target="/hello").body == b"hello django None"
    assert server.get("frameworks.django_app", target="/hello", **FORM).body == b"hello django value"
    assert server.get("frameworks.django_app", target="/stream").body == b"0\n1\n2\n"


def test_pyramid(server):
    assert server.get("frameworks.pyramid_app", target="/hello?who=me").body == b"hello me"


def lines(environ, start_response):
    read = b"".join(environ["wsgi.input"].readlines())
    environ["wsgi.errors"].write("validated\n")
    start_response("200 OK", [("Content-Type", "text/plain")])(b"written ")
    return [read]


@pytest.mark.parametrize("mode", MODES)
def test_the_validator_of_the_standard_library_has_nothing_to_say(mode):
    with Server(*MODES[mode], VALIDATE="1") as server:
        for _ in range(2):
            assert server.get(lines, method="POST", body=b"a\nb").body == b"written a\nb"
        assert server.get("frameworks.flask_app", target="/stream").body == b"0\n1\n2\n"
        assert server.get("frameworks.flask_app", "HEAD", target="/hello").status == 200
        assert server.get("frameworks.django_app", target="/hello", **FORM).body == b"hello django value"
        assert server.get("frameworks.pyramid_app", target="/hello").body == b"hello pyramid"
        for word in ("Traceback", "AssertionError", "WSGIWarning"):
            assert word not in server.log()
