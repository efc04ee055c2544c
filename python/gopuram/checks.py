"""What the server is told, looked at before anything is done."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

#: How a name of an environ may look that is given to the server: as those of CGI, or with a prefix and in lower case.
_NAME = re.compile(r"[A-Z][A-Z0-9_]*|[a-z][a-z0-9_]*(\.[a-z0-9_]+)+")

#: More threads or processes than this are a mistake.
SEVERAL = 10_000

#: More of anything that is counted.
MANY = 1 << 62

#: As many seconds are half a lifetime.
LONG = 1e9

#: No clock that is used here has shorter ones.
SHORT = 1e-3


def whole(value: object, name: str, least: int, most: int) -> None:
    """Whether it is a whole number in this range."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} must be an int, not {type(value).__name__}")
    if not least <= value <= most:
        raise ValueError(f"{name} must be from {least} to {most}, not {value}")


def is_time(seconds: float) -> bool:
    """Whether it is a time that can be waited for."""
    return seconds == 0 or SHORT <= seconds < LONG


def time(value: object, name: str) -> None:
    """Whether it is a number of seconds."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"{name} must be a number, not {type(value).__name__}")
    if not is_time(value):
        raise ValueError(f"{name} must be 0, or from {SHORT} to a billion seconds, not {value}")


def variables(environ: Mapping[str, str]) -> None:
    """Whether it can be a part of every environ."""
    for name, value in environ.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name) or name.startswith("wsgi."):
            raise ValueError(f"{name!r} is no name for a variable: NAME or prefix.name")
        if type(value) is not str or any(ord(char) > 0xFF for char in value):
            raise ValueError(f"{name} must be a str of Latin-1")


def once(access_log: str, others: Sequence[os.PathLike[str]]) -> None:
    """Whether no layer writes the access log that was asked for besides."""
    if any(_same(access_log, os.fspath(other)) for other in others):
        raise ValueError(
            f"the access log {access_log} is written by a layer `access_log` of the file as well, and would have each request twice: "
            "leave out one of both"
        )


def _same(one: str, other: str) -> bool:
    files = ["/dev/stdout" if name == "-" else name for name in (one, other)]
    try:
        return os.path.samefile(*files)
    except OSError:
        # One is still to be made, or there is no standard output.
        return os.path.realpath(files[0]) == os.path.realpath(files[1])


def text(value: object, name: str) -> None:
    """Whether it is a text."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {type(value).__name__}")


def path(value: object, name: str) -> str:
    """It as a text, if it is a path."""
    named = value if isinstance(value, bytes) or not isinstance(value, os.PathLike) else os.fspath(value)
    if not isinstance(named, str):
        raise TypeError(f"{name} must be a str or a path, not {type(value).__name__}")
    return named


def addresses(texts: Sequence[object]) -> None:
    """Whether they are texts; what they mean is seen when they are bound."""
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(f"an address must be a str, not {type(text).__name__}: '127.0.0.1:8000'")
