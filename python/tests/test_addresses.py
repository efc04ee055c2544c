"""What an address says besides where it is, whoever binds it and whoever serves there."""

import contextlib
import os
import shutil
import signal
import socket
import stat
import subprocess

import pytest
from client import request
from client_fronts import FastCgi
from conftest import Server
from fleet import Fleet
from test_serving import run

root = pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")

APP = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [(environ["REMOTE_ADDR"] + " " + environ["SCRIPT_NAME"]).encode()]
"""

#: One process, or others that serve what it has bound.
PROCESSES = {"one": [], "workers": ["--workers", "2"], "reload": ["--reload"]}


@pytest.fixture
def site(tmp_path):
    (tmp_path / "shop.py").write_text(APP)
    return tmp_path


@pytest.fixture(params=PROCESSES)
def processes(request):
    return PROCESSES[request.param]


@contextlib.contextmanager
def bound(site, processes, *addresses, **options):
    """The server at another address as well, when all of it serves."""
    binds = [word for address in addresses for word in ("--bind", address)]
    with Server(*processes, *binds, app="shop:app", directory=site, **options) as server:
        if processes:
            server.logged("serving address")
        yield server


def received(connection, data):
    connection.sendall(data)
    with connection.makefile("rb") as answer:
        return answer.read()


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("wanted", [0o600, 0o666])
def test_the_permissions_of_a_socket_are_those_that_were_asked_for(site, processes, wanted):
    # Which no mask gives.
    with bound(site, processes, f"unix:{site}/app.sock?mode={wanted:o}"):
        assert mode(site / "app.sock") == wanted


@root
def test_the_owner_and_the_group_of_a_socket_are_those_that_were_asked_for(site, processes):
    with bound(site, processes, f"unix:{site}/app.sock?owner=4711&group=4712"):
        found = (site / "app.sock").stat()
        assert (found.st_uid, found.st_gid) == (4711, 4712)


@pytest.mark.skipif(shutil.which("ss") is None, reason="nothing else tells how many may wait")
def test_as_many_wait_as_was_asked_for(site, processes):
    with bound(site, processes, f"unix:{site}/app.sock?backlog=7"):
        listed = subprocess.run(["ss", "-xlH", "src", f"{site}/app.sock"], capture_output=True, text=True, check=True)
        assert listed.stdout.split()[3] == "7"


def test_the_client_is_whom_a_balancer_names(site, processes):
    with bound(site, processes, bind="127.0.0.1:0?proxy=127.0.0.1") as server, socket.create_connection(server.address) as balancer:
        header = b"PROXY TCP4 192.0.2.7 192.0.2.8 50000 80\r\n"
        answer = received(balancer, header + b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert b"192.0.2.7" in answer


def test_an_application_is_mounted_where_its_address_says(site, processes):
    with bound(site, processes, f"fastcgi:unix:{site}/fc.sock?script_name=/f"), FastCgi(site / "fc.sock") as front:
        front.send(request("any", target="/f/page"))
        assert front.response().body == b"127.0.0.1 /f"


def test_the_log_and_the_check_say_how_is_listened(site):
    address = f"unix:{site}/app.sock?group={os.getgid()}&mode=660"
    checked = run("check", "shop:app", "--bind", address, cwd=site)
    assert checked.stdout.splitlines()[0].split() == ["listening", address]
    with bound(site, ["--workers", "1"], address) as server:
        assert f"serving address={address} " in server.log()


def file(site, options):
    text = f'listen = ["127.0.0.1:0", "unix:app.sock?{options}"]\n[app]\nwsgi = "shop:app"\nchdir = "."\n[workers]\ncount = 1\n'
    (site / "site.toml").write_text(text)


def test_a_reload_does_not_pass_over_what_has_changed_of_an_address_and_an_upgrade_takes_it_on(site):
    file(site, "mode=660")
    with Fleet("--config", str(site / "site.toml"), app="shop:app", workers=1, directory=site, bind=None) as fleet:
        assert mode(site / "app.sock") == 0o660
        number = (site / "app.sock").stat().st_ino
        file(site, "mode=600&remote_user")
        fleet.signal(signal.SIGHUP)
        fleet.logged("not reloaded")
        assert "where to listen has changed" in fleet.log()
        assert mode(site / "app.sock") == 0o660
        fleet.upgrade(1)
        assert mode(site / "app.sock") == 0o600
        # It is the same socket: nobody was turned away.
        assert (site / "app.sock").stat().st_ino == number
        fleet.signal(signal.SIGTERM)
        fleet.ended(fleet.pid)
