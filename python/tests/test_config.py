"""The file that says what to serve and within which layers, and what the command says of it."""

import contextlib
import gzip
import http.client
import json
import os
import re
import signal
import socket
import ssl
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


def pair(directory, name="localhost"):
    """A certificate that is its own authority, and its key."""
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    extension = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    files = ["-keyout", directory / "key.pem", "-out", directory / "cert.pem"]
    subprocess.run([*command.split(), "-subj", f"/CN={name}", *extension, *files], check=True, capture_output=True)


def trusting(directory, *protocols):
    context = ssl.create_default_context(cafile=directory / "cert.pem")
    if protocols:
        context.set_alpn_protocols(protocols)
    return context


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
    assert done.returncode in (1, 2)
    assert wanted in done.stderr
    assert "Traceback" not in done.stderr


def test_explain_lists_the_layers_and_their_keys():
    done = run("explain")
    assert done.returncode == 0
    assert {"access_log", "compress", "static_files"} <= set(done.stdout.split())
    done = run("explain", "compress")
    assert "codings" in done.stdout
    done = run("explain", "compres")
    assert (done.returncode, "did you mean `compress`" in done.stderr) == (1, True)


@pytest.mark.parametrize("workers", [[], ["--workers", "1"]])
def test_https_by_options(site, workers):
    pair(site)
    options = ["--certfile", str(site / "cert.pem"), "--keyfile", str(site / "key.pem"), *workers]
    with Site(site, "", *options) as server:
        said = json.loads(ask(server, scheme=http.client.HTTPSConnection, context=trusting(site)).body)
        assert (said["wsgi.url_scheme"], said["HTTPS"]) == ("https", "on")
        context = trusting(site, "h2", "http/1.1")
        with context.wrap_socket(socket.create_connection(server.address), server_hostname="localhost") as wire:
            assert wire.selected_alpn_protocol() == "h2"


@pytest.mark.parametrize("kind", [Site, "fleet"])
def test_certificates_are_read_again(site, kind):
    pair(site, "before")
    (site / "site.toml").write_text('listen = [{ address = "127.0.0.1:0", tls = true }]\n[tls]\ncertificate = "cert.pem"\nkey = "key.pem"\n')
    options = ["--config", str(site / "site.toml")]

    def name(server):
        context = trusting(site)
        connection = http.client.HTTPSConnection(*server.address, timeout=20, context=context)
        connection.connect()
        shown = dict(part[0] for part in connection.sock.getpeercert()["subject"])
        connection.close()
        return shown["commonName"]

    with Bound(*options, "--workers", "1") if kind == "fleet" else Bound(*options) as server:
        assert name(server) == "before"
        pair(site, "after")
        server.process.send_signal(signal.SIGHUP)
        server.logged(r"reload: reloaded|certificates were read|reload")
        for _ in range(2000):
            with_new = _name_or_none(name, server)
            if with_new == "after":
                break
        assert with_new == "after"


def _name_or_none(name, server):
    try:
        return name(server)
    except ssl.SSLError:
        return None


class Bound(Server):
    """The command at the addresses of its file."""

    def __init__(self, *options):
        super().__init__(*options, bind=None)


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


def counted(fleet):
    """How many requests the page tells of, over all workers."""
    page = fleet.ask("/metrics").body.decode()
    return sum(int(line.split()[-1]) for line in page.splitlines() if line.startswith("http_server_requests_total{"))


def counts(fleet, wanted):
    """Waits for the page to tell of so many, whichever worker is asked."""
    for _ in range(3000):
        if [counted(fleet) for _ in range(3)] == [wanted] * 3:
            return
    raise AssertionError(f"{counted(fleet)} are told, not {wanted}")


def test_workers_count_together(site):
    (site / "site.toml").write_text('[[layer]]\nname = "metrics"\nat = "/metrics"\n')
    with Fleet("--config", str(site / "site.toml")) as fleet:
        workers = {fleet.who() for _ in range(40)}
        assert len(workers) == 2
        counts(fleet, 40)
        # Who comes in another's place goes on where that one ended.
        fleet.reload(1)
        for pid in workers:
            fleet.ended(pid)
        assert {fleet.who() for _ in range(10)}.isdisjoint(workers)
        counts(fleet, 50)
        killed = fleet.pids()[0]
        os.kill(killed, signal.SIGKILL)
        fleet.ended(killed)
        fleet.times("a worker is ready", 5)
        counts(fleet, 50)


