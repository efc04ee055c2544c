"""What is refused before anything is served: `check` says it as `serve` does."""

import os
import shutil
import socket
import subprocess

import pytest
from conftest import Server
from test_config import APP
from test_serving import GOPURAM, run

#: A command line, what is in its file, what is in its environment, and what is told.
REFUSED = {
    "no application": ("", "", {}, "what is to be served?"),
    "absent module": ("nowhere:app", "", {}, "there is no module 'nowhere'"),
    "address": ("shop:app --bind nonsense", "", {}, "cannot understand the address `nonsense`"),
    "chdir": ("shop:app --chdir nowhere", "", {}, "nowhere"),
    "variable": ("shop:app --environ wsgi.input=x", "", {}, "no name for a variable"),
    "variable of a file": ("shop:app", "[environ]\nMixed = 'x'\n", {}, "no name for a variable"),
    "threads": ("shop:app --threads 0", "", {}, "0 is not from 1 to 10000"),
    "threads of a file": ("shop:app", "[app]\nthreads = 20000\n", {}, "threads must be from 1 to 10000, not 20000"),
    "inline and a deadline": ("shop:app --inline --request-timeout 1", "", {}, "--request-timeout is for threads"),
    "one file of TLS": ("shop:app --certfile cert.pem", "", {}, "--certfile and --keyfile belong together"),
    "no file of TLS": ("shop:app --certfile cert.pem --keyfile key.pem", "", {}, "cert.pem"),
    "access log": ("shop:app --access-log nowhere/log", "", {}, "the access log nowhere/log: No such file"),
    "access log of workers": ("shop:app --workers 2 --access-log nowhere/log", "", {}, "the access log nowhere/log: No such"),
    "reload of several": ("shop:app --reload --workers 2", "", {}, "--reload is for one worker (see"),
    "reload of several of a file": (
        "shop:app --reload",
        "[workers]\ncount = 2\n",
        {},
        "--reload is for one worker; [workers] of site.toml has 2, before which --workers 1 goes (see",
    ),
    "reload of nothing": ("shop:app --reload-extra shop.py", "", {}, "--reload-extra is for --reload"),
    "concurrency": ("shop:app", "", {"WEB_CONCURRENCY": "x"}, "the variable WEB_CONCURRENCY: 'x' is no whole number"),
    "no concurrency": ("shop:app", "", {"WEB_CONCURRENCY": "0"}, "the variable WEB_CONCURRENCY: 0 is not from 1"),
    "workers": ("shop:app --workers 0", "", {}, "0 is not from 1 to 10000"),
    "workers of a file": ("shop:app", "[workers]\ncount = 20000\n", {}, "workers must be from 1 to 10000, not 20000"),
    "short time": ("shop:app --timeout 0.05", "", {}, "too short a time for processes"),
    "short time of a file": ("shop:app", "[workers]\ntimeout = '50ms'\n", {}, "too short a time for processes"),
    "directory of a socket": ("shop:app --bind unix:nowhere/app.sock", "", {}, "the directory of the socket file does not exist (No such file"),
    "directory of a socket of workers": (
        "shop:app --bind unix:nowhere/app.sock --workers 2",
        "",
        {},
        "cannot listen on `unix:nowhere/app.sock`: the directory of the socket file does not exist",
    ),
    "no directory": ("shop:app --bind unix:shop.py/app.sock", "", {}, "cannot listen on `unix:shop.py/app.sock` (Not a directory"),
    "no socket": ("shop:app --bind unix:shop.py", "", {}, "there is a file that is not a socket; it was left alone"),
    "a directory for a socket": ("shop:app --bind unix:.", "", {}, "there is a file that is not a socket; it was left alone"),
    "long path": (f"shop:app --bind unix:{'a' * 120}", "", {}, "cannot listen on `unix:a"),
    "group": ("shop:app --bind unix:app.sock?group=nosuch", "", {}, "there is no such group in /etc/group: `nosuch`"),
    "owner": ("shop:app --bind unix:app.sock?owner=nosuch", "", {}, "there is no such user in /etc/passwd: `nosuch`"),
    "descriptor": ("shop:app --bind fd:77", "", {}, "cannot listen on `fd:77` (Bad file descriptor"),
    "no descriptor of a socket": ("shop:app --bind fd:1", "", {}, "cannot listen on `fd:1`"),
    "name": (f"shop:app --bind {'a' * 64}:8000", "", {}, "failed to lookup address information"),
    "wrong file": ("shop:app", "colour = 1\n", {}, "unknown key `colour`"),
}


@pytest.fixture
def site(tmp_path):
    (tmp_path / "shop.py").write_text(APP)
    return tmp_path


