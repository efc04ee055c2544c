"""HTTP/2 by prior knowledge (RFC 9113, section 3.3)."""

import socket
from collections import deque

import h2.config
import h2.connection
import h2.events
from client import PATIENCE, Connection, Cut, Response

#: What RFC 9113, section 8.2.2 takes out of HTTP/2, and what pseudo-headers say.
LEFT_OUT = {"host", "connection", "transfer-encoding"}


class Http2(Connection):
    """Each request is a stream of its own; what comes of others meanwhile is kept for them."""

    def __init__(self, address):
        super().__init__()
        self.socket = socket.create_connection(address, timeout=PATIENCE)
        config = h2.config.H2Configuration(
            header_encoding=None, validate_outbound_headers=False, normalize_outbound_headers=False
        )
        self.h2 = h2.connection.H2Connection(config)
        self.h2.initiate_connection()
        self._flush()
        self._streams = deque()
        self._events = {}
        self._gone = False

    def close(self):
        self.socket.close()

    def send(self, *requests):
        for request in requests:
            stream = self.h2.get_next_available_stream_id()
            self._methods.append(request.method)
            self._streams.append(stream)
            self._events[stream] = deque()
            fields = [(":method", request.method), (":scheme", "http"), (":path", request.target)]
            if request.host is not None:
                fields.append((":authority", request.host))
            fields += [(name.lower(), value) for name, value in request.fields if name.lower() not in LEFT_OUT]
            encoded = [(name.encode(), value.encode("latin-1")) for name, value in fields]
            waits = request.is_whole and not request.body
            self.h2.send_headers(stream, encoded, end_stream=waits and not request.open)
            self._flush()
            if not waits or request.open:
                self._send_body(stream, request.body, request.is_whole)

    def more(self, data):
        self._send_body(self._streams[0], data, True)

    def _send_body(self, stream, data, end):
        if not data and end:
            self.h2.end_stream(stream)
        while data:
            room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
            if room == 0:
                self._receive()
                continue
            piece, data = data[:room], data[room:]
            self.h2.send_data(stream, piece, end_stream=end and not data)
            self._flush()
        self._flush()

    def _head(self, method):
        self._stream = self._streams[0]
        event = self._event()
        assert isinstance(event, (h2.events.ResponseReceived, h2.events.InformationalResponseReceived)), event
        fields = [(name.decode(), value.decode("latin-1")) for name, value in event.headers]
        response = Response("HTTP/2", int(dict(fields)[":status"]), "", [f for f in fields if f[0] != ":status"])
        if response.status >= 200:
            self._streams.popleft()
            self._ended = False
        return response

    def _block(self):
        while not self._ended:
            event = self._event()
            match event:
                case h2.events.DataReceived():
                    self.h2.acknowledge_received_data(event.flow_controlled_length, self._stream)
                    self._flush()
                    if event.data:
                        return event.data
                case h2.events.StreamEnded():
                    self._ended = True
        return b""

    def _event(self):
        """The next thing that happens to the stream of the current response."""
        events = self._events[self._stream]
        while not events:
            self._receive()
        event = events.popleft()
        if isinstance(event, h2.events.StreamReset):
            raise Cut(event)
        return event

    def _receive(self):
        if self._gone or not (data := self.socket.recv(65536)):
            raise Cut("the connection ended")
        for event in self.h2.receive_data(data):
            if isinstance(event, h2.events.ConnectionTerminated):
                self._gone = True
            stream = getattr(event, "stream_id", None)
            kinds = (h2.events.WindowUpdated, h2.events.PriorityUpdated)
            if stream in self._events and not isinstance(event, kinds):
                self._events[stream].append(event)
        self._flush()

    def _flush(self):
        self.socket.sendall(self.h2.data_to_send())
