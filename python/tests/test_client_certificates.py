"""Clients that prove who they are by certificates, as applications hear of it."""

import http.client
import json
import ssl
import subprocess

import pytest
from conftest import MODES, Server

APP = """
import json

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({name: value for name, value in environ.items() if "SSL" in name}).encode()]
"""

FILE = """
listen = [{ address = "127.0.0.1:0", tls = true }]

[tls]
certificate = "server.pem"
key = "server.key"
clients = { authorities = "ca.pem", required = false }
"""


def openssl(directory, *arguments):
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)


def issue(directory, name, subject, extensions, serial):
    """A certificate that the authority has signed, and its key."""
    (directory / f"{name}.ext").write_text(extensions)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key"]
    openssl(directory, "req", *key, "-out", f"{name}.csr", "-utf8", "-subj", subject)
    by = ["-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", serial, "-days", "2"]
    openssl(directory, "x509", "-req", "-in", f"{name}.csr", *by, "-extfile", f"{name}.ext", "-out", f"{name}.pem")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = tmp_path_factory.mktemp("site")
    (site / "shop.py").write_text(APP)
    (site / "site.toml").write_text(FILE)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key"]
    openssl(site, "req", "-x509", *key, "-out", "ca.pem", "-days", "2", "-subj", "/O=Shop/CN=Authority")
    issue(site, "server", "/CN=localhost", "subjectAltName=IP:127.0.0.1", "1")
    client = "extendedKeyUsage=clientAuth"
    issue(site, "ann", "/C=DE/O=Shop, Inc./CN=Ann É/emailAddress=ann@shop.test", client, "0x8abc")
    issue(site, "bob", "/CN=bob", client, "7")
    return site


def ask(server, site, client=None, headers=None):
    context = ssl.create_default_context(cafile=site / "ca.pem")
    if client:
        context.load_cert_chain(site / f"{client}.pem", site / f"{client}.key")
    connection = http.client.HTTPSConnection(*server.address, timeout=20, context=context)
    connection.request("GET", "/", headers=headers or {})
    said = json.loads(connection.getresponse().read())
    connection.close()
    return said


@pytest.fixture(params=[*MODES, "workers"])
def secured(request, site):
    options = MODES.get(request.param, ["--workers", "1"])
    with Server("--config", str(site / "site.toml"), *options, app="shop:app", directory=site, bind=None) as server:
        if request.param == "workers":
            server.logged("serving address")
        yield server


def test_an_application_hears_who_its_client_is(secured, site):
    ann = ask(secured, site, "ann")
    assert ann.pop("SSL_CLIENT_CERT") == (site / "ann.pem").read_text()
    subject = "emailAddress=ann@shop.test,CN=Ann É,O=Shop\\, Inc.,C=DE"
    assert ann == {
        "SSL_CLIENT_VERIFY": "SUCCESS",
        "SSL_CLIENT_S_DN": subject.encode().decode("latin-1"),
        "SSL_CLIENT_I_DN": "CN=Authority,O=Shop",
        "SSL_CLIENT_M_SERIAL": "8ABC",
    }
    assert ask(secured, site) == {"SSL_CLIENT_VERIFY": "NONE"}
    bob = ask(secured, site, "bob")
    assert (bob["SSL_CLIENT_S_DN"], bob["SSL_CLIENT_M_SERIAL"]) == ("CN=bob", "07")


def test_nobody_says_himself_who_he_is(secured, site):
    headers = {name: "SUCCESS" for name in ("SSL-Client-Verify", "SSL_CLIENT_VERIFY", "SSL-Client-S-DN", "SSL_CLIENT_S_DN")}
    said = ask(secured, site, headers=headers)
    assert said == {
        "SSL_CLIENT_VERIFY": "NONE",
        "HTTP_SSL_CLIENT_VERIFY": "SUCCESS",
        "HTTP_SSL_CLIENT_S_DN": "SUCCESS",
    }


def test_without_tls_nothing_is_said_of_it(site):
    with Server(app="shop:app", directory=site) as server:
        connection = http.client.HTTPConnection(*server.address, timeout=20)
        connection.request("GET", "/")
        assert json.loads(connection.getresponse().read()) == {}
        connection.close()
