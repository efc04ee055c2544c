"""What the documentation shows for production, as it stands there."""

import contextlib
import grp
import http.client
import json
import os
import re
import shlex
import shutil
import subprocess
import time

import pytest
from conftest import HERE
from test_options import free
from test_serving import GOPURAM, run
from test_tls import pair, trusting

DOCS = HERE.parent / "docs"
NGINX = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")

APP = """
import json

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({name: environ.get(name) for name in ("wsgi.url_scheme", "REMOTE_ADDR", "HTTP_HOST")}).encode()]
"""


def needed(program):
    """Without it nothing can be tried, which fails where nothing may be left out."""
    return pytest.mark.skipif(not program and not os.environ.get("CI"), reason="the program is not there")


def shown(kind, file="deploying.md"):
    """The blocks of a kind."""
    return re.findall(rf"(?ms)^```{kind}\n(.*?)^```$", (DOCS / file).read_text())


@contextlib.contextmanager
def running(*command, **options):
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, **options) as process:
        try:
            yield process
        finally:
            process.terminate()


def answer(make):
    """Asks until there is who answers."""
    for _ in range(500):
        with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(make()) as connection:
            fields = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "gopher", "X-Forwarded-Host": "evil.example"}
            connection.request("GET", "/", headers=fields)
            response = connection.getresponse()
            body = response.read()
            if response.status == 200:
                return json.loads(body)
        time.sleep(0.02)
    raise AssertionError("nobody answers")


@needed(NGINX)
@pytest.mark.parametrize("protocol", ["uwsgi", "http over a Unix socket", "http over TCP"])
def test_behind_nginx(tmp_path, protocol):
    code = APP
    bind = shlex.split(shown("sh")[0])[4]
    block = next(block for block in shown("nginx") if ("uwsgi_pass" in block) == (protocol == "uwsgi"))
    if protocol != "uwsgi":
        bind = bind.removeprefix("uwsgi:")
        fix = re.search(r"app\.wsgi_app = (ProxyFix\(.*?\))`", (DOCS / "deploying.md").read_text())[1]
        code += f"\nfrom werkzeug.middleware.proxy_fix import ProxyFix\napp = {fix.replace('app.wsgi_app', 'app')}\n"
    if protocol == "http over TCP":
        bind = f"127.0.0.1:{free()}"
        block = block.replace("server unix:/run/shop/app.sock;", f"server {bind};")
    (tmp_path / "shop.py").write_text(code)
    pair(tmp_path)
    port = free()
    here = {
        "/run/shop": str(tmp_path),
        "/etc/ssl/shop": str(tmp_path),
        "listen 443": f"listen 127.0.0.1:{port}",
        "include uwsgi_params": "include /etc/nginx/uwsgi_params",
        "www-data": grp.getgrgid(os.getgid()).gr_name,
    }
    for there, instead in here.items():
        block, bind = block.replace(there, instead), bind.replace(there, instead)
    temporary = "".join(f"{name}_temp_path {tmp_path}/{name};\n" for name in "client_body proxy fastcgi uwsgi scgi".split())
    user = "user root;\n" if os.getuid() == 0 else ""
    (tmp_path / "nginx.conf").write_text(
        f"{user}daemon off;\npid {tmp_path}/nginx.pid;\nerror_log stderr;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}{block}}}\n"
    )
    with (
        running(GOPURAM, "serve", "shop:app", "--bind", bind, cwd=tmp_path),
        running(NGINX, "-p", str(tmp_path), "-c", "nginx.conf", "-e", "stderr"),
    ):
        context = trusting(tmp_path)
        said = answer(lambda: http.client.HTTPSConnection("127.0.0.1", int(port), context=context, timeout=20))
    # How the port comes along depends on the distribution of nginx.
    said["HTTP_HOST"] = said["HTTP_HOST"].removesuffix(f":{port}")
    assert said == {"wsgi.url_scheme": "https", "REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "127.0.0.1"}


ANALYZE = shutil.which("systemd-analyze")
ACTIVATE = shutil.which("systemd-socket-activate")


@needed(ANALYZE)
def test_systemd_knows_all_of_the_units(tmp_path):
    units = shown("ini")
    assert len(units) == 2
    for unit in units:
        name = re.match(r"# /etc/systemd/system/(\S+)\n", unit)[1]
        (tmp_path / name).write_text(unit.replace("/srv/shop/venv/bin/gopuram", GOPURAM))
    command = [ANALYZE, "verify", "--man=no", str(tmp_path / "shop.service"), str(tmp_path / "shop.socket")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert [line for line in done.stderr.splitlines() if "shop" in line] == []


def test_the_unit_starts_what_the_command_takes(tmp_path):
    (tmp_path / "shop.py").write_text(APP)
    command = re.search(r"(?m)^ExecStart=\S+/gopuram serve (.*)$", shown("ini")[0])[1]
    # Which is made by systemd.
    command = command.replace("/run/shop", str(tmp_path))
    done = run("check", *shlex.split(command), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "4 processes" in done.stdout


@needed(ACTIVATE)
@pytest.mark.parametrize("workers", [[], ["--workers", "1"]])
def test_a_socket_of_systemd_is_served(tmp_path, workers):
    (tmp_path / "shop.py").write_text(APP)
    line = re.search(r"`systemd-socket-activate (.*?)`", (DOCS / "deploying.md").read_text())[1]
    port = free()
    arguments = [GOPURAM if word == "gopuram" else word for word in shlex.split(line.replace(":8000", f":{port}"))]
    with running(ACTIVATE, *arguments, *workers, cwd=tmp_path):
        said = answer(lambda: http.client.HTTPConnection("127.0.0.1", int(port), timeout=20))
    assert said["wsgi.url_scheme"] == "http"


def test_settings_of_pyramid_are_served_by_a_module(tmp_path):
    (tmp_path / "shop.py").write_text(APP + "\ndef main(settings, **more):\n    return app\n")
    (tmp_path / "production.ini").write_text("[app:main]\npaste.app_factory = shop:main\n")
    code = shown("python")[0]
    name = re.match(r"# (\S+)\.py\n", code)[1]
    (tmp_path / f"{name}.py").write_text(code)
    done = run("check", name, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"serving   {name}: 4 threads" in done.stdout


def test_all_options_of_an_address_are_told():
    told = run("check", "dispatch:app", "--bind", "127.0.0.1:0?nonsense").stderr
    names = set(re.findall(r"`(\w+)`", told.partition("options are")[2]))
    rows = [line.split(" | ")[0] for line in (DOCS / "addresses.md").read_text().splitlines() if line.startswith("| `")]
    assert {word for row in rows for word in re.findall(r"`([a-z]\w*)(?:=[^`]*)?`", row)} == names != set()
