"""Django's own tests over this server: ``python tests/django_suite.py DJANGO/tests servers wsgi handlers file_uploads``.

`DJANGO` is the source of the Django that is installed, as from ``pip download --no-binary django --no-deps django==VERSION``.
Live servers are ours; and what the test client asks goes over HTTP/1.1 to one, whose environ Django gets in place of its own, and
back. Django's tests of its own server (``servers.test_basehttp``, and those that name its class) test nothing of ours.
"""

import http.client
import os
import runpy
import socket
import sys
import threading
import unittest
import uuid
from pathlib import Path
from urllib.parse import quote

import django.test.client as client
import django.test.testcases as testcases
from django.db import connections

import gopuram

#: What the client's environ says and a request over a socket does not.
BEYOND = ("wsgi.url_scheme", "SERVER_NAME", "SERVER_PORT", "REMOTE_ADDR", "REMOTE_HOST", "REMOTE_USER")


def serve(app):
    """Serves in threads until the process ends; the address."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    address = listener.getsockname()
    threading.Thread(target=gopuram.serve, args=(app, f"fd:{listener.detach()}"), daemon=True).start()
    return address


class LiveServer:
    """As `ThreadedWSGIServer` looks to Django's thread for live servers."""

    def __init__(self, address, handler, connections_override=None, **_):
        self.connections = connections_override or {}
        self.ended = threading.Event()
        self.app = None
        self.server_address = serve(self.call)

    def set_app(self, app):
        self.app = app

    def call(self, environ, start_response):
        for alias, connection in self.connections.items():
            connections[alias] = connection
        return self.app(environ, start_response)

    def serve_forever(self):
        self.ended.wait()

    def shutdown(self):
        self.ended.set()

    def server_close(self):
        pass


#: Tests that are about Django's own server, or do not hold for root.
OTHERWISE = {
    "servers.tests.LiveServerViews.test_closes_connection_without_content_length": "streams are in chunks and the connection goes on",
    "servers.tests.LiveServerViews.test_keep_alive_connection_clears_previous_request_data": "who asks to close is obeyed",
    "servers.tests.LiveServerViews.test_keep_alive_on_connection_with_content_length": "who asks to close is obeyed",
}
if os.geteuid() == 0:
    OTHERWISE["file_uploads.tests.DirectoryCreationTests.test_readonly_root"] = "root may write everywhere"

ASKED = {}
direct = client.ClientHandler.__call__
COUNTS = {"over the wire": 0, "directly, for what is no HTTP": 0}


def dispatch(environ, start_response):
    asked = ASKED[environ.pop("HTTP_X_ASKED")]
    try:
        response = asked.answer(environ)
    except BaseException as error:
        asked.error = error
        start_response("500 Internal Server Error", [])
        return [b""]
    # A stream is for the client to read, and not sent; then its length would be missing.
    dropped = {"connection", "content-length"} if response.streaming else {"connection"}
    headers = [(name, value) for name, value in response.items() if name.lower() not in dropped]
    start_response(f"{response.status_code} {response.reason_phrase}", headers)
    return [b"" if response.streaming else response.content]


class Asked:
    """A request of the client, on its way."""

    def __init__(self, handler, environ):
        self.handler, self.environ = handler, environ
        self.connections = {alias: connections[alias] for alias in connections}
        self.response = self.error = None

    def answer(self, environ):
        for alias, connection in self.connections.items():
            connections[alias] = connection
        beyond = {name: self.environ[name] for name in BEYOND if name in self.environ}
        extra = {name: value for name, value in self.environ.items() if name not in environ and not name.startswith("HTTP_")}
        if "HTTP_HOST" not in self.environ:
            del environ["HTTP_HOST"]
        # The client wants to see the response, not have it sent.
        del environ["wsgi.file_wrapper"]
        self.response = direct(self.handler, {**environ, **extra, **beyond})
        return self.response

    def send(self, address):
        environ = self.environ
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        name = str(uuid.uuid4())
        headers = {key[5:].replace("_", "-"): value for key, value in environ.items() if key.startswith("HTTP_")}
        headers |= {"X-Asked": name, "Host": headers.get("HOST", "testserver")}
        headers.pop("HOST", None)
        for key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            if environ.get(key):
                headers[key.replace("_", "-")] = environ[key]
        target = quote(environ["SCRIPT_NAME"] + environ["PATH_INFO"], encoding="latin-1")
        target += f"?{environ['QUERY_STRING']}" if environ.get("QUERY_STRING") else ""
        ASKED[name] = self
        for connection in self.connections.values():
            connection.inc_thread_sharing()
        try:
            wire = http.client.HTTPConnection(*address, timeout=30)
            wire.request(environ["REQUEST_METHOD"], target, body, headers)
            got = wire.getresponse()
            content = got.read()
            wire.close()
        finally:
            del ASKED[name]
            for connection in self.connections.values():
                connection.dec_thread_sharing()
        if self.error is not None:
            raise self.error
        assert self.response is not None, f"{got.status}, and Django was not asked"
        assert got.status == self.response.status_code
        if not self.response.streaming and environ["REQUEST_METHOD"] != "HEAD":
            assert content == self.response.content
        return self.response


def sendable(environ):
    values = [value for name, value in environ.items() if name.startswith(("HTTP_", "CONTENT_")) and value]
    texts = [str(value) for value in values] + [environ.get("QUERY_STRING", "")]
    return (
        all(text.isprintable() and text.isascii() for text in texts)
        and str(environ.get("CONTENT_LENGTH") or 0).isdecimal()
        and environ["PATH_INFO"].startswith("/")
        and " " not in environ.get("QUERY_STRING", "")
        and type(environ["wsgi.input"]) is client.FakePayload
        and environ["wsgi.input"]._FakePayload__len == int(environ.get("CONTENT_LENGTH") or 0)
    )


def over_the_wire(handler, environ, address=[]):
    way = "over the wire" if sendable(environ) else "directly, for what is no HTTP"
    COUNTS[way] += 1
    if way != "over the wire":
        return direct(handler, environ)
    if not address:
        address.append(serve(dispatch))
    return Asked(handler, environ).send(address[0])


run = unittest.TestCase.run


def run_or_skip(self, result=None):
    if why := OTHERWISE.get(self.id()):
        setattr(self, self._testMethodName, unittest.skip(why)(lambda: None))
    return run(self, result)


def main():
    tests, labels = Path(sys.argv[1]).resolve(), sys.argv[2:]
    testcases.LiveServerThread.server_class = LiveServer
    client.ClientHandler.__call__ = over_the_wire
    unittest.TestCase.run = run_or_skip
    os.chdir(tests)
    sys.path.insert(0, str(tests))
    sys.argv = ["runtests.py", "--parallel", "1", *labels]
    status = 0
    try:
        runpy.run_path("runtests.py", run_name="__main__")
    except SystemExit as error:
        status = error.code or 0
    print(COUNTS, file=sys.stderr)
    sys.stderr.flush()
    # The servers are not at their end.
    os._exit(int(bool(status)))


if __name__ == "__main__":
    main()