def test_probes_are_answered_before_the_application(site):
    with Site(site, '[[layer]]\nname = "health"\nready = "/ready"\n', "--inline") as server:
        assert (ask(server, "/livez").status, ask(server, "/ready").body) == (200, b"ok\n")
        assert json.loads(ask(server, "/readyz").body)["PATH_INFO"] == "/readyz"


def test_what_was_counted_is_never_less_whoever_is_asked(site):
    (site / "site.toml").write_text('[[layer]]\nname = "metrics"\nat = "/metrics"\n')
    with Fleet("--config", str(site / "site.toml")) as fleet, Load(fleet) as load:
        told = [counted(fleet) for _ in range(300)]
        load.goes_on()
        told += [counted(fleet) for _ in range(300)]
    assert told == sorted(told)
    assert told[-1] > told[0]


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


@pytest.mark.parametrize("workers", [[], ["--workers", "1"]])
def test_what_options_name_is_where_chdir_leads_to(site, workers):
    place = site / "place"
    place.mkdir()
    (site / "shop.py").rename(place / "shop.py")
    pair(place)
    # The file alone is told of from here.
    (site / "site.toml").write_text('[[layer]]\nname = "access_log"\nfile = "layer.log"\n')
    options = ["--certfile", "cert.pem", "--keyfile", "key.pem", "--access-log", "own.log", "--config", "site.toml", *workers]
    check = run("check", "shop:app", "--chdir", "place", *options, cwd=site)
    assert (check.returncode, check.stderr) == (0, "")
    with Server(*options, app="shop:app", directory="place", cwd=site) as server:
        said = json.loads(ask(server, scheme=http.client.HTTPSConnection, context=trusting(place)).body)
        assert said["wsgi.url_scheme"] == "https"
        assert server.stop()[0] == 0
    assert "GET / HTTP/1.1" in (place / "own.log").read_text()
    assert "GET / HTTP/1.1" in (site / "layer.log").read_text()


OLD = """
[ca]
default_ca = old
[old]
database = index
new_certs_dir = .
rand_serial = yes
policy = any
default_md = sha256
x509_extensions = names
[any]
commonName = supplied
[names]
subjectAltName = DNS:localhost
"""


@pytest.fixture
def expired(site):
    """A pair of files of which the certificate was valid for a day, long ago."""

    def openssl(command):
        subprocess.run(["openssl", *command.split()], cwd=site, check=True, capture_output=True)

    (site / "old.conf").write_text(OLD)
    (site / "index").touch()
    openssl("req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out asked.pem -subj /CN=localhost")
    dates = "-startdate 20000101000000Z -enddate 20000102000000Z"
    openssl(f"ca -batch -selfsign -notext -config old.conf -in asked.pem -keyfile key.pem -out cert.pem {dates}")
    return site


@pytest.mark.parametrize("by", ["options", "file"])
@pytest.mark.parametrize("workers", [[], ["--workers", "1"]])
def test_that_a_certificate_has_expired_is_said_and_no_mistake(expired, by, workers):
    options = ["--certfile", "cert.pem", "--keyfile", "key.pem"]
    if by == "file":
        text = 'listen = [{ address = "127.0.0.1:0", tls = true }]\n[tls]\ncertificate = "cert.pem"\nkey = "key.pem"\n'
        (expired / "site.toml").write_text(text)
        options = ["--config", "site.toml"]
    check = run("check", "shop:app", *options, *workers, cwd=expired)
    assert check.returncode == 0
    assert check.stderr.count("the certificate has expired") == 1
    bind = None if by == "file" else "127.0.0.1:0"
    with Server(*options, *workers, app="shop:app", directory=expired, cwd=expired, bind=bind) as server:
        server.logged("the certificate has expired")
        assert server.stop()[0] == 0
