from collections.abc import Callable, Iterator
from typing import Protocol, TypedDict, final
from wsgiref.types import WSGIApplication

class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...

class FileWrapper:
    """A file as a response: what `wsgi.file_wrapper` makes."""

    close: Callable[[], object]
    def __init__(self, filelike: _Readable, blksize: int = ..., /) -> None: ...
    def __iter__(self) -> Iterator[bytes]: ...
    def __next__(self) -> bytes: ...

@final
class Control:
    """What a worker has of its supervisor."""

class _Options(TypedDict):
    bind: list[str]
    threads: int | None
    queue: int
    queue_timeout: float
    drain_timeout: float
    max_spool: int
    access_log: str | None
    environ: list[tuple[str, str]]
    request_timeout: float
    max_requests: int
    control: Control | None

class _Workers(TypedDict):
    bind: list[str]
    workers: int
    timeout: float
    start_timeout: float
    drain_timeout: float
    max_worker_age: float
    max_worker_memory: int
    program: list[str]
    directory: str

def worker(bind: list[str], timeout: float) -> Control: ...
def supervise(options: _Workers) -> int: ...
def serve(app: WSGIApplication, options: _Options) -> None: ...
def log_to_stderr(level: str) -> None: ...
def keep_memory() -> None: ...
