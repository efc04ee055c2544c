"""A client that sends what it is told and takes nothing for granted."""

import socket
from dataclasses import dataclass, field


class Cut(Exception):
    """The connection ended before the response did."""


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
    """One connection; requests and responses as bytes."""

    def __init__(self, address):
        self.socket = socket.create_connection(address, timeout=20)
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.file.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def head(self):
        """The head of a response, without its body."""
        line = self._line()
        version, status, reason = line.split(" ", 2)
        response = Response(version, int(status), reason)
        while line := self._line():
            name, value = line.split(":", 1)
            response.headers.append((name.lower(), value.strip()))
        return response

    def response(self, method="GET"):
        response = self.head()
        if method == "HEAD" or response.status in (204, 304):
            return response
        if response.header("transfer-encoding") == "chunked":
            assert response.header("content-length") is None
            while chunk := self.chunk():
                response.body += chunk
        elif (length := response.header("content-length")) is not None:
            response.body = self.exactly(int(length))
        else:
            assert response.header("connection") == "close" or response.version == "HTTP/1.0"
            response.body = self.rest()
        return response

    def chunk(self):
        """One chunk; none at the end."""
        chunk = self.exactly(int(self._line(), 16))
        assert self._line() == ""
        return chunk

    def exactly(self, length):
        data = self.file.read(length)
        if len(data) < length:
            raise Cut(data)
        return data

    def rest(self):
        """All until the server closes."""
        return self.file.read()

    def _line(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise Cut(line)
        return line[:-2].decode("latin-1")


def request(app, method="GET", target="/", headers=(), body=b"", version="HTTP/1.1", host="example.org"):
    """The bytes of a request for an application of the tests."""
    fields = [("X-App", app if isinstance(app, str) else f"{app.__module__}.{app.__name__}")]
    if host is not None:
        fields.append(("Host", host))
    if body and not any(name.lower() in ("content-length", "transfer-encoding") for name, _ in headers):
        fields.append(("Content-Length", str(len(body))))
    fields.extend(headers)
    lines = [f"{method} {target} {version}", *(f"{name}: {value}" for name, value in fields), "", ""]
    return "\r\n".join(lines).encode("latin-1") + body
