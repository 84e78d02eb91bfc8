"""The values in JSON objects by their paths, to find what nothing reads."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

import msgspec

from streams.ingest.formats.json_payload import JSON_ERRORS

Path = tuple[str, ...]

_DEEPEST: Final = 4
_MOST: Final = 200
_WORDS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_DURATIONS: Final = frozenset({"latency", "duration", "elapsed", "took", "millis", "milliseconds", "ms"})
_TIMED: Final = frozenset({"response", "request", "processing", "execution"})


def leaves(payload: bytes) -> list[tuple[Path, Any]]:
    """Return the paths and scalars of a payload that is a JSON object; none of any other.

    Examples
    --------
    >>> leaves(b'{"t": 1, "http": {"code": 200}, "tags": ["a"]}')
    [(('t',), 1), (('http', 'code'), 200)]
    """
    try:
        content = msgspec.json.decode(payload)
    except JSON_ERRORS:
        return []
    return list(islice(_leaves(content, ()), _MOST)) if isinstance(content, dict) else []


def _leaves(content: dict[str, Any], path: Path) -> Iterator[tuple[Path, Any]]:
    for key, value in content.items():
        if isinstance(value, dict):
            if len(path) < _DEEPEST:
                yield from _leaves(value, (*path, key))
        elif not isinstance(value, list) and value is not None:
            yield (*path, key), value


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
    >>> is_duration(("latency_ms",), 41.2), is_duration(("requestTime",), 3), is_duration(("items",), 3)
    (True, True, False)
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    words = {*words_of(path[-1])}
    return bool(words & _DURATIONS) or ("time" in words and bool(words & _TIMED))
