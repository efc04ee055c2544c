"""The rules of PEP 3333 over several servers, as a table: ``python tests/conformance.py --date 2026-11-26 > CONFORMANCE.md``.

Each server is asked over HTTP/1.1 by the same tests, but for those that are marked as ours. A rule has as many cases as tests.
"""

import argparse
import platform
import re
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from peers import COMMANDS, version

HERE = Path(__file__).parent

#: What each rule asks for; those with a mark a server must keep, by the words of the PEP, the others it should or may.
RULES = {
    1: "the application is called with two positional arguments *",
    2: "anything that can be called is an application *",
    3: "the environ is a `dict` that the application may change *",
    4: "each request has an environ of its own *",
    5: "`start_response` takes two arguments or three *",
    6: "`start_response` returns `write` *",
    7: "each block is sent before the next is asked for *",
    8: "bytes are left alone *",
    9: "nothing but iteration, `len` and `close` is asked of the iterable *",
    10: "`close` is called once, whatever happens *",
    11: "`start_response` may be called by the iterable *",
    12: "without `start_response` there is an error",
    13: "`REQUEST_METHOD` is as sent *",
    14: "`PATH_INFO` is decoded, as Latin-1 *",
    15: "`QUERY_STRING`, `CONTENT_TYPE`, `CONTENT_LENGTH` if there are any",
    16: "`SERVER_NAME` and `SERVER_PORT` are never empty *",
    17: "`SERVER_PROTOCOL` is the client's version",
    18: "`HTTP_*` mirror the fields of the request",
    19: "`REMOTE_ADDR` is there",
    21: "variables are `str` *",
    22: "`wsgi.version` is `(1, 0)` *",
    23: "`wsgi.url_scheme` is that of the connection *",
    24: "`wsgi.input` and `wsgi.errors` have their methods *",
    25: "`wsgi.errors` takes all text",
    26: "`wsgi.multithread`, `multiprocess` and `run_once` are true *",
    27: "names of extensions are in lower case, with a prefix",
    28: "reading past the end of the body is the end",
    29: "`read` without a size, or of nothing",
    30: "`readline` with a size; long lines",
    31: "`readlines` and iteration keep line ends",
    32: "what is flushed to `wsgi.errors` is in the log",
    33: "`Date` is there once *",
    34: "names of headers are compared without case",
    35: "headers about the connection are refused",
    36: "headers are checked when they are told",
    37: "the head is not sent before the first block with something in it *",
    38: "`exc_info` before that replaces status and headers *",
    39: "`exc_info` after that is raised *",
    40: "a second call without `exc_info` is refused *",
    41: "no reference to `exc_info` is kept",
    42: "no more is sent than `Content-Length`, nor asked for",
    43: "less than `Content-Length` closes the connection",
    44: "no length is made up where `write` was used",
    45: "HTTP/1.1 and 1.0 are kept: framing, 204 and 304 *",
    46: "what is given to `write` is sent meanwhile, and is `bytes` *",
    47: "what is written comes before what is returned *",
    48: "an empty iterable after `write` is fine *",
    49: "strings are of Latin-1 *",
    50: "what is not Latin-1 is refused *",
    51: "blocks that are not `bytes` are an error",
    52: "errors are logged and survived",
    53: "`Expect: 100-continue` works *",
    54: "cookies are left in their order and as they are",
    55: "chunked bodies are decoded *",
    58: "the URL can be rebuilt",
    59: "`wsgi.file_wrapper`: nothing is sent unless it is returned *",
    60: "its `close` is the file's *",
    61: "the file is sent from where it stands, to its length",
    62: "what is no file on disk is iterated *",
    63: "`HEAD` has no body",
    64: "a status that is none is refused",
    65: "headers that are none are refused",
}

ABOVE = """\
# What of PEP 3333 servers keep

Made on {date} with {python} by

```sh
cargo xtask conformance {date}
```

which runs the [tests of the rules](tests) over each server, in its usual configuration with one process
([the commands](tests/peers.py)), over HTTP/1.1. What we promise and the PEP does not ask for is left out: which error is
raised, which status an error has, what HTTP alone asks for. Of rules that cannot be asked of a server from outside (20, 56, 57, 66
and 67) there is no row. A rule that is written with \\* is one that the PEP says servers must keep; the others they should, or may.

`pass` is all cases; else it is how many of them passed. `-` is an option of the PEP that the server does not have. What a server lacks may
fail several rules: without `write`, 6, 10, 44 and 46 to 48.

"""


class Results:
    """How many cases of each rule passed, of how many."""

    def __init__(self):
        self.rules = defaultdict(lambda: [0, 0])
        self.failed = []
        self.absent = set()

    def pytest_runtest_logreport(self, report):
        if report.when != "call" and report.passed:
            return
        name = report.nodeid.rpartition("::")[2]
        found = re.match(r"test_s(\d\d)(?:_to_s\d\d)?_", name)
        if not found:
            return
        # A test of several rules says in the name of each case which it is about.
        of_case = re.search(r"-s(\d\d)-", name) if "_to_s" in name else None
        for rule in {int((of_case or found).group(1)), *([49] if found.group(1) == "21" else [])}:
            if report.skipped:
                self.absent.add(rule)
                continue
            self.rules[rule][0] += report.passed
            self.rules[rule][1] += 1
        if report.failed:
            self.failed.append(name)

    def cell(self, rule):
        passed, all = self.rules[rule]
        if not all:
            return "-" if rule in self.absent else "?"
        return "pass" if passed == all else f"{passed} of {all}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--date", required=True, help="the date to write: clocks differ, and tables are compared")
    parser.add_argument("servers", nargs="*", help="these alone [all]")
    options = parser.parse_args()
    columns = {}
    for name in options.servers or COMMANDS:
        print(f"{name} {version(name)}", file=sys.stderr)
        columns[name] = Results()
        quiet = ["--tb=no", "--no-header", "--no-summary", "-qq", "-p", "no:cacheprovider", "-o", "addopts="]
        stdout, sys.stdout = sys.stdout, sys.stderr
        pytest.main([str(HERE), "--peer", name, "--timeout", "30", *quiet], plugins=[columns[name]])
        sys.stdout = stdout
    table(columns, options.date)


def table(columns, date):
    print(ABOVE.format(date=date, python=f"Python {platform.python_version()}"), end="")
    print("| | " + " | ".join(f"{name} {version(name)}" for name in columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for rule, text in RULES.items():
        text = text.replace(" *", " \\*")
        print(f"| S{rule} {text} | " + " | ".join(results.cell(rule) for results in columns.values()) + " |")
    kept = {name: [results.cell(rule) for rule in RULES] for name, results in columns.items()}
    print("| **rules kept** | " + " | ".join(f"**{c.count('pass')} of {len(c) - c.count('-')}**" for c in kept.values()) + " |")
    print("\n## The cases that failed\n")
    for name, results in columns.items():
        print(f"- {name}: {len(results.failed) or 'none'}")
        for failed in results.failed:
            print(f"  - `{failed.replace(f'{name}-', '').replace(f'[{name}]', '')}`")


if __name__ == "__main__":
    main()
