"""A small use of all that is public, looked at by mypy and never run."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import gopuram

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    write = start_response("200 OK", [("Content-Type", "text/plain")])
    write(b"typed ")
    wrapper = gopuram.FileWrapper(BytesIO(b"file"), 8192)
    for block in wrapper:
        write(block)
    wrapper.close()
    return wrapper


class Application:
    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse, /) -> list[bytes]:
        start_response("204 No Content", [])
        return []


def main() -> None:
    gopuram.serve(app, "127.0.0.1:8000", "fastcgi:unix:/run/app.sock", threads=2, environ={"site.name": "gate"})
    gopuram.serve(Application(), inline=True, access_log="-", queue_timeout=1, drain_timeout=0.5)
    gopuram.serve(app, "127.0.0.1:8000", access_log=Path("access.log"), config=Path("site.toml"))
    gopuram.serve(app, "unix:/run/app.sock", forwarded_allow_ips="10.0.0.0/8,unix")
    print(gopuram.__version__.upper())
    gopuram.serve(1)  # type: ignore[arg-type]
    gopuram.serve(app, threads="2")  # type: ignore[arg-type]
