"""The file that says what to serve and within which layers, and what the command says of it."""

import contextlib
import gzip
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

import pytest
from conftest import Server
from fleet import Fleet, Load
from test_serving import GOPURAM, run

LAYERS = """
[[layer]]
name = "request_id"

[[layer]]
name = "access_log"
format = "%r %>s %{x-request-id}i"
file = "access.log"

[[layer]]
name = "compress"

[[layer]]
name = "static_files"
root = "public"
at = "/static"
"""

APP = """
import json, os, sys

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    names = ("wsgi.url_scheme", "HTTPS", "SERVER_PROTOCOL", "DEPLOYED", "PATH_INFO", "wsgi.multithread")
    return [json.dumps({"pid": os.getpid(), **{name: environ.get(name) for name in names}}).encode() + b" " * 2000]
"""


@pytest.fixture
def site(tmp_path):
    """A directory with an application, a file of style and what says how they are served."""
    (tmp_path / "public").mkdir()
    (tmp_path / "public" / "style.css").write_text("body { color: black }\n" * 100)
    (tmp_path / "shop.py").write_text(APP)
    return tmp_path


class Site(Server):
    """The command, told by a file alone."""

    def __init__(self, site, text, *options, **env):
        (site / "site.toml").write_text(text)
        super().__init__("--config", str(site / "site.toml"), *options, app="shop:app", directory=site, **env)


def ask(server, path="/", scheme=http.client.HTTPConnection, headers=None, **options):
    connection = scheme(*server.address, timeout=20, **options)
    connection.request("GET", path, headers=headers or {})
    response = connection.getresponse()
    response.body = response.read()
    connection.close()
    return response


def test_a_file_has_layers_around_the_application(site):
    with Site(site, '[environ]\nDEPLOYED = "by hand"\n[app]\nthreads = 1\n' + LAYERS) as server:
        page = ask(server, headers={"Accept-Encoding": "gzip"})
        assert page.getheader("content-encoding") == "gzip"
        said = json.loads(gzip.decompress(page.body))
        assert said["DEPLOYED"] == "by hand"
        assert said["wsgi.multithread"] is False
        style = ask(server, "/static/style.css")
        assert style.body == (site / "public/style.css").read_bytes()
        assert style.getheader("content-type") == "text/css; charset=utf-8"
        absent = ask(server, "/static/absent.css")
        assert server.stop()[0] == 0
    log = (site / "access.log").read_text().splitlines()
    assert re.fullmatch(r"GET / HTTP/1.1 200 [0-9a-f-]{36}", log[0])
    assert log[1].startswith("GET /static/style.css HTTP/1.1 200 ")
    # Under `at` all is the directory's.
    assert absent.status == 404


def test_options_go_before_the_file(site):
    text = '[app]\nwsgi = "nowhere:app"\nthreads = 1\ninline = false\n[environ]\nDEPLOYED = "by hand"\n'
    with Site(site, text, "--threads", "3", "--environ", "DEPLOYED=by option") as server:
        said = json.loads(ask(server).body)
        assert (said["DEPLOYED"], said["wsgi.multithread"]) == ("by option", True)


def test_the_file_alone_says_it_all(site):
    (site / "site.toml").write_text('listen = ["127.0.0.1:0"]\n[app]\nwsgi = "shop:app"\nchdir = "."\n')
    command = subprocess.Popen(
        [GOPURAM, "serve", "--config", str(site / "site.toml")], stderr=subprocess.PIPE, text=True
    )
    with command:
        port = next(found[1] for line in command.stderr if (found := re.search(r"address=127.0.0.1:(\d+)", line)))
        connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=20)
        connection.request("GET", "/here")
        assert json.loads(connection.getresponse().read())["PATH_INFO"] == "/here"
        connection.close()
        command.terminate()
        command.communicate(timeout=20)
    assert command.returncode == 0


