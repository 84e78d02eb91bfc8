"""Which leaf of a record is which field of docs/event.md: a guess from its name and its values."""

import re
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any, Final, NamedTuple

from config.json_path import json_path
from config.native_fields import ERRORS, UNITS, FieldType, converted, field_type, text_of
from streams.cli.json_leaves import Path, is_duration, leaves, words_of
from streams.engine.decode.parse import MILLISECONDS_FROM, stamp_of
from streams.ingest.formats.access_logs.routes import method_of, request_line
from streams.ingest.formats.mapped import logged_time

_SHARE: Final = 0.95  # of the values, which must fit
_NANOSECONDS, _SECONDS = 1e6, 10.0  # durations without a unit: from here on; below here, if not whole
_LONG: Final = 16  # characters of an id that no other process gives
_NAME: Final = re.compile(r"[A-Za-z_@][\w .:/@()-]{0,99}", re.ASCII)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_CLOCK: Final = re.compile(r"\d\d:\d\d:\d\d(\.\d+)?")
_PART: Final = re.compile(
    r"\b(timeout|ttl|uptime|interval|delay|age|db|sql|cache|auth|connect|queue|wait|billed)\b"
)
_UNIT_WORDS: Final = {
    **dict.fromkeys(("s", "sec", "secs", "seconds"), "s"),
    **dict.fromkeys(("us", "micros", "microseconds"), "us"),
    **dict.fromkeys(("ns", "nanos", "nanoseconds"), "ns"),
    **dict.fromkeys(("ms", "millis", "milliseconds"), ""),
}
_UNIT: Final = rf"( ({'|'.join(_UNIT_WORDS)}|iso|utc|local|at))*$"
_LARGEST: Final = 10**30
_MOST_VALUES: Final = 50  # of a leaf that are looked at
_NEVER: Final = ("counts", "joins", "weight", "sample")  # of docs/event.md, and something else in other logs
_BEHIND: Final = r"\b(upstream|origin|backend|integration|function)\b"

MARKS: Final = ("status", "route", "path", "ms.total")
"""Fields of which a request has at least one; the first of them tells requests from other lines."""


class Leaf(NamedTuple):
    """What is at one path of all records; its words are those of the last steps."""

    path: Path
    values: list[Any]
    words: str


class GuessedField(NamedTuple):
    """The leaf of a field, what a mapping says besides its path, and what of that is assumed."""

    leaf: Leaf
    settings: Mapping[str, str]
    assumed: str = ""


Leaves = Mapping[Path, Leaf]


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _is_long(value: Any) -> bool:
    return len(str(value)) >= _LONG


def _is_route(value: Any) -> bool:
    return _is_name(value) or _is_target(value)


def _is_clock(value: Any) -> bool:
    return _CLOCK.fullmatch(str(value)) is not None


def _is_status(value: Any) -> bool:
    return re.fullmatch("[1-5][0-9]{2}", text_of(value) or "") is not None


def _is_target(value: Any) -> bool:
    line = request_line(value) if isinstance(value, str) else None
    is_line = line is not None and line.target.startswith("/")
    return is_line or str(value).startswith(("/", "http://", "https://"))


def _is_time(value: Any, unit: str) -> bool:
    if isinstance(value, str):
        value = logged_time(value, utc=unit == "utc")
    try:
        stamp = converted(value, FieldType.TIME, UNITS[FieldType.TIME].get(unit))
    except (ValueError, OverflowError):
        return False
    in_seconds = isinstance(stamp, str) or stamp < MILLISECONDS_FROM
    return in_seconds and not isinstance(stamp_of(stamp), tuple)


Fits = Callable[[Any], object]
_ALIKE: Final[Mapping[str, tuple[Fits, tuple[str, ...]]]] = {
    "id": (_is_long, (r"\b(request|req|correlation|invocation) ?id$", r"^(id|uuid)$")),
    "service": (_is_name, (r"\b(service|svc)( name)?$", r"^(app|application|component)( name)?$")),
    "function": (_is_name, (r"\b(function|lambda|faas)( name)?$", r"\bentrypoint$")),
    "method": (lambda value: method_of(str(value)) != "OTHER", (r"\b(method|verb)$",)),
    "route": (_is_route, (r"\broute( (name|path|pattern))?$", r"\b(endpoint|operation)( name)?$")),
    "path": (_is_target, (r"\b(path|uri stem)$", r"\b(uri|url|target)$", r"\brequest( line)?$")),
    "status": (_is_status, (r"\bstatus( ?code)?$", r"\bcode$")),
    "client.name": (_is_name, (r"^(client|caller|consumer)( (name|app))?$", r"\bclient name$")),
    "client.version": (text_of, (r"\bclient version$",)),
    "client.tenant": (text_of, (r"\b(tenant|customer|org|organi[sz]ation|workspace)( (id|name))?$",)),
    "user_agent": (lambda value: isinstance(value, str), (r"\b(user ?agent|ua|agent)$",)),
}  # fmt: skip
"""What the values of a field are, and the patterns of its words, the likeliest first."""

_TIMES: Final = (
    rf"\b(start|started|begin)( time| timestamp)?{_UNIT}",
    rf"\b(timestamp|datetime|ts|epoch|msec|asctime){_UNIT}",
    rf"\btime{_UNIT}",
    r"\b(t|at|when|date)$",
)
_TOTAL: Final = (rf"^(?!.*{_BEHIND})(.* )?(response|request|total)\b", rf"^(?!.*{_BEHIND})")


