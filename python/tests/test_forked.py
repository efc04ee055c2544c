"""Processes that the application forks: none serves, whichever way it comes back, and whatever its parent does it can talk."""

import fcntl
import os
import select
import signal
import struct
import sys
import termios
import threading

import pytest
from client import request
from conftest import MODES, Server

PLAIN = [("Content-Type", "text/plain")]


def ended(child):
    """With which status a child ends; one that never does is in nobody's way."""
    process = os.pidfd_open(child)
    hangs = not select.select([process], [], [], 10)[0]
    os.close(process)
    if hangs:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return "hangs" if hangs else os.waitstatus_to_exitcode(status)


class Answer:
    """What the application returns, or fails to, when it has forked a process that goes on as if it were its parent."""

    def __init__(self, where, write):
        self.where = where
        self.write = write
        self.parent = os.getpid()
        self.left = 1

    def at(self, where):
        if where != self.where or self.is_child():
            return
        child = os.fork()
        if child:
            print(f"forked at {where}: {ended(child)}", file=sys.stderr, flush=True)
        else:
            # More than waits for a client.
            self.left = 40

    def is_child(self):
        return os.getpid() != self.parent

    def __len__(self):
        self.at("len")
        return 2

    def __iter__(self):
        self.at("iter")
        return self

    def __next__(self):
        self.at("next")
        if not self.left:
            raise StopIteration
        self.left -= 1
        return bytes(100_000)

    def close(self):
        if self.is_child() and self.where != "close":
            print("closed by the child", file=sys.stderr, flush=True)
        self.at("close")


def comes_back(environ, start_response):
    answer = Answer(environ["QUERY_STRING"], start_response("200 OK", PLAIN))
    for where in ("call", "raise", "write", "read"):
        answer.at(where)
    if answer.is_child() and answer.where == "raise":
        raise SystemExit(0)
    if answer.is_child() and answer.where == "write":
        for block in answer:
            answer.write(block)
    if answer.where == "read":
        environ["wsgi.input"].read()
        if answer.is_child():
            os._exit(0)
    return answer


@pytest.mark.parametrize("where", ["call", "raise", "len", "iter", "next", "write", "close"])
@pytest.mark.parametrize("mode", MODES)
def test_who_comes_back_is_ended_at_once(mode, where):
    with Server(*MODES[mode]) as server:
        assert server.get(comes_back, target=f"/?{where}").body == bytes(100_000)
        server.logged(f"forked at {where}: 1\n")
        assert "came back to the server" in server.log()
        assert "closed by the child" not in server.log()
        assert server.get(comes_back).status == 200


def test_who_waits_for_the_body_of_its_parent_is_ended():
    with Server("--threads", "2") as server, server.connect() as connection:
        connection.send(request(comes_back, "POST", target="/?read", headers=[("Content-Length", "200000")], body=b"begun"))
        server.logged("forked at read: 1\n")
        connection.more(bytes(200_000 - 5))
        assert connection.response().body == bytes(100_000)


def full(pipe):
    waiting = fcntl.ioctl(pipe, termios.FIONREAD, bytes(4))
    return struct.unpack("i", waiting)[0] == fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ)


def says_something(environ, start_response):
    errors = environ["wsgi.errors"]
    line = "from a thread of the parent " * 10_000 + "\n"
    stderr = os.dup(2)
    reader, writer = os.pipe()
    os.dup2(writer, 2)
    thread = threading.Thread(target=errors.write, args=[line])
    thread.start()
    while not full(reader):
        pass
    # It writes, and waits for who reads.
    child = os.fork()
    if not child:
        os.dup2(stderr, 2)
        errors.write("from the child\n")
        if environ["QUERY_STRING"] == "back":
            return []
        os._exit(0)
    status = ended(child)
    left = len(line)
    while left:
        left -= len(os.read(reader, left))
    thread.join()
    os.dup2(stderr, 2)
    for number in (stderr, reader, writer):
        os.close(number)
    start_response("200 OK", PLAIN)
    return [str(status).encode()]


@pytest.mark.parametrize(("how", "status"), [("ends", b"0"), ("back", b"1")])
@pytest.mark.parametrize("mode", MODES)
def test_it_can_say_something_while_a_thread_of_its_parent_does(mode, how, status):
    with Server(*MODES[mode]) as server:
        assert server.get(says_something, target=f"/?{how}").body == status
        assert "from the child\n" in server.log()
        assert ("came back to the server" in server.log()) == (how == "back")
