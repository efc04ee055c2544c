"""Other servers of WSGI, as their manuals start them: one process, and two threads where they have threads."""

import contextlib
import importlib.metadata
import os
import re
import site
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from client import Patient, request

HERE = Path(__file__).parent
APACHE = "/usr/sbin/apache2"
MODULES = Path("/usr/lib/apache2/modules")

APACHE_CONF = """\
ServerRoot {directory}
PidFile {directory}/pid
ErrorLog {directory}/log
ServerName localhost:{port}
Listen 127.0.0.1:{port}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule wsgi_module {modules}/mod_wsgi.so
WSGISocketPrefix {directory}/wsgi
WSGIDaemonProcess tests threads=2 python-path={here}:{packages}
WSGIProcessGroup tests
WSGIApplicationGroup %{{GLOBAL}}
WSGIScriptAlias / {here}/dispatch.py
WSGICallableObject app
WSGIChunkedRequest On
<Directory {here}>
Require all granted
</Directory>
"""


def gunicorn(port, directory, *options):
    return [program("gunicorn"), "dispatch:app", "--bind", f"127.0.0.1:{port}", "--workers", "1", *options]


def mod_wsgi(port, directory):
    conf = directory / "conf"
    packages = site.getsitepackages()[0]
    conf.write_text(APACHE_CONF.format(directory=directory, port=port, modules=MODULES, here=HERE, packages=packages))
    # Apache gives root up, and what it serves may be root's alone: it is started as if by another.
    as_another = ["unshare", "--user", "--map-user=1000", "--map-group=1000"] if os.geteuid() == 0 else []
    return [*as_another, APACHE, "-f", str(conf), "-D", "FOREGROUND"]


def program(name):
    return str(Path(sys.executable).with_name(name))


#: How each is started, on a port and with a directory of its own.
COMMANDS = {
    "gopuram": lambda port, _: [program("gopuram"), "serve", "dispatch:app", "--bind", f"127.0.0.1:{port}", "--threads", "2"],
    "gunicorn-sync": gunicorn,
    "gunicorn-gthread": lambda port, at: gunicorn(port, at, "--worker-class", "gthread", "--threads", "2"),
    "uwsgi": lambda port, _: [
        *(program("uwsgi"), "--http-socket", f"127.0.0.1:{port}", "--wsgi", "dispatch:app", "--master"),
        *("--processes", "1", "--threads", "2", "--need-app", "--die-on-term"),
    ],
    "mod_wsgi": mod_wsgi,
    "waitress": lambda port, _: [program("waitress-serve"), f"--listen=127.0.0.1:{port}", "--threads=2", "dispatch:app"],
    "granian": lambda port, _: [
        *(program("granian"), "--interface", "wsgi", "--port", str(port), "--workers", "1"),
        *("--blocking-threads", "2", "dispatch:app"),
    ],
}

#: Those that never call the application in two threads at once.
SINGLE = {"gunicorn-sync"}


def version(name):
    """Of the server that is installed."""
    if name == "mod_wsgi":
        text = MODULES.joinpath("mod_wsgi.so").read_bytes()
        return re.search(rb"\0(4\.\d+\.\d+|[5-9]\.\d+\.\d+)\0", text).group(1).decode()
    return importlib.metadata.version(name.split("-")[0])


class Peer:
    """One of them, with the face of the tests' own server; ours too is asked as leniently as the others."""

    gateway = "http1"
    #: What only we promise is not asked for.
    strict = False

    def __init__(self, name):
        self.peer = name
        self.mode = "inline" if name in SINGLE else "threads"
        self.directory = tempfile.TemporaryDirectory()
        at = Path(self.directory.name)
        self.log_path = at / "log"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = free.getsockname()
        self.name, self.port = self.address[0], str(self.address[1])
        command = COMMANDS[name](self.port, at)
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=HERE,
                env={**os.environ, "PYTHONPATH": str(HERE), "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        for _ in range(400):
            with contextlib.suppress(OSError):
                socket.create_connection(self.address, timeout=1).close()
                break
            assert self.process.poll() is None, self.log()
            time.sleep(0.05)
        else:
            raise AssertionError(self.log())

    def log(self):
        return self.log_path.read_text(errors="replace")

    def logged(self, pattern):
        for _ in range(150):
            if found := re.search(pattern, self.log()):
                return found
            time.sleep(0.02)
        raise AssertionError(f"{pattern!r} is not in the log")

    def connect(self):
        return Patient(self.address)

    def get(self, app, method="GET", **options):
        with self.connect() as connection:
            connection.send(request(app, method, **options))
            return connection.response()

    def until(self, app, wanted, **options):
        end = time.monotonic() + 5
        while (got := self.get(app, **options).body) != wanted:
            assert time.monotonic() < end, got
            time.sleep(0.01)

    def lives(self):
        return self.process.poll() is None

    def stop(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, 9)
        self.process.wait()
        self.directory.cleanup()


