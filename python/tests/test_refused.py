"""What is refused before anything is served: `check` says it as `serve` does."""

import pytest
from test_config import APP
from test_serving import run

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
