"""How an application is served, whoever asks for it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass, fields

from . import checks


@dataclass(frozen=True, kw_only=True)
class Serving:
    """How an application is served; looked at when it is made.

    Raises ValueError for what has no meaning, and TypeError for what is of another kind.
    """

    threads: int = 4
    inline: bool = False
    queue: int = 1024
    queue_timeout: float = 30.0
    drain_timeout: float = 30.0
    max_spool: int = 1 << 30
    access_log: str | None = None
    environ: Mapping[str, str]
    request_timeout: float = 0.0

    @classmethod
    def of(cls, options: Namespace) -> Serving:
        """As the command was told."""
        return cls(**{field.name: getattr(options, field.name) for field in fields(cls)})

    def __post_init__(self) -> None:
        checks.variables(self.environ)
        if self.access_log is not None:
            checks.text(self.access_log, "access_log")
        checks.whole(self.threads, "threads", 1, checks.SEVERAL)
        checks.whole(self.queue, "queue", 1, checks.MANY)
        checks.whole(self.max_spool, "max_spool", 1, checks.MANY)
        for name in ("queue_timeout", "drain_timeout", "request_timeout"):
            checks.time(getattr(self, name), name)
        if self.inline and self.request_timeout:
            raise ValueError("request_timeout is for threads: inline nobody is left to answer")
