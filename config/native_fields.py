"""The fields of the native records (docs/event.md) by path, and how values of other formats become theirs."""

import math
import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

LONGEST_TEXT: Final = 2048
"""Characters of a text that are kept: names are cut later, and to less."""

Scalar = str | int | float | bool
RecordKind = Literal["request", "call", "sample", "change"]


class FieldType(StrEnum):
    """The type of a field."""

    TIME = "time"
    TEXT = "text"
    NUMBER = "number"
    WHOLE = "whole number"
    FLAG = "true or false"
    DURATION = "milliseconds"
    MEMORY = "MiB"
    ERROR = "user, backend or fatal"


class Ratio(NamedTuple):
    """The factor of a unit to that of the field; two whole numbers, so that 19 digits lose none early."""

    times: int
    per: int


UNITS: Final[Mapping[FieldType, Mapping[str, Ratio]]] = MappingProxyType(
    {
        FieldType.TIME: {
            "s": Ratio(1, 1),
            "ms": Ratio(1, 10**3),
            "us": Ratio(1, 10**6),
            "ns": Ratio(1, 10**9),
            "utc": Ratio(1, 1),  # of texts: without an offset they are of UTC
        },
        FieldType.DURATION: {
            "min": Ratio(60_000, 1),
            "s": Ratio(1000, 1),
            "ms": Ratio(1, 1),
            "us": Ratio(1, 10**3),
            "ns": Ratio(1, 10**6),
        },
        FieldType.MEMORY: {
            "B": Ratio(1, 2**20),
            "KiB": Ratio(1, 2**10),
            "MiB": Ratio(1, 1),
            "GiB": Ratio(2**10, 1),
        },
    }
)
"""The units of each type of field, whose own are seconds, milliseconds and MiB."""

_TEXT, _NUMBER, _MS = FieldType.TEXT, FieldType.NUMBER, FieldType.DURATION
_COMMON: Final = {"ts": FieldType.TIME, "id": _TEXT, "cloud": _TEXT, "account": _TEXT, "region": _TEXT}
_OF: Final = {"of.kind": _TEXT, "of.name": _TEXT}
_EVENT: Final = {
    **_COMMON,
    "service": _TEXT,
    "route": _TEXT,
    "function": _TEXT,
    "client.name": _TEXT,
    "client.version": _TEXT,
    "client.tenant": _TEXT,
    "status": FieldType.WHOLE,
    "error": FieldType.ERROR,
    "error_type": _TEXT,
    "ms.total": _MS,
    "ms.function": _MS,
    "ms.code": _MS,
    "ms.auth": _MS,
    "cold_start": FieldType.FLAG,
    "throttled": _TEXT,
    "weight": _NUMBER,
    "counts": _TEXT,
    "joins": _TEXT,
    "trace": _TEXT,
    "sample": _TEXT,
    "memory_mb": FieldType.MEMORY,
    "billed_ms": _MS,
}
VALUES: Final = "values."
"""The prefix of the paths of business values; the rest is their key."""

FIELDS: Final[Mapping[str, Mapping[str, FieldType]]] = MappingProxyType(
    {
        "request": _EVENT,
        "call": _EVENT,
        "sample": {**_COMMON, **_OF, "name": _TEXT, "value": _NUMBER, "limit": _NUMBER, "unit": _TEXT},
        "change": {**_COMMON, **_OF, "what": _TEXT, "version": _TEXT, "by": _TEXT, "url": _TEXT},
    }
)
"""The fields of each kind of record, except for ``tables`` and ``values``."""

CALL_FIELDS: Final[Mapping[str, FieldType]] = MappingProxyType(
    {"name": _TEXT, "op": _TEXT, "ms": _MS, "rcu": _NUMBER, "wcu": _NUMBER, "throttled": _TEXT}
)
"""The fields of a table call."""

LARGEST: Final = 1e9
"""The largest duration, capacity or amount of memory."""

LIMITS: Final[Mapping[str, tuple[float, float]]] = MappingProxyType(
    {
        "weight": (1, 1e6),
        "status": (0, 999),
        **dict.fromkeys(
            ("ms", "ms.total", "ms.function", "ms.code", "ms.auth", "memory_mb", "billed_ms", "rcu", "wcu"),
            (0, LARGEST),
        ),
    }
)
"""The least and the most that a number of a record or of a table call may be."""