def leaves_of(records: Sequence[Mapping[str, Any]]) -> Leaves:
    """Return the leaves of all records together."""
    found: dict[Path, Leaf] = {}
    for record in records:
        for path, value in leaves(record):
            if (leaf := found.get(path)) is None:
                words = [word for step in path[-3:] for word in words_of(str(step))]
                leaf = found[path] = Leaf(path, [], " ".join(words))
            is_there = value not in ("", "-") and not (isinstance(value, int) and abs(value) > _LARGEST)
            if is_there and len(leaf.values) < _MOST_VALUES:
                leaf.values.append(value)
    return {path: leaf for path, leaf in found.items() if leaf.values and _can_be_named(path)}


def guessed(found: Leaves) -> dict[str, GuessedField]:
    """Return the leaf of each field that has one; nothing at all without a time, or what marks a request."""
    times = [time for leaf in found.values() if (time := _time(leaf, found))]
    fields = {"ts": _best("ts", _TIMES, times) or (times[0] if len(times) == 1 else None)}
    for name, (fits, patterns) in _ALIKE.items():
        fields[name] = _best(name, patterns, [GuessedField(leaf, {}) for leaf in found.values()], fits)
    durations = [duration for leaf in found.values() if (duration := _duration(leaf))]
    fields["ms.total"] = _best("ms.total", _TOTAL, durations)
    fields["ms.function"] = _best("ms.function", (_BEHIND,), durations)
    for leaf in found.values():  # by its own name
        name = ".".join(map(str, leaf.path))
        to = None if name in _NEVER else field_type("request", name)
        if to is not None and _most(leaf, lambda value, to=to: _converts(value, to)):  # type: ignore[misc]
            fields.setdefault(name, GuessedField(leaf, {}))
    given = {name: field for name, field in fields.items() if field is not None}
    if (same := given.get("id")) and len({*map(str, same.leaf.values)}) < len(same.leaf.values):
        del given["id"]  # what has an id that is known already counts once
    if not {"route", "path"} & given.keys():
        given.pop("method", None)
    if "client.name" not in given:
        given.pop("client.version", None)
    return given if "ts" in given and any(name in given for name in MARKS) else {}


def _best(
    name: str, patterns: Sequence[str], among: Sequence[GuessedField], fits: Fits = lambda _: True
) -> GuessedField | None:
    """Return the field with the likeliest name; of several, that which lies highest or is most frequent."""
    ranked = []
    for field in among:
        path, values, words = field.leaf
        called = [number for number, pattern in enumerate(patterns) if re.search(pattern, words)]
        if ".".join(map(str, path)) == name != "id":  # that of a request, rather than of its line
            called = [-1]
        if called and _most(field.leaf, fits):
            ranked.append((called[0], len(path), -len(values), field))
    return min(ranked, key=lambda given: given[:3])[3] if ranked else None


def _most(leaf: Leaf, fits: Fits) -> bool:
    return sum(bool(fits(value)) for value in leaf.values) >= _SHARE * len(leaf.values)


def _time(leaf: Leaf, others: Leaves) -> GuessedField | None:
    for unit in ("", "ms", "us", "ns", "utc"):
        if _most(leaf, lambda value, unit=unit: _is_time(value, unit)):  # type: ignore[misc]
            return GuessedField(leaf, {"unit": unit} if unit else {}, "taken as UTC" if unit == "utc" else "")
    clock = others.get((*leaf.path[:-1], "time"))
    if clock and _most(leaf, lambda day: _DAY.fullmatch(str(day))) and _most(clock, _is_clock):
        return GuessedField(leaf, {"time": path_text(clock.path), "unit": "utc"}, "taken as UTC")
    return None


def _duration(leaf: Leaf) -> GuessedField | None:
    if _PART.search(leaf.words) or not _most(leaf, lambda value: is_duration(leaf.path, value)):
        return None
    named = [_UNIT_WORDS[word] for word in leaf.words.split() if word in _UNIT_WORDS]
    if named or (isinstance(leaf.values[0], str) and not leaf.values[0][-1:].isdigit()):  # each has its own
        return GuessedField(leaf, {"unit": named[-1]} if named and named[-1] else {})
    numbers = [
        float(converted(value, FieldType.DURATION)) for value in leaf.values if is_duration(leaf.path, value)
    ]
    if median(numbers) >= _NANOSECONDS:
        return GuessedField(leaf, {"unit": "ns"}, "taken as nanoseconds by its size")
    if median(numbers) < _SECONDS and not all(map(float.is_integer, numbers)):
        return GuessedField(leaf, {"unit": "s"}, "taken as seconds by its size")
    return GuessedField(leaf, {}, "taken as milliseconds")


def _converts(value: Any, to: FieldType) -> bool:
    try:
        return converted(value, to) in ERRORS or to is not FieldType.ERROR
    except (ValueError, OverflowError):
        return False


def path_text(path: Path) -> str:
    """Return a path as a mapping has it.

    Examples
    --------
    >>> path_text(("http", "user-agent", 0))
    "$.http['user-agent'][0]"
    """
    return "$" + "".join(map(_step, path))


def _can_be_named(path: Path) -> bool:
    try:
        json_path(path_text(path))
    except ValueError:  # an empty key, or too long a way
        return False
    return True


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    if re.fullmatch(r"[A-Za-z_]\w*", step, re.ASCII):
        return f".{step}"
    return "['" + re.sub(r"([\\'])", r"\\\1", step) + "']"
