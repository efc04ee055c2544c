"""The examples of the frameworks, each served as its first line says."""

import hashlib
import http.cookiejar
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

import pytest
from conftest import HERE, MODES, Server

EXAMPLES = HERE.parent / "examples"
#: More than is kept in memory, and of all bytes.
FILE = bytes(range(256)) * 12_000
COUNTED = b"".join(b"%d\n" % number for number in range(1000))


class Browser:
    """Keeps cookies and follows redirects."""

    def __init__(self, server):
        self.base = f"http://{server.address[0]}:{server.address[1]}"
        jar = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
        self.cookies = jar

    def open(self, path, data=None, headers=()):
        request = urllib.request.Request(self.base + path, data, dict(headers))
        with self.opener.open(request, timeout=20) as response:
            return response, response.read()

    def get(self, path, headers=()):
        return self.open(path, headers=headers)[1]

    def form(self, path, **fields):
        return self.open(path, urlencode(fields).encode())[1]

    def upload(self, path, fields=(), **files):
        parts = [(f'name="{name}"', value.encode()) for name, value in dict(fields).items()]
        parts += [(f'name="{name}"; filename="{name}.bin"', data) for name, data in files.items()]
        body = b"".join(b'--edge\r\nContent-Disposition: form-data; %b\r\n\r\n%b\r\n' % (d.encode(), v) for d, v in parts)
        headers = {"Content-Type": "multipart/form-data; boundary=edge"}
        return self.open(path, body + b"--edge--\r\n", headers)


@pytest.fixture(scope="module", params=MODES)
def flask(request):
    # What Werkzeug's lint says is an error.
    with Server(*MODES[request.param], app="linted:app", PYTHONPATH=str(EXAMPLES / "flask")) as server:
        yield server
        assert "Warning" not in server.log()
        assert "Traceback" not in server.log()


def test_flask_has_sessions_and_forms(flask):
    browser = Browser(flask)
    assert b"Nobody" in browser.get("/")
    assert b"Ada's notes" in browser.form("/", name="Ada")
    assert b"Ada" in browser.get("/")


def test_flask_keeps_files_and_sends_them(flask):
    browser = Browser(flask)
    response, body = browser.upload("/files", file=FILE)
    assert (response.status, json.loads(body)) == (201, {"name": "file.bin", "bytes": len(FILE)})
    response, body = browser.open("/files/file.bin")
    assert body == FILE
    response, body = browser.open("/files/file.bin", headers={"Range": "bytes=300-1299"})
    assert (response.status, body) == (206, FILE[300:1300])
    with pytest.raises(urllib.error.HTTPError, match="304"):
        browser.open("/files/file.bin", headers={"If-None-Match": response.headers["ETag"]})


def test_flask_reads_and_sends_as_it_goes(flask):
    browser = Browser(flask)
    got = json.loads(browser.open("/digest", FILE, {"Content-Type": "application/octet-stream"})[1])
    assert got == {"sha256": hashlib.sha256(FILE).hexdigest()}
    assert browser.get("/count/1000") == COUNTED


@pytest.fixture(scope="module", params=MODES)
def pyramid(request):
    with Server(*MODES[request.param], app="app:make()", directory=EXAMPLES / "pyramid") as server:
        yield server
        assert "Traceback" not in server.log()


def test_pyramid_has_static_files(pyramid):
    browser = Browser(pyramid)
    style = re.search(rb"href=(\S+)>", browser.get("/")).group(1).decode()
    assert browser.get(style) == (EXAMPLES / "pyramid/static/style.css").read_bytes()


def test_pyramid_keeps_files_and_sends_them(pyramid):
    browser = Browser(pyramid)
    response, body = browser.upload("/files", file=FILE)
    assert body == FILE
    assert response.headers["Content-Length"] == str(len(FILE))
    assert browser.get("/count/1000") == COUNTED


def test_pyramid_by_its_file(tmp_path):
    # A copy, since it has its log beside it.
    example = shutil.copytree(EXAMPLES / "pyramid", tmp_path / "pyramid")
    with Server("--config", str(example / "gopuram.toml"), app="app:make()", directory=example) as server:
        browser = Browser(server)
        response, page = browser.open("/", headers={"Accept-Encoding": "gzip"})
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        response, style = browser.open("/static/style.css")
        assert style == (example / "static/style.css").read_bytes()
        assert response.headers["ETag"]
        server.stop()
    log = (example / "access.log").read_text()
    assert re.search(r'"GET / HTTP/1.1" 200 \d+', log)
    assert '"GET /static/style.css HTTP/1.1" 200' in log


def prepared(data):
    """A database with a user who may do all."""
    environ = {**os.environ, "NOTES_DATA": str(data), "DJANGO_SUPERUSER_PASSWORD": "secret"}
    for arguments in (["migrate"], ["createsuperuser", "--noinput", "--username", "ada", "--email", "ada@example.org"]):
        command = [sys.executable, "-B", str(EXAMPLES / "django/manage.py"), *arguments, "--verbosity", "0"]
        subprocess.run(command, env=environ, check=True, timeout=60)


@pytest.fixture(scope="module", params=MODES)
def django(request, tmp_path_factory):
    data = tmp_path_factory.mktemp("notes")
    prepared(data)
    with Server(*MODES[request.param], app="wsgi", directory=EXAMPLES / "django", NOTES_DATA=str(data)) as server:
        yield server
        assert "Traceback" not in server.log()


def logged_in(server):
    browser = Browser(server)
    token(browser, "/admin/login/")
    page = browser.form("/admin/login/?next=/admin/", username="ada", password="secret", **token(browser))
    assert b"Site administration" in page
    return browser


def token(browser, page=None):
    if page:
        browser.get(page)
    return {"csrfmiddlewaretoken": next(cookie.value for cookie in browser.cookies if cookie.name == "csrftoken")}


def test_django_has_its_admin_with_uploads(django):
    browser = logged_in(django)
    fields = {"title": "A note", **token(browser, "/admin/notes/note/add/")}
    _, page = browser.upload("/admin/notes/note/add/", fields, file=FILE)
    assert b"was added successfully" in page
    assert b"A note" in browser.get("/")
    link = re.search(rb'href="(/files/[^"]+)"', browser.get("/admin/notes/note/1/change/")).group(1).decode()
    assert browser.get(link) == FILE


def test_django_refuses_who_has_no_token(django):
    with pytest.raises(urllib.error.HTTPError, match="403"):
        Browser(django).form("/admin/login/", username="ada", password="secret")


def test_django_has_static_files_and_streams(django):
    browser = Browser(django)
    response, style = browser.open("/static/admin/css/base.css")
    import django as package

    assert style == Path(package.__file__).parent.joinpath("contrib/admin/static/admin/css/base.css").read_bytes()
    with pytest.raises(urllib.error.HTTPError, match="304"):
        browser.open("/static/admin/css/base.css", headers={"If-Modified-Since": response.headers["Last-Modified"]})
    assert browser.get("/count/1000") == COUNTED