NEEDED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "request": ("ts",),
        "call": ("ts",),
        "sample": ("ts", "of.kind", "of.name", "name", "value"),
        "change": ("ts", "of.kind", "of.name"),
    }
)

ERRORS: Final = ("user", "backend", "fatal")
_NUMERAL: Final = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)
_LONGEST_NUMERAL: Final = 64
_WITH_UNIT: Final = re.compile(r"(\d+\.?\d*|\.\d+) ?(ns|us|ms|s)", re.ASCII)  # as Go and nginx write them
_FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}


REQUEST_LINE: Final = ("method", "path", "user_agent")
"""What a mapping may name in the place of a ``route`` (its method, and its path or address) and a client."""


def field_type(kind: str, name: str) -> FieldType | None:
    """Return the type of a field of a kind of record; None if there is no such field.

    Examples
    --------
    >>> str(field_type("request", "ms.total")), str(field_type("request", "values.sales"))
    ('milliseconds', 'number')
    """
    if kind in ("request", "call") and name in REQUEST_LINE:
        return FieldType.TEXT
    if kind in ("request", "call") and name.startswith(VALUES) and name != VALUES:
        return FieldType.NUMBER
    return FIELDS[kind].get(name)


def text_of(value: object) -> str | None:
    """Return a scalar of JSON as text, by which mappings and conditions compare; None for anything else.

    Examples
    --------
    >>> text_of(True), text_of(200), text_of(200.0), text_of("200"), text_of([200])
    ('true', '200', '200', '200', None)
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    return str(value) if isinstance(value, int | float) else None


def converted(value: object, to: FieldType, unit: Ratio | None = None) -> Scalar:
    """Return a value as its field holds it.

    Numbers may be text, and the text may be a number. A time that is a text and no number stays one.

    Raises
    ------
    ValueError
        When it cannot be. ``OverflowError`` when a number is not finite.

    Examples
    --------
    >>> converted("1760000000123456789", FieldType.TIME, UNITS[FieldType.TIME]["ns"])
    1760000000.1234567
    >>> converted("0.041", FieldType.DURATION, UNITS[FieldType.DURATION]["s"]), converted(7, FieldType.TEXT)
    (41.0, '7')
    >>> converted("41.5ms", FieldType.DURATION), converted("1.5s", FieldType.DURATION)
    (41.5, 1500.0)
    """
    if to in (FieldType.TEXT, FieldType.ERROR):
        text = text_of(value)
        if text is None:
            raise ValueError(f"{_shown(value)} is not a text")
        return text[:LONGEST_TEXT]
    if to is FieldType.FLAG:
        found = _FLAGS.get((text_of(value) or "").lower())
        if found is None:
            raise ValueError(f"{_shown(value)} is neither true nor false")
        return found
    if to is FieldType.TIME and isinstance(value, str) and not _is_numeral(value):
        return value[:LONGEST_TEXT]
    if to is FieldType.DURATION and isinstance(value, str):
        value, unit = _apart(value, unit)
    number = _number(value)
    if unit is not None:
        number = number * unit.times / unit.per
    return _whole(number, value) if to is FieldType.WHOLE else float(number)


def _whole(number: float, value: object) -> int:
    if int(number) != number:
        raise ValueError(f"{_shown(value)} is not a whole number")
    return int(number)


def _apart(text: str, unit: Ratio | None) -> tuple[str, Ratio | None]:
    """Return the number and the unit of a duration that is written with one."""
    found = _WITH_UNIT.fullmatch(text[:_LONGEST_NUMERAL].replace("µ", "u"))
    return (text, unit) if found is None else (found[1], UNITS[FieldType.DURATION][found[2]])


def _is_numeral(text: str) -> bool:
    return len(text) <= _LONGEST_NUMERAL and _NUMERAL.fullmatch(text) is not None


def _number(value: object) -> int | float:
    if isinstance(value, str) and _is_numeral(value):
        value = float(value) if set(value) & set(".eE") else int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{_shown(value)} is not a number")  # noqa: TRY004 - of the input
    if not math.isfinite(value):
        raise OverflowError(f"{_shown(value)} is not a finite number")
    return value


def _shown(value: object) -> str:
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    if value is None or isinstance(value, bool):
        return text_of(value) or "null"
    try:
        return repr(value)[:40]
    except ValueError:  # a whole number of thousands of digits
        return "a number"
