import os
from _typeshed.wsgi import WSGIApplication
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, Protocol, TypedDict, final

__all__ = [
    "Config",
    "Control",
    "Disconnected",
    "FileWrapper",
    "VERSION",
    "check_log",
    "check_pid_file",
    "explained",
    "forked",
    "inherit",
    "keep_memory",
    "log_to_stderr",
    "serve",
    "supervise",
    "worker",
]

class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...

class _Options(TypedDict):
    config: Config
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
    pid_file: str | None
    ends: bool

class _Workers(TypedDict):
    bind: list[str]
    workers: int
    timeout: float
    start_timeout: float
    drain_timeout: float
    max_worker_age: float
    max_worker_memory: int
    succeeds: bool
    watched: bool
    pid_file: str | None
    program: list[str]
    worker: list[str]
    directory: str

@final
class Config:
    """Where to serve and within which layers, as a file says it."""

    def __new__(cls, path: str | None = None, /) -> Config: ...
    @staticmethod
    def check(path: str, /) -> Config: ...
    def opened(self) -> Config: ...
    def bind(self, addresses: list[str]) -> Config: ...
    def bindable(self) -> None: ...
    def secured(self, certificate: str | os.PathLike[str], key: str | os.PathLike[str]) -> Config: ...
    def forwarded(self, proxies: str) -> Config: ...
    def settings(self) -> dict[str, Any]: ...
    @property
    def layers(self) -> list[str]: ...
    @property
    def addresses(self) -> list[str]: ...
    @property
    def described(self) -> list[str]: ...
    @property
    def logs(self) -> list[Path]: ...
    @property
    def environ(self) -> list[tuple[str, str]]: ...

@final
class Control:
    """What a worker has of its supervisor."""

    def changed(self) -> None: ...

class Disconnected(ConnectionError):
    """The client has left, or its body broke off."""

@final
class FileWrapper:
    """A file as a response: what `wsgi.file_wrapper` makes."""

    def __new__(cls, filelike: _Readable, blksize: int = ..., /) -> FileWrapper: ...
    def __iter__(self) -> Iterator[bytes]: ...
    def __next__(self) -> bytes: ...
    # Only if the file has it.
    @property
    def close(self) -> Callable[[], object]: ...

VERSION: str

def check_log(to: str) -> None: ...
def check_pid_file(path: str, /) -> None: ...
def forked() -> None: ...
def inherit() -> None: ...
def worker(bind: list[str], timeout: float) -> Control: ...
def supervise(options: _Workers) -> int: ...
def serve(app: WSGIApplication, options: _Options) -> None: ...
def explained(name: str | None = None, /) -> str: ...
def log_to_stderr(level: Literal["error", "warn", "info", "debug", "trace"]) -> None: ...
def keep_memory() -> None: ...
