"""Front servers, as the gateways behind them see them: FastCGI, SCGI and uwsgi over Unix sockets, as bytes."""

import socket
import struct
from collections import deque
from urllib.parse import unquote_to_bytes

from client import PATIENCE, Connection, Cut, Response

#: Whom the front server says that it is.
SERVER = ("127.0.0.1", 8080)


def variables(request):
    """A request as the variables of CGI, in the order of nginx; SCGI wants the length first."""
    told = {}
    for name, value in request.fields:
        # RFC 3875, section 4.1.18: what is there twice is made one.
        name = name.upper().replace("-", "_")
        told[name] = value if name not in told else told[name] + ("; " if name == "COOKIE" else ", ") + value
    length = told.pop("CONTENT_LENGTH", None if request.open else "0" if request.body else "")
    path, _, query = request.target.partition("?")
    if not path.startswith("/") and "://" in path:
        path = "/" + path.split("/", 3)[3]
    found = {
        "CONTENT_LENGTH": length,
        "REQUEST_METHOD": request.method,
        "REQUEST_URI": request.target,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "CONTENT_TYPE": told.pop("CONTENT_TYPE", ""),
        "SERVER_PROTOCOL": request.version,
        "SERVER_NAME": SERVER[0],
        "SERVER_ADDR": SERVER[0],
        "SERVER_PORT": str(SERVER[1]),
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "50000",
        **{f"HTTP_{name}": value for name, value in told.items()},
    }
    return [(name.encode(), value.encode("latin-1")) for name, value in found.items() if value is not None]


def head_of(lines):
    """The head of a response: as CGI has it, or as HTTP."""
    response = Response("", 200, "OK")
    first, *rest = lines
    if first.startswith("HTTP/"):
        response.version, status, response.reason = first.split(" ", 2)
        response.status = int(status)
        lines = rest
    for line in lines:
        name, value = line.split(":", 1)
        if name.lower() == "status":
            status, response.reason = value.strip().split(" ", 1)
            response.status = int(status)
        else:
            response.headers.append((name.lower(), value.strip(" \t")))
    return response


class Front(Connection):
    """One request after another: each is sent when the response before it has ended."""

    def __init__(self, path):
        super().__init__()
        self.path = str(path)
        self.socket = None
        self._waiting = deque()
        self._busy = False

    def close(self):
        if self.socket is not None:
            self.socket.close()

    def send(self, *requests):
        self._methods.extend(request.method for request in requests)
        self._waiting.extend(requests)
        self._go_on()

    def _go_on(self):
        if self._waiting and not self._busy:
            self._busy = True
            self._ended = False
            self._received = b""
            self._begin(self._waiting.popleft())

    def _connect(self):
        self.close()
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(self.path)

    def _head(self, method):
        while b"\r\n\r\n" not in self._received:
            if not (data := self._output()):
                raise Cut(self._received)
            self._received += data
        head, self._received = self._received.split(b"\r\n\r\n", 1)
        return head_of(head.decode("latin-1").split("\r\n"))

    def _block(self):
        if data := self._received:
            self._received = b""
        elif not self._ended and not (data := self._output()):
            self._ended = True
            self._busy = False
            self._go_on()
        return data

    def _receive(self):
        try:
            return self.socket.recv(65536)
        except ConnectionResetError as error:
            raise Cut("reset") from error


class ByConnection(Front):
    """A request and its response are all there is to a connection."""

    def _begin(self, request):
        self._connect()
        self.socket.sendall(self._packet(request) + request.body)

    def _output(self):
        return self._receive()


class Scgi(ByConnection):
    def _packet(self, request):
        told = [*variables(request), (b"SCGI", b"1")]
        block = b"".join(b"%b\0%b\0" % (name, value or (b"0" if name == b"CONTENT_LENGTH" else b"")) for name, value in told)
        return b"%d:%b," % (len(block), block)


class Uwsgi(ByConnection):
    def _packet(self, request):
        text = b"".join(struct.pack("<H", len(part)) + part for pair in variables(request) for part in pair)
        return struct.pack("<BHB", 0, len(text), 0) + text


BEGIN_REQUEST, END_REQUEST, PARAMS, STDIN, STDOUT, STDERR = 1, 3, 4, 5, 6, 7
RESPONDER, KEEP_CONN = 1, 1


def record(kind, content=b""):
    """FastCGI 1.0, section 3.3."""
    return struct.pack(">BBHHBx", 1, kind, 1, len(content), 0) + content


def stream(kind, data):
    """Records to the one that is empty and ends it."""
    return b"".join(record(kind, data[at : at + 65535]) for at in range(0, len(data), 65535))


def length(number):
    return struct.pack(">B", number) if number < 128 else struct.pack(">I", number | 1 << 31)


class FastCgi(Front):
    def _begin(self, request):
        if self.socket is None:
            self._connect()
            self._unread = b""
        params = b"".join(length(len(n)) + length(len(v)) + n + v for n, v in variables(request))
        sent = record(BEGIN_REQUEST, struct.pack(">HB5x", RESPONDER, KEEP_CONN))
        sent += stream(PARAMS, params) + record(PARAMS) + stream(STDIN, request.body)
        self.socket.sendall(sent + (record(STDIN) if request.is_whole else b""))

    def _output(self):
        while True:
            _, kind, number, size, padding = struct.unpack(">BBHHBx", self._exactly(8))
            content = self._exactly(size + padding)[:size]
            assert number == 1
            if kind == END_REQUEST:
                app_status, protocol_status = struct.unpack(">IB3x", content)
                if app_status or protocol_status:
                    raise Cut(content)
                return b""
            assert kind in (STDOUT, STDERR), kind
            if kind == STDOUT and content:
                return content

    def _exactly(self, size):
        while len(self._unread) < size:
            if not (data := self._receive()):
                raise Cut(self._unread)
            self._unread += data
        data, self._unread = self._unread[:size], self._unread[size:]
        return data