@pytest.mark.parametrize("case", REFUSED)
def test_check_refuses_what_serve_refuses_in_the_same_words(site, case):
    line, text, env, wanted = REFUSED[case]
    options = line.split()
    if text:
        (site / "site.toml").write_text(text)
        options += ["--config", "site.toml"]
    if "--bind" not in line:
        options += ["--bind", "127.0.0.1:0"]
    check, serve = (run(which, *options, cwd=site, **env) for which in ("check", "serve"))
    assert wanted in serve.stderr
    assert "Traceback" not in serve.stderr and "started a worker" not in serve.stderr
    # But for the command's name.
    assert check.stderr == serve.stderr.replace("(see gopuram serve --help)", "(see gopuram check --help)")
    assert check.returncode == serve.returncode != 0


def test_all_addresses_that_cannot_be_had_are_told_at_once(site):
    done = run("check", "shop:app", "--bind", "fd:77", "--bind", "127.0.0.1:0", "--bind", "unix:nowhere/a", cwd=site)
    assert done.returncode == 1
    assert [line.split(" (")[0] for line in done.stderr.splitlines()] == [
        "gopuram: cannot listen on `fd:77`",
        "cannot listen on `unix:nowhere/a`: the directory of the socket file does not exist",
    ]


@pytest.mark.parametrize("directory", ["closed", "closed/within"])
@pytest.mark.parametrize("workers", [[], ["--workers", "2"]])
def test_a_directory_that_may_not_be_written_is_told_of_a_socket_and_of_the_number(site, directory, workers):
    (site / "closed" / "within").mkdir(parents=True)
    (site / "closed" / "within").chmod(0o555)
    (site / "closed").chmod(0o555)
    # Root may write everywhere, unless it is kept from that.
    bound = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.getuid() == 0 else []
    if bound and not shutil.which("setpriv"):
        pytest.skip("root may write everywhere")
    for options in (["--bind", f"unix:{directory}/app.sock"], ["--bind", "127.0.0.1:0", "--pid", f"{directory}/pid"]):
        check, serve = (run(which, "shop:app", *options, *workers, cwd=site, within=bound) for which in ("check", "serve"))
        assert check.returncode == serve.returncode == 1
        assert "Permission denied (os error 13)" in check.stderr
        assert serve.stderr.endswith(check.stderr)
    assert list((site / "closed").iterdir()) == [site / "closed" / "within"]


@pytest.mark.parametrize("workers", [[], ["--workers", "2"]])
@pytest.mark.parametrize(
    ("file", "wanted"), [("nowhere/pid", "cannot write the file of --pid"), ("shop.py", "what is there is not the number of a process")]
)
def test_check_says_of_the_number_what_serve_says(site, file, wanted, workers):
    options = ["shop:app", "--bind", "127.0.0.1:0", "--pid", file, *workers]
    check, serve = (run(which, *options, cwd=site) for which in ("check", "serve"))
    assert check.returncode == serve.returncode == 1
    assert check.stderr.startswith("gopuram: ") and wanted in check.stderr
    assert serve.stderr.endswith(check.stderr)


def test_check_does_not_refuse_what_serve_takes(site):
    address = f"unix:{site}/app.sock?mode=660"
    # One that nobody listens at any more.
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(f"{site}/app.sock")
    (site / "pid").write_text("1234567890\n")
    before = (site / "app.sock").stat()
    done = run("check", "shop:app", "--bind", address, "--bind", "systemd:", "--pid", "pid", cwd=site)
    assert (done.returncode, done.stderr) == (0, "")
    assert (site / "app.sock").stat() == before
    with Server("--pid", str(site / "pid"), "--bind", address, app="shop:app", directory=site) as server:
        server.logged("app.sock")
        # The one to be replaced, as before a new version.
        done = run("check", "shop:app", "--bind", address, "--bind", f"127.0.0.1:{server.port}", "--pid", "pid", cwd=site)
        assert (done.returncode, done.stderr) == (0, "")
    # It was passed, and is as it was.
    with socket.create_server(("127.0.0.1", 0)) as passed:
        command = [GOPURAM, "check", "shop:app", "--bind", f"fd:{passed.fileno()}"]
        done = subprocess.run(command, cwd=site, pass_fds=[passed.fileno()], capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("options", "env", "wanted"),
    [
        ([], {}, "shop:app: 4 threads"),
        ([], {"WEB_CONCURRENCY": "3"}, "shop:app: 4 threads, 3 processes"),
        (["--workers", "2", "--inline"], {"WEB_CONCURRENCY": "3"}, "shop:app: inline, 2 processes"),
        (["--max-requests", "10"], {}, "shop:app: 4 threads, 1 process"),
        (["--reload"], {"WEB_CONCURRENCY": "3"}, "shop:app: 4 threads, 1 process"),
    ],
)
def test_check_says_by_how_many_processes(site, options, env, wanted):
    done = run("check", "shop:app", *options, cwd=site, **env)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1] == f"serving   {wanted}"


def test_one_worker_by_option_goes_before_several_of_a_file(site):
    (site / "site.toml").write_text("[workers]\ncount = 2\n")
    done = run("check", "shop:app", "--config", "site.toml", "--reload", "--workers", "1", cwd=site)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 process" in done.stdout
