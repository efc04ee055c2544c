"""Whom the command believes in who asks: options, the environment, a file, and the access log of all of them."""

import socket
import subprocess
import sys
import time

import pytest
from conftest import Server
from test_options import refused
from test_rules_environ import FORWARDED, environ_of
from test_serving import run

import gopuram

LAYER = """
[[layer]]
name = "request_id"

[[layer]]
name = "forwarded"
"""

HOST = LAYER + """proxies = 1
host = true
fields = "forwarded"

[[layer]]
name = "compress"
"""


@pytest.fixture
def file(tmp_path):
    def written(text):
        path = tmp_path / "site.toml"
        path.write_text(text)
        return str(path)

    return written


@pytest.mark.parametrize("workers", [[], ["--workers", "1"]], ids=str)
@pytest.mark.parametrize("by_file", [False, True])
def test_the_access_log_has_the_client(tmp_path, file, workers, by_file):
    told = ["--config", file(LAYER + 'trust = "127.0.0.1"\n')] if by_file else ["--forwarded-allow-ips", "127.0.0.1"]
    log = tmp_path / "access.log"
    with Server(*told, *workers, "--access-log", str(log)) as server:
        assert environ_of(server, headers=FORWARDED)["REMOTE_ADDR"] == "192.0.2.7"
        environ_of(server)
        server.stop()
    assert [line.split()[0] for line in log.read_text().splitlines()] == ["192.0.2.7", "127.0.0.1"]


@pytest.mark.parametrize("gateway", ["http1", "http2"])
def test_a_file_may_believe_the_host(file, gateway):
    with Server("--config", file(HOST), gateway=gateway) as server:
        said = [("Forwarded", 'for="[2001:db8::7]:9";proto=https;host="shop.test"'), ("X-Forwarded-For", "6.6.6.6")]
        environ = environ_of(server, headers=said)
        names = "REMOTE_ADDR REMOTE_PORT wsgi.url_scheme HTTP_HOST SERVER_NAME SERVER_PORT".split()
        assert [environ[name] for name in names] == ["2001:db8::7", "9", "https", "shop.test", "shop.test", "443"]
        assert "HTTP_X_FORWARDED_FOR" not in environ


def test_the_environment_says_it_where_nobody_else_does(file):
    def asked(*options, **env):
        with Server(*options, **env) as server:
            return environ_of(server, headers=FORWARDED)["REMOTE_ADDR"]

    assert asked(FORWARDED_ALLOW_IPS="127.0.0.1") == "192.0.2.7"
    assert asked(FORWARDED_ALLOW_IPS="") == "127.0.0.1"
    assert asked("--forwarded-allow-ips", "10.0.0.0/8", FORWARDED_ALLOW_IPS="*") == "127.0.0.1"
    other = file(LAYER + 'trust = "10.0.0.0/8"\n')
    assert asked("--config", other, FORWARDED_ALLOW_IPS="127.0.0.1") == "127.0.0.1"
    assert asked("--config", file(""), FORWARDED_ALLOW_IPS="127.0.0.1") == "192.0.2.7"


@pytest.mark.parametrize("command", ["serve", "check"])
def test_what_is_no_list_is_refused(file, command, monkeypatch):
    def told(*options):
        done = run(command, "dispatch:app", "--bind", "127.0.0.1:0", *options)
        assert done.returncode == 2, done
        assert done.stderr.count("\n") == 1, done.stderr
        return done.stderr

    for wrong in ("", "localhost", "127.0.0.1,*", "10.0.0.0/33"):
        said = told("--forwarded-allow-ips", wrong)
        assert said.startswith(f"gopuram: --forwarded-allow-ips: `{wrong}` is no list of networks"), said
        assert "`unix` may be one of it, `*` alone is whoever is connected" in said
    both = told("--config", file(LAYER + "proxies = 1\n"), "--forwarded-allow-ips", "*")
    assert "a layer `forwarded` of the file says as well who is believed: leave out one of both" in both
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "nobody")
    assert told().startswith("gopuram: the variable FORWARDED_ALLOW_IPS: `nobody` is no list of networks")


def test_check_shows_the_layer():
    done = run("check", "dispatch:app", "--forwarded-allow-ips", "10.0.0.0/8,unix")
    assert done.returncode == 0, done
    assert "forwarded  10.0.0.0/8,unix" in done.stdout
    assert "forwarded  1 proxy" in run("check", "dispatch:app", "--forwarded-allow-ips", "*").stdout


FROM_CODE = """
import gopuram

def app(environ, start_response):
    start_response("200 OK", [])
    return [" ".join((environ["REMOTE_ADDR"], environ["wsgi.url_scheme"])).encode()]

gopuram.serve(app, "unix:code.sock", forwarded_allow_ips="unix")
"""


def test_code_may_say_it_too(tmp_path):
    with subprocess.Popen([sys.executable, "-c", FROM_CODE], cwd=tmp_path) as serving:
        wire = socket.socket(socket.AF_UNIX)
        for _ in range(1000):
            try:
                wire.connect(str(tmp_path / "code.sock"))
                break
            except OSError:
                time.sleep(0.02)
        wire.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n")
        assert wire.makefile("rb").read().endswith(b"\r\n\r\n192.0.2.7 https")
        wire.close()
        serving.terminate()


def test_code_that_is_mistaken_is_told():
    with pytest.raises(TypeError, match="forwarded_allow_ips must be a str, not list"):
        gopuram.serve(print, "unix:/nowhere/socket", forwarded_allow_ips=["10.0.0.0/8"])
    with pytest.raises(ValueError, match="`nobody` is no list of networks"):
        gopuram.serve(print, "unix:/nowhere/socket", forwarded_allow_ips="nobody")


def test_gunicorns_others_say_what_is_so_here():
    assert "--forwarded-allow-ips" in refused("--forwarder-headers", "SCRIPT_NAME")
    assert "underscore" in refused("--header-map", "drop")