MISTAKES = {
    "unknown key": ("[app]\nwsig = 'shop:app'\n", "site.toml:2:1: ", "did you mean `wsgi`?"),
    "unknown layer": ("[[layer]]\nname = 'compres'\n", "site.toml:2:", "did you mean `compress`?"),
    "order": ("[[layer]]\nname='compress'\n[[layer]]\nname='access_log'\n", "site.toml:3:", "it belongs outside `compress`"),
    "no TOML": ("listen = [\n", "site.toml:", "this is not TOML"),
    "not there": ("[[layer]]\nname='static_files'\nroot='nowhere'\n", "site.toml:3:", "nowhere"),
    "certificate": ("[tls]\ncertificate='cert.pem'\nkey='key.pem'\n", "site.toml:2:", "cert.pem"),
}


@pytest.mark.parametrize("command", ["serve", "check"])
@pytest.mark.parametrize("case", MISTAKES)
def test_a_wrong_file_is_told_with_its_place(site, case, command):
    text, place, wanted = MISTAKES[case]
    (site / "site.toml").write_text(text)
    done = run(command, "shop:app", "--config", "site.toml", "--bind", "127.0.0.1:0", cwd=site)
    assert done.returncode == 1
    assert place in done.stderr and wanted in done.stderr
    assert "Traceback" not in done.stderr


def test_check_says_what_would_be_served(site):
    (site / "site.toml").write_text('listen = ["127.0.0.1:8000", "unix:app.sock"]\n' + LAYERS)
    done = run("check", "shop:app", "--config", "site.toml", cwd=site)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["listening", "127.0.0.1:8000,", f"unix:{site}/app.sock"]
    assert lines[1] == "serving   shop:app: 4 threads"
    order = ["request_id", "access_log", "compress", "static_files"]
    places = [done.stdout.index(name) for name in order]
    assert places == sorted(places)
    assert not (site / "app.sock").exists()


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["nowhere:app"], "there is no module 'nowhere'"),
        (["shop:other"], "has no 'other'"),
        (["shop:app", "--bind", "example"], "example"),
        (["shop:app", "--environ", "wsgi.input=no"], "is no name for a variable"),
        (["shop:app", "--certfile", "cert.pem"], "--certfile and --keyfile belong together"),
        (["shop:app", "--certfile", "cert.pem", "--keyfile", "key.pem"], "cert.pem"),
        ([], "MODULE:NAME"),
    ],
)
def test_check_says_what_would_fail(site, arguments, wanted):
    done = run("check", *arguments, cwd=site)
    assert done.returncode in (1, 2, 3)
    assert wanted in done.stderr
    assert "Traceback" not in done.stderr


def test_a_directory_that_is_not_there_is_told_with_who_named_it(site):
    (site / "site.toml").write_text('[app]\nwsgi = "shop:app"\nchdir = "nowhere"\n')
    done = run("serve", "site.toml", cwd=site)
    assert done.returncode == 1
    assert done.stderr == f"gopuram: site.toml: `chdir` in [app]: {site}/nowhere: No such file or directory\n"
    assert run("serve", "site.toml", "--chdir", "absent", cwd=site).stderr.startswith("gopuram: --chdir absent: No such")


def test_a_configuration_of_gunicorn_is_told_from_a_file(site):
    done = run("serve", "shop:app", "--config", "gunicorn.conf.py", cwd=site)
    assert (done.returncode, "'gunicorn.conf.py' is in Python" in done.stderr) == (2, True)


def test_explain_lists_the_layers_and_their_keys():
    done = run("explain")
    assert done.returncode == 0
    assert {"access_log", "compress", "static_files"} <= set(done.stdout.split())
    done = run("explain", "compress")
    assert "codings" in done.stdout
    done = run("explain", "compres")
    assert (done.returncode, "did you mean `compress`" in done.stderr) == (1, True)


def test_workers_read_the_file_again_in_a_reload(site):
    layer = '[[layer]]\nname = "set_header"\nheader = "X-Version"\nvalue = "%s"\n'
    (site / "site.toml").write_text(layer % "1")
    with Fleet("--config", str(site / "site.toml")) as fleet:
        assert fleet.ask().getheader("x-version") == "1"
        (site / "site.toml").write_text(layer % "2")
        fleet.reload(1)
        assert fleet.ask().getheader("x-version") == "2"
        # A wrong one changes nothing.
        (site / "site.toml").write_text(layer % "3" + "colour = 1\n")
        fleet.signal(signal.SIGHUP)
        fleet.logged("unknown key `colour`")
        assert fleet.ask().getheader("x-version") == "2"


