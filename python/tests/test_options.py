"""The options of the command, and those that come to mind to who used another server."""

import json
import os
import re
import socket
import subprocess

import pytest
from conftest import HERE, Server
from test_serving import GOPURAM, hello, run

from gopuram import options, others

MIGRATING = (HERE.parent / "docs" / "migrating.md").read_text()


def refused(*arguments, status=2, **named):
    done = run("serve", "dispatch:app", *arguments, **named)
    assert done.returncode == status, done
    assert done.stderr.startswith("gopuram: ")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def free():
    with socket.socket() as unbound:
        unbound.bind(("127.0.0.1", 0))
        return str(unbound.getsockname()[1])


@pytest.mark.parametrize("option", [name for names in {**others.GUNICORN, **others.ELSEWHERE} for name in names.split()])
def test_options_of_other_servers_say_what_to_write(option):
    assert refused(option, "x").startswith(f"gopuram: {option}: ")
    assert refused("--inline", option).startswith(f"gopuram: {option}: ")


def test_the_table_for_people_has_all_options_that_are_refused_and_no_others():
    rows = [line.split(" | ")[0] for line in MIGRATING.splitlines() if line.startswith("| ")]
    told = {word.split()[0] for row in rows for word in re.findall(r"`(-[^`]*)`", row)}
    refused = {name for names in others.GUNICORN for name in names.split()}
    ours = set(options.read(["serve"])[0].names())
    assert not refused & ours
    assert refused - told == set()
    assert told - refused - ours == set()


def test_options_are_not_taken_for_others_that_begin_like_them():
    assert "there is no option --thread: did you mean --threads?" in refused("--thread", "4")
    assert "there is no option --nonsense (see gopuram serve --help)" in refused("--nonsense")
    assert "'more' is one word too many" in refused("more")


@pytest.mark.parametrize(
    ("option", "said"),
    {
        "--keepalive": "; --keep-alive: is said in a file, --config FILE: `idle` in [deadlines]",
        "--workers-class": "; --worker-class: there is one kind of worker: --threads N, or --inline for what was `sync`",
        "--umaks": "; --umask: is said of a socket: --bind 'unix:/run/app.sock?mode=660'; else `UMask=` of systemd",
        "--process": "; --processes: is --workers N",
        "--access_log": ": did you mean --access-log?",
        "--ssl-certfile": ": did you mean --certfile?",
        "--blocking-threads": ": did you mean --threads?",
        "--config-file": ": did you mean --config?",
        "--py-autoreload": ": did you mean --reload?",
        "--h2": "",
        "--server-header": "",
    }.items(),
)
def test_what_is_like_an_option_of_any_server_is_told_what_to_write(option, said):
    assert refused(option, "3") == f"gopuram: there is no option {option}{said} (see gopuram serve --help)\n"


def environment(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    found = {"os": os.environ.get("DEPLOYED"), "environ": environ.get("DEPLOYED")}
    return [json.dumps(found).encode()]


@pytest.mark.parametrize("workers", [[], ["--workers", "1"]])
@pytest.mark.parametrize("option", ["-e", "--env"])
def test_the_environment_of_the_process_is_set_as_by_gunicorn(option, workers):
    with Server(option, "DEPLOYED=by hand", *workers) as server:
        assert json.loads(server.get(environment).body) == {"os": "by hand", "environ": None}


def test_options_of_gunicorn_have_its_meaning():
    told = options.read(["serve", "-t", "60", "--graceful-timeout", "7", "--access-logfile", "x"])[1]
    assert (told.timeout, told.threads, told.drain_timeout, told.access_log) == (60, None, 7, "x")


@pytest.mark.parametrize(("name", "level"), [("warning", "warn"), ("critical", "error"), ("INFO", "info"), ("trace", "trace")])
def test_levels_have_the_names_that_python_gives_them(name, level):
    assert options.read(["serve", "--log-level", name])[1].log_level == level


def test_sizes_and_times_have_units_as_in_a_file():
    told = options.read(
        ["serve", "--max-spool", "1GiB", "--max-worker-memory", "512 MB", "--timeout", "1.5m", "--queue-timeout", "500ms"]
    )[1]
    assert (told.max_spool, told.max_worker_memory, told.timeout, told.queue_timeout) == (1 << 30, 512_000_000, 90, 0.5)
    told = options.read(["serve", "--max-spool", "17", "--drain-timeout", "1e2"])[1]
    assert (told.max_spool, told.drain_timeout) == (17, 100)
    for wrong in ("1.5GiB", "1gib", "GiB", "-1", "9999999999GiB", "0"):
        assert "--max-spool: " in refused("--max-spool=" + wrong)
    for wrong in ("1 week", "s", "-1s", "1e9d", "99999999d", "1..5s"):
        assert "--timeout: " in refused("--timeout=" + wrong)


def test_several_are_explained_at_once():
    done = run("explain", "limits", "tls")
    assert done.returncode == 0
    assert "[limits]" in done.stdout
    assert "[tls]" in done.stdout
    assert run("explain", "limits", "tsl").returncode == 1


def test_help_is_of_the_command_that_is_asked_for():
    serve, check = (run(command, "--help").stdout for command in ("serve", "check"))
    for text in (serve, check):
        assert "FILE.toml" in text
        assert "`application`, or else `app`" in text
    assert "SIGUSR2" in serve
    assert "SIGUSR2" not in check
    assert "gopuram serve" not in check


def checked(*arguments, directory=HERE, **env):
    command = [GOPURAM, "check", *arguments]
    return subprocess.run(
        command, cwd=directory, env={**os.environ, **env}, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_port_of_the_environment_is_heard_where_nothing_else_says_it(tmp_path):
    assert "listening 127.0.0.1:8000\n" in checked("dispatch:app", PORT="").stdout
    assert "listening 0.0.0.0:8123\n" in checked("dispatch:app", PORT="8123").stdout
    assert "listening 127.0.0.1:8001\n" in checked("dispatch:app", "--bind", "127.0.0.1:8001", PORT="8123").stdout
    file = tmp_path / "site.toml"
    file.write_text("[app]\nwsgi = 'dispatch:app'\n")
    assert "listening 127.0.0.1:8000\n" in checked(str(file), PORT="8123").stdout
    for wrong in ("http", "65536", "-1", "8000/tcp"):
        done = checked("dispatch:app", PORT=wrong)
        assert (done.returncode, done.stderr) == (1, f"gopuram: the variable PORT: '{wrong}' is no port\n")


def test_a_port_alone_is_everywhere_as_with_gunicorn():
    assert "listening 0.0.0.0:8123, 0.0.0.0:0?backlog=7\n" in checked("dispatch:app", "-b", ":8123", "--bind", ":0?backlog=7").stdout
    for wrong, told in ((":http", "the port is not a number"), ("::1:80", "is written in brackets"), (":", "the port is not a number")):
        done = checked("dispatch:app", "-b", wrong)
        assert (done.returncode, told in done.stderr) == (1, True)


def test_the_port_of_the_environment_is_served_by_workers():
    port = free()
    with Server("--workers", "1", bind=None, PORT=port) as server:
        assert server.get(hello).status == 200
