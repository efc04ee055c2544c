"""Processes that the application forks: whatever its parent does each can say something."""

import fcntl
import os
import select
import signal
import struct
import termios
import threading

import pytest
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
