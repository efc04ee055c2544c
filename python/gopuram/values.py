"""What options of the command take, read from text; each raises ArgumentTypeError for what has no meaning."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError

from . import checks

#: Units of sizes and times, as a file has them.
_SIZES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9}
_TIMES = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}

#: The levels of the log, by our names and by those of Python.
_LEVELS = {name: name for name in ("error", "warn", "info", "debug", "trace")} | {"critical": "error", "warning": "warn"}


def _whole(text: str, least: int, most: int) -> int:
    try:
        number = int(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no whole number") from None
    if not least <= number <= most:
        raise ArgumentTypeError(f"{number} is not from {least} to {most}")
    return number


def several(text: str) -> int:
    """How many threads or processes."""
    return _whole(text, 1, checks.SEVERAL)


def positive(text: str) -> int:
    """How many, at least one."""
    return _whole(text, 1, checks.MANY)


def natural(text: str) -> int:
    """How many, if any."""
    return _whole(text, 0, checks.MANY)


def size(text: str) -> int:
    """How many bytes, if any: a number of them, or one with a unit."""
    number, unit = _with_unit(text, _SIZES)
    if not number.isdecimal():
        raise ArgumentTypeError(f"{text!r} is no size: a number of bytes, or one with {', '.join(_SIZES)}")
    return _whole(number, 0, checks.MANY // _SIZES.get(unit, 1)) * _SIZES.get(unit, 1)


def some(text: str) -> int:
    """How many bytes, at least one."""
    return _whole(str(size(text)), 1, checks.MANY)


def seconds(text: str) -> float:
    """How long: a number of seconds, or one with a unit."""
    number, unit = _with_unit(text, _TIMES)
    try:
        time = float(number) * _TIMES.get(unit, 1)
    except ValueError:
        time = -1
    if not checks.is_time(time):
        raise ArgumentTypeError(f"{text!r} is no time: 0, or from 1ms to a billion seconds, as 30 or 30s, 5m, 12h")
    return time


def address(text: str) -> str:
    """Where to listen: of a port alone everywhere, as gunicorn and uWSGI have it, by IPv4."""
    return f"0.0.0.0{text}" if text.startswith(":") and not text.startswith("::") else text


def variable(text: str) -> tuple[str, str]:
    """A variable and what it is set to."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def level(text: str) -> str:
    """From which level on there is a log."""
    try:
        return _LEVELS[text.lower()]
    except KeyError:
        raise ArgumentTypeError(f"{text!r} is no level: {', '.join(_LEVELS)}") from None


def _with_unit(text: str, units: dict[str, float] | dict[str, int]) -> tuple[str, str]:
    """The number and the unit behind it; the whole text and none, if it is not that."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]*)?) *([A-Za-z]+)", text, re.ASCII)
    if found and found[2] in units:
        return found[1], found[2]
    return text, ""
