"""TLS: of a file, by options, and certificates that change or are too old."""

import http.client
import json
import signal
import socket
import ssl
import subprocess

import pytest
from conftest import Server
from test_config import APP, Site, ask
from test_serving import run


@pytest.fixture
def site(tmp_path):
    (tmp_path / "shop.py").write_text(APP)
    return tmp_path


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
