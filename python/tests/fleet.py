"""A supervisor for the tests, and clients that ask all the time."""

import collections
import contextlib
import http.client
import os
import re
import signal
import socket
import threading
import time
from pathlib import Path

from conftest import Server

#: What a client sees that is not answered, or not to the end.
LOST = (OSError, http.client.HTTPException)


class Connection:
    """One connection to a server."""

    def __init__(self, server):
        self.socket = socket.create_connection(server.address, timeout=20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def head(self):
        """The response, of which nothing is read but the head."""
        response = http.client.HTTPResponse(self.socket)
        response.begin()
        return response

    def response(self):
        response = self.head()
        response.body = response.read()
        return response


def request(path="/", **fields):
    """The bytes of a request for what workers of the tests serve."""
    lines = "".join(f"X-{name}: {value}\r\n" for name, value in fields.items())
    return f"GET {path} HTTP/1.1\r\nHost: example.org\r\n{lines}\r\n".encode()


def ask(server, path="/", **fields):
    """Asks over a connection of its own."""
    with Connection(server) as connection:
        connection.send(request(path, **fields))
        return connection.response()


class Fleet(Server):
    """A supervisor and its workers."""

    def __init__(self, *options, app="workers:app", workers=2, **env):
        super().__init__("--workers", str(workers), *options, app=app, **env)
        self.killed = []
        # It is another process after an upgrade.
        self.pid = self.process.pid
        self.logged("serving address")

    def ask(self, path="/", **fields):
        return ask(self, path, **fields)

    def connect(self):
        return Connection(self)

    def who(self):
        return int(self.ask().body)

    def others_than(self, before):
        """Waits for others to answer: the last of those that are replaced may not have heard of it yet."""
        end = time.monotonic() + 20
        while self.who() in before:
            assert time.monotonic() < end, self.log()

    def pids(self):
        """The workers that are ready and have not been told to end, by the log."""
        log = self.log()
        ready = re.findall(r"a worker is ready pid=(\d+)", log)
        gone = re.findall(r"(?:replacing a worker|not needed any more|another takes its place|killed) pid=(\d+)", log)
        return [int(pid) for pid in ready if pid not in gone and int(pid) not in self.killed]

    def signal(self, sign):
        os.kill(self.pid, sign)

    def kill(self, pid):
        os.kill(pid, signal.SIGKILL)
        # Who is killed by us is not seen to be.
        self.killed.append(pid)

    def times(self, pattern, count):
        """Waits for the log to have it so often."""
        self.logged(f"(?s)(?:{pattern}.*){{{count}}}")

    def reload(self, count):
        self.signal(signal.SIGHUP)
        self.times(r"reload: reloaded", count)

    def upgrade(self, count):
        before = self.pid
        self.signal(signal.SIGUSR2)
        self.times(r"the successor is ready", count)
        self.pid = int(re.findall(r"the successor is ready pid=(\d+)", self.log())[-1])
        assert self.pid != before
        self.times("a successor serves", count)

    def logged(self, pattern):
        end = time.monotonic() + 40
        while time.monotonic() < end:
            if found := re.search(pattern, self.log()):
                return found
            # One that has ended is there until it is waited for.
            self.process.poll()
            if not Path(f"/proc/{getattr(self, 'pid', self.process.pid)}").exists():
                raise AssertionError(f"the server ended: {self.log()}")
            time.sleep(0.02)
        raise AssertionError(self.log())

    def ended(self, pid):
        end = time.monotonic() + 40
        while time.monotonic() < end:
            try:
                state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
            except (FileNotFoundError, ProcessLookupError):
                # It may end while this is read.
                return
            if state == "Z":
                return
            self.process.poll()
            time.sleep(0.02)
        raise AssertionError(f"{pid} goes on: {self.log()}")

    def __exit__(self, *args):
        for pid in {self.pid, *self.pids()}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        super().__exit__(*args)


class Load:
    """Clients that ask all the time, some over connections of their own, some over ones that they keep."""

    def __init__(self, fleet):
        self.fleet = fleet
        self.over = threading.Event()
        self.answers = collections.Counter()
        #: Requests without an answer: whether the connection was kept, who had it, the error.
        self.lost = []
        self.failed = []
        self.clients = [threading.Thread(target=self.client, args=(number % 2 == 0,)) for number in range(4)]

    def client(self, kept):
        connection, who = None, None
        try:
            while not self.over.is_set():
                used = connection is not None
                try:
                    # Whoever cannot connect has lost: that is no worker's doing.
                    connection = connection or self.fleet.connect()
                except OSError as error:
                    self.failed.append(repr(error))
                    continue
                try:
                    connection.send(request("/who"))
                    response = connection.response()
                    assert response.status == 200, response
                    who = int(response.body)
                    self.answers[who] += 1
                    keeps = kept and response.getheader("connection") != "close"
                except LOST as error:
                    self.lost.append((used, who if used else None, repr(error)))
                    keeps = False
                if not keeps:
                    connection.close()
                    connection = None
        except BaseException as error:
            self.failed.append(repr(error))

    def __enter__(self):
        for client in self.clients:
            client.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for client in self.clients:
            client.join()

    def goes_on(self, count=50):
        """Waits for so many more answers."""
        before = self.answers.total()
        end = time.monotonic() + 30
        while self.answers.total() < before + count:
            assert time.monotonic() < end, (self.failed, self.fleet.log())
            time.sleep(0.01)
