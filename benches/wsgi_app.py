"""What `cargo xtask bench wsgi` serves."""

import ctypes
import gc
import os
import re
import sys

TEXT = [("Content-Type", "text/plain")]
BLOCK = b"x" * 65536
LIBC = ctypes.CDLL(None)
LIBC.open_memstream.restype = ctypes.c_void_p


def bare(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "13")])
    return [b"Hello, World!"]


def echo(environ, start_response):
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def stream(environ, start_response):
    start_response("200 OK", TEXT)
    for _ in range(16):
        yield BLOCK


def mixed(environ, start_response):
    """What can become of a request, by its path."""
    path = environ["PATH_INFO"]
    if path == "/read":
        body = environ["wsgi.input"].read()
        start_response("200 OK", [*TEXT, ("Content-Length", str(len(body)))])
        return [body]
    if path == "/raises":
        raise ValueError("as it does")
    if path == "/written":
        write = start_response("200 OK", TEXT)
        write(b"one")
        return [b"two"]
    if path == "/file":
        start_response("200 OK", TEXT)
        return environ["wsgi.file_wrapper"](open(__file__, "rb"))
    if path == "/memory":
        start_response("200 OK", TEXT)
        return [f"{sum(_in_use())}".encode()]
    if path == "/blocks" or path == "/late":
        return _blocks(path, start_response)
    start_response("200 OK", [*TEXT, ("Content-Length", "13")])
    return [b"Hello, World!"]


def _in_use():
    """How many bytes are allocated by glibc's malloc, and how many at most by Python's own allocator, without what they keep for later."""
    gc.collect()
    text, length = ctypes.c_char_p(), ctypes.c_size_t()
    stream = ctypes.c_void_p(LIBC.open_memstream(ctypes.byref(text), ctypes.byref(length)))
    LIBC.malloc_info(0, stream)
    LIBC.fclose(stream)
    said = text.value.decode()
    LIBC.free(text)
    # Behind the arenas are their sums: free chunks of two kinds, large blocks, what the system has given.
    fast, rest, mapped, system = re.findall(r'size="(\d+)"', said.rpartition("</heap>")[2])[:4]
    return int(system) + int(mapped) - int(fast) - int(rest), sys.getallocatedblocks() * 512


def _blocks(path, start_response):
    start_response("200 OK", TEXT)
    for _ in range(3):
        yield BLOCK[:5000]
    if path == "/late":
        raise ValueError("after its beginning")


def make_flask():
    import flask

    app = flask.Flask(__name__)

    @app.get("/")
    def hello():
        return {"message": "Hello, World!"}

    return app


def make_django():
    import django.conf
    from django.core.wsgi import get_wsgi_application
    from django.http import JsonResponse
    from django.urls import path

    class urls:
        urlpatterns = [path("", lambda request: JsonResponse({"message": "Hello, World!"}))]

    django.conf.settings.configure(ROOT_URLCONF=urls, ALLOWED_HOSTS=["*"], SECRET_KEY="of a benchmark", MIDDLEWARE=[])
    return get_wsgi_application()


def make_pyramid():
    from pyramid.config import Configurator

    with Configurator() as config:
        config.add_route("hello", "/")
        config.add_view(lambda request: {"message": "Hello, World!"}, route_name="hello", renderer="json")
        return config.make_wsgi_app()


#: By the name in the environment: only what is measured is loaded.
NAME = os.environ["WSGI_APP"]
app = globals()[f"make_{NAME}"]() if f"make_{NAME}" in globals() else globals()[NAME]
