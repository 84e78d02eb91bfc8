"""The values in JSON objects by their paths, to find what nothing reads."""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

import msgspec

from config.native_fields import FieldType, converted
from streams.ingest.formats.json_payload import JSON_ERRORS

Path = tuple[str | int, ...]

_DEEPEST: Final = 4
_MOST: Final = 200
_WORDS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_DURATIONS: Final = frozenset({"latency", "duration", "elapsed", "took", "millis", "milliseconds", "ms"})
_TIMED: Final = frozenset({"response", "request", "processing", "execution", "taken"})


def object_of(payload: bytes) -> dict[str, Any]:
    """Return the JSON object that a payload is; an empty one if it is none."""
    try:
        content = msgspec.json.decode(payload)
    except JSON_ERRORS:
        return {}
    return content if isinstance(content, dict) else {}


def leaves(content: Mapping[str, Any]) -> list[tuple[Path, Any]]:
    """Return the paths and scalars of an object; of a list, its first item.

    Examples
    --------
    >>> leaves({"t": 1, "http": {"code": 200}, "agent": ["a", "b"]})
    [(('t',), 1), (('http', 'code'), 200), (('agent', 0), 'a')]
    """
    return list(islice(_leaves(content, ()), _MOST))


def _leaves(content: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, Any]]:
    for key, value in content.items():
        at: Path = (*path, key)
        if isinstance(value, list) and value:
            value, at = value[0], (*at, 0)  # noqa: PLW2901 - stands for its list
            if isinstance(value, dict):
                continue
        if isinstance(value, dict):
            if len(path) < _DEEPEST:
                yield from _leaves(value, at)
        elif not isinstance(value, list) and value is not None:
            yield at, value


def words_of(key: str) -> list[str]:
    """Return the words of a key, in small letters.

    Examples
    --------
    >>> words_of("responseTime_ms"), words_of("HTTPStatus")
    (['response', 'time', 'ms'], ['http', 'status'])
    """
    return [word.lower() for word in _WORDS.findall(key)]


def is_duration(path: Path, value: Any) -> bool:
    """Return whether a value is called as a duration is.

    Examples
    --------
    >>> is_duration(("latency_ms",), 41.2), is_duration(("requestTime",), "3s"), is_duration(("items",), 3)
    (True, True, False)
    """
    words = {*words_of(str(path[-1]))}
    if not (words & _DURATIONS or ("time" in words and words & _TIMED)):
        return False
    try:
        converted(value, FieldType.DURATION)
    except (ValueError, OverflowError):
        return False
    return True
