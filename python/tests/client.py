"""A client that sends what it is told and takes nothing for granted: what all protocols share, and HTTP/1.1."""

import select
import socket
from collections import deque
from dataclasses import dataclass, field

#: How long to wait for anything, in seconds.
PATIENCE = 20


class Cut(Exception):
    """The response broke off."""


@dataclass
class Request:
    method: str
    target: str
    fields: list[tuple[str, str]]
    body: bytes
    version: str
    #: The length of the body is not told.
    open: bool

    @property
    def host(self):
        return next((value for name, value in self.fields if name == "Host"), None)

    @property
    def is_whole(self):
        """Whether all of the body is there."""
        told = [int(value) for name, value in self.fields if name == "Content-Length"]
        return not told or told[0] <= len(self.body)


def request(app, method="GET", target="/", headers=(), body=b"", version="HTTP/1.1", host="example.org", open=False):
    """A request for an application of the tests; with a `Content-Length` that is more than its body it is not at its end."""
    fields = [("X-App", app if isinstance(app, str) else f"{app.__module__}.{app.__name__}")]
    if host is not None:
        fields.append(("Host", host))
    if body and not open and not any(name.lower() in ("content-length", "transfer-encoding") for name, _ in headers):
        fields.append(("Content-Length", str(len(body))))
    return Request(method, target, [*fields, *headers], body, version, open)


@dataclass
class Response:
    version: str
    status: int
    reason: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def all(self, name):
        return [value for n, value in self.headers if n == name]

    def header(self, name):
        values = self.all(name)
        assert len(values) <= 1, values
        return values[0] if values else None


class Connection:
    """Requests, and their responses in the same order.

    One for a protocol has `send`, and `more` if a body may be sent later; `_head` for the next head; `_block` for the next
    bytes of its body, which are none at its end, and which raises `Cut` if it broke off.
    """

    def __init__(self):
        self._methods = deque()
        self._buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def head(self):
        """The head of the next response, or of an interim one before it."""
        method = self._methods[0]
        response = self._head(method)
        if response.status >= 200:
            self._methods.popleft()
            told = response.header("content-length")
            empty = method == "HEAD" or response.status in (204, 304)
            self._buffer = b""
            self._left = 0 if empty else None if told is None else int(told)
        return response

    def response(self):
        """The next response, to its end."""
        response = self.head()
        response.body = self.rest()
        return response

    def exactly(self, length):
        """So many bytes of the body that is being received."""
        while len(self._buffer) < length:
            if not (block := self._next()):
                raise Cut(self._buffer)
            self._buffer += block
        data, self._buffer = self._buffer[:length], self._buffer[length:]
        return data

    def rest(self):
        """The rest of that body."""
        while block := self._next():
            self._buffer += block
        data, self._buffer = self._buffer, b""
        return data

    def _next(self):
        block = self._block()
        if self._left is not None:
            self._left -= len(block)
            assert self._left >= 0, "more than was told"
            if self._left and not block:
                raise Cut(self._buffer)
        return block


class Http1(Connection):
    """HTTP/1.1 as it is written, and HTTP/1.0."""

    def __init__(self, address):
        super().__init__()
        self.address = address
        self._open()

    def _open(self):
        self.socket = socket.create_connection(self.address, timeout=PATIENCE)
        self.file = self.socket.makefile("rb")

    def close(self):
        self.file.close()
        self.socket.close()

    def send(self, *requests):
        self._methods.extend(request.method for request in requests)
        self.socket.sendall(b"".join(map(self.encode, requests)))

    def more(self, data):
        self.socket.sendall(data)

    @staticmethod
    def encode(request):
        fields, body = request.fields, request.body
        if request.open:
            fields = [*fields, ("Transfer-Encoding", "chunked")]
            pieces = [body[at : at + 100_000] for at in range(0, len(body), 100_000)]
            body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        lines = [f"{request.method} {request.target} {request.version}"]
        lines += [f"{name}: {value}" for name, value in fields]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + body

    def closed(self):
        """Whether the server has closed."""
        return self.file.read() == b""

    def _head(self, method):
        version, status, reason = self._line().split(" ", 2)
        response = Response(version, int(status), reason)
        while line := self._line():
            name, value = line.split(":", 1)
            response.headers.append((name.lower(), value.strip(" \t")))
        if method == "HEAD" or response.status in (204, 304):
            self._framing = "none"
        elif response.header("transfer-encoding") == "chunked":
            assert response.header("content-length") is None
            self._framing = "chunks"
        elif response.header("content-length") is not None:
            self._framing = "length"
        else:
            self._framing = "close"
        return response

    def _block(self):
        match self._framing:
            case "chunks":
                length = int(self._line().partition(";")[0], 16)
                chunk = self.file.read(length)
                assert len(chunk) < length or self._line() == "", "not the end of a chunk"
                if len(chunk) < length:
                    raise Cut(chunk)
                if not chunk:
                    self._framing = "none"
                return chunk
            case "length":
                return self.file.read1(self._left) if self._left else b""
            case "close":
                return self.file.read1(65536)
        return b""

    def _line(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise Cut(line)
        return line[:-2].decode("latin-1")


class Patient(Http1):
    """Goes on over another connection where a server has closed one, as it may (RFC 9112, section 9.3), and asks again."""

    def __init__(self, address):
        self._unanswered = deque()
        super().__init__(address)
        self.socket.settimeout(10)

    def send(self, *requests):
        self._unanswered.extend(requests)
        try:
            super().send(*requests)
        except (BrokenPipeError, ConnectionResetError):
            # Seen when the response is looked for.
            pass

    def _head(self, method):
        if self._is_closed():
            self.close()
            self._open()
            self.socket.settimeout(10)
            self.socket.sendall(b"".join(map(self.encode, self._unanswered)))
        try:
            response = super()._head(method)
        except ConnectionResetError as error:
            raise Cut("reset") from error
        if response.status >= 200:
            self._unanswered.popleft()
            self._answered = True
        return response

    def _block(self):
        try:
            return super()._block()
        except ConnectionResetError as error:
            raise Cut("reset") from error

    _answered = False

    def is_heard(self, within):
        """Whether anything comes within so many seconds."""
        return bool(select.select([self.socket], [], [], within)[0])

    def _is_closed(self):
        """Whether it is after a response, with nothing behind it: what is there is looked at, and found wanting."""
        if not self._answered:
            return False
        try:
            return not self.file.peek(1)
        except ConnectionResetError:
            return True
