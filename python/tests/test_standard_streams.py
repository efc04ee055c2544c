"""The standard streams, where whoever starts the command has closed them."""

import socket
import subprocess

import pytest
from test_serving import GOPURAM

STREAMS = """
import os

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    print("printed")
    return [" ".join(os.readlink(f"/proc/self/fd/{number}") for number in range(3)).encode()]
"""


@pytest.mark.parametrize("how", ["--threads 2", "--inline", "--workers 1"])
def test_no_socket_is_in_place_of_a_standard_stream_that_is_closed(tmp_path, how):
    (tmp_path / "streams.py").write_text(STREAMS)
    path = tmp_path / "socket"
    command = f"exec {GOPURAM} serve streams:app --bind unix:{path} {how} <&- >&- 2>&-"
    with subprocess.Popen(["sh", "-c", command], cwd=tmp_path) as process:
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(20)
                while client.connect_ex(str(path)) != 0:
                    assert process.poll() is None
                client.sendall(b"GET / HTTP/1.0\r\n\r\n")
                assert client.makefile("rb").read().endswith(b"\r\n\r\n/dev/null /dev/null /dev/null")
        finally:
            process.terminate()
        assert process.wait(20) == 0
