"""Options that those type who come from another server, and what is written here in their place."""

from __future__ import annotations

from argparse import SUPPRESS, Action, ArgumentParser, Namespace
from typing import Any

_FILE = "is said in a file, --config FILE: "
_MANAGER = "is for the service manager: "
_LETTER = "requests are read by the letter of RFC 9112"

#: gunicorn's that are not ours by the same name; all others are. Which ones is tested against the table for people.
GUNICORN = {
    "-k --worker-class": "there is one kind of worker: --threads N, or --inline for what was `sync`",
    "--worker-connections": _FILE + "`connections` in [limits]",
    "--backlog": "is said of an address: --bind '127.0.0.1:8000?backlog=N'",
    "--keep-alive": _FILE + "`idle` in [deadlines]",
    "--limit-request-line --limit-request-field_size": _FILE + "`head` in [limits], of both together",
    "--limit-request-fields": _FILE + "`fields` in [limits]",
    "--reload-engine": "files are looked at twice a second: --reload",
    "--spew": "see `python -X importtime` and `python -m trace`",
    "--check-config --print-config": "is a command: gopuram check",
    "--preload": "workers are started, not forked, so that nothing can be loaded before: leave it out",
    "--sendfile --no-sendfile": "files of wsgi.file_wrapper are always sent by the server: leave it out",
    "--reuse-port": "workers accept from one queue, which loses nobody: leave it out",
    "-D --daemon": _MANAGER + "systemd, or a container",
    "-u --user": _MANAGER + "`User=` of systemd; of a socket, --bind 'unix:/run/app.sock?owner=NAME'",
    "-g --group --initgroups": _MANAGER + "`Group=` of systemd; of a socket, --bind 'unix:/run/app.sock?group=NAME'",
    "-m --umask": "is said of a socket: --bind 'unix:/run/app.sock?mode=660'; else `UMask=` of systemd",
    "--worker-tmp-dir": "workers give signs of life by a socket, not by a file: leave it out",
    "--forwarded-allow-ips --forwarder-headers --header-map": (
        "no field of a client is believed: Werkzeug's ProxyFix or Django's SECURE_PROXY_SSL_HEADER does, in the application"
    ),
    "--access-logformat": _FILE + "`format` of a layer access_log",
    "--error-logfile --log-file": "the log is the standard error: 2>>FILE, or the service manager's",
    "--capture-output -R --enable-stdio-inheritance": "what is printed goes where it always does: leave it out",
    "--logger-class --log-config --log-config-dict --log-config-json": (
        "the log is lines on the standard error; the application sets up `logging` for itself"
    ),
    "--log-syslog --log-syslog-to --log-syslog-prefix --log-syslog-facility --disable-redirect-access-to-syslog": (
        _FILE + "`to = \"syslog\"` of a layer access_log; the rest is the standard error"
    ),
    "--statsd-host --statsd-prefix --dogstatsd-tags": _FILE + "a layer metrics, which Prometheus reads",
    "-n --name": "processes have the name of the command, with --as-worker where it is one: leave it out",
    "--paste --paster --paste-global": "is a module of three lines: app = pyramid.paster.get_app('production.ini')",
    "--proxy-protocol --proxy-allow-from": "is said of an address: --bind '0.0.0.0:8000?proxy=10.0.0.0/8'",
    "--ssl-version --ciphers": "TLS is 1.2 and 1.3, with what is safe; `only_tls13` in [tls] of a file, --config FILE",
    "--cert-reqs --ca-certs": _FILE + "`clients` in [tls]",
    "--do-handshake-on-connect --suppress-ragged-eofs": "is always so: leave it out",
    "--permit-obsolete-folding --strip-header-spaces": _LETTER,
    "--permit-unconventional-http-method --permit-unconventional-http-version --casefold-http-method": _LETTER,
}

_NOT_NEEDED = "is always so, or not needed: leave it out"

#: Those of uWSGI, granian, uvicorn and waitress that no option here is alike to; of all of them more would be read than needed.
ELSEWHERE = {
    "--host --port --listen --http-socket --uds --unix-socket --fd": (
        "where to listen is one option: --bind 127.0.0.1:8000, --bind unix:/run/app.sock or --bind fd:3"
    ),
    "--socket --uwsgi-socket": "where to listen is one option: --bind uwsgi:unix:/run/app.sock, for `uwsgi_pass` of nginx",
    "--http": "HTTP/1.1 and HTTP/2 are spoken wherever it listens: --bind 127.0.0.1:8000",
    "--wsgi-file --module --callable --wsgi --call --factory": "what is served is one word: MODULE:NAME, or MODULE:FACTORY()",
    "--app-dir --working-dir --working-directory": "is --chdir DIRECTORY",
    "--virtualenv --venv --home": "is that of the interpreter: run the `gopuram` that is installed there",
    "--processes": "is --workers N",
    "--pidfile --pid-file": "is --pid FILE",
    "--proc-name --procname --process-name": GUNICORN["-n --name"],
    "--workers-lifetime": "is --max-worker-age TIME",
    "--workers-max-rss --reload-on-rss": "is --max-worker-memory SIZE",
    "--harakiri": "is --request-timeout TIME; the process lives on",
    "--timeout-graceful-shutdown --workers-kill-timeout --worker-reload-mercy": "is --drain-timeout TIME",
    "--keepalive-timeout --timeout-keep-alive --http-keepalive": GUNICORN["--keep-alive"],
    "--limit-concurrency --backpressure": GUNICORN["--worker-connections"],
    "--limit-request-body --max-request-body-size": _FILE + "a layer body_limit",
    "--buffer-size --h11-max-incomplete-event-size": _FILE + "`head` in [limits]",
    "--static-map --static-path-mount --static-path-route": _FILE + "a layer static_files",
    "--stats --metrics": _FILE + "a layer metrics, which Prometheus reads",
    "--ini --xml --yaml": "a file is of TOML here: --config FILE",
    "--env-file --env-files": "is -e NAME=VALUE; a file of them " + _MANAGER + "`EnvironmentFile=` of systemd",
    "--uid --gid": _MANAGER + "`User=` and `Group=` of systemd",
    "--chmod-socket": GUNICORN["-m --umask"],
    "--logto --log --logfile": "the log is the standard error: 2>>FILE, or the service manager's; one of requests is --access-log FILE",
    "--master --enable-threads --lazy-apps --single-interpreter --need-app --die-on-term --vacuum": _NOT_NEEDED,
    "--interface --loop --thunder-lock": _NOT_NEEDED,
}


class _Instead(Action):
    """An option that ends the command, with what to write in its place."""

    def __call__(self, parser: ArgumentParser, namespace: Namespace, values: Any, option: str | None = None) -> None:
        parser.error(f"{option}: {self.const}")


#: What each says.
INSTEAD = {name: instead for names, instead in {**GUNICORN, **ELSEWHERE}.items() for name in names.split()}


def add_options(parser: ArgumentParser) -> None:
    """Have each say what it is called here."""
    for names, instead in {**GUNICORN, **ELSEWHERE}.items():
        parser.add_argument(*names.split(), action=_Instead, nargs="?", const=instead, dest="instead", default=SUPPRESS, help=SUPPRESS)