def test_a_reload_does_not_listen_elsewhere_and_an_upgrade_does(site):
    (site / "site.toml").write_text('listen = ["127.0.0.1:0", "unix:first.sock"]\n')
    with Fleet("--config", str(site / "site.toml"), bind=None) as fleet:
        (site / "site.toml").write_text('listen = ["127.0.0.1:0", "unix:second.sock"]\n')
        fleet.signal(signal.SIGHUP)
        fleet.logged("where to listen has changed")
        assert (site / "first.sock").exists()
        assert fleet.ask().status == 200
        fleet.upgrade(1)
        assert (site / "second.sock").exists()


def test_a_file_is_watched_as_the_application_is(site):
    text = '[[layer]]\nname = "set_header"\nheader = "X-Version"\nvalue = "%s"\n'
    with Site(site, text % "1", "--reload") as server:
        assert ask(server).getheader("x-version") == "1"
        (site / "site.toml").write_text(text % "two")
        server.logged("site.toml has changed")
        server.logged("reload: reloaded")
        assert ask(server).getheader("x-version") == "two"


def test_probes_are_answered_before_the_application(site):
    with Site(site, '[[layer]]\nname = "health"\nready = "/ready"\n', "--inline") as server:
        assert (ask(server, "/livez").status, ask(server, "/ready").body) == (200, b"ok\n")
        assert json.loads(ask(server, "/readyz").body)["PATH_INFO"] == "/readyz"


def test_a_reload_leaves_to_the_supervisor_what_it_holds_workers_to(site):
    text = '[app]\ninline = true\n[workers]\ntimeout = "%s"\n[deadlines]\ndrain = "%s"\n'
    (site / "site.toml").write_text(text % ("1s", "30s"))
    with Fleet("--config", str(site / "site.toml")) as fleet:
        (site / "site.toml").write_text(text % ("30s", "1h"))
        fleet.reload(1)
        workers = set(fleet.pids())
        # For longer than a worker that beats by the new file would live.
        with Load(fleet) as load:
            end = time.monotonic() + 3
            while time.monotonic() < end:
                load.goes_on(10)
        assert set(fleet.pids()) == workers
        assert "no sign of life" not in fleet.log()


def test_a_relative_file_is_watched_from_elsewhere(site):
    text = '[[layer]]\nname = "set_header"\nheader = "X-Version"\nvalue = "%s"\n'
    (site / "site.toml").write_text(text % "1")
    options = ["--config", os.path.relpath(site / "site.toml"), "--reload"]
    with Server(*options, app="shop:app", directory=site) as server:
        (site / "site.toml").write_text(text % "two")
        server.logged("site.toml has changed")


FROM_CODE = """
import sys, threading, time
import gopuram

def app(environ, start_response):
    print("asked", flush=True)
    time.sleep(20)

gopuram.serve(app, config=sys.argv[1])
"""


def test_the_end_from_code_is_as_the_file_says(site):
    (site / "site.toml").write_text('listen = ["unix:code.sock"]\n[deadlines]\ndrain = "100ms"\n')
    (site / "code.py").write_text(FROM_CODE)
    command = [sys.executable, str(site / "code.py"), str(site / "site.toml")]
    with subprocess.Popen(command, cwd=site, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as serving:
        wire = socket.socket(socket.AF_UNIX)
        for _ in range(1000):
            try:
                wire.connect(str(site / "code.sock"))
                break
            except OSError:
                time.sleep(0.02)
        wire.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert serving.stdout.readline() == "asked\n"
        serving.terminate()
        wire.settimeout(10)
        # Cut, and not answered when the application is done.
        with contextlib.suppress(ConnectionResetError):
            assert wire.recv(100) == b""
        wire.close()
        serving.kill()
