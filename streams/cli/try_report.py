"""The report at the end of ``uneri try``: what was seen, what was left out and why, and what to mend."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from msgspec import UNSET

from streams.cli.json_leaves import is_duration, leaves, object_of
from streams.engine.decode.event import Event, SampleRecord
from streams.engine.decode.parse import stamp_of
from streams.ingest.formats.format import Reading, Record

Line = tuple[str, str]
"""A label, empty where the line goes on with that before it, and the text."""

_KINDS: Final = ("routes", "services", "functions", "tables", "clients", "accounts")
_SHOWN: Final = 3  # names of a kind, reasons, units
_LONGEST: Final = 60  # characters of a name
_MOST_NAMES: Final = 10_000  # of a kind that are told apart
_DETAIL: Final = 100  # characters of why
_PEEKED: Final = 1000  # payloads that are searched for times that nothing reads
_FEW: Final = 20  # requests whose routes may well all differ
_OWN_ROUTES: Final = 0.9
_MINUTE: Final = 60.0
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_YEAR: Final = 365 * _DAY


class TryReport:
    """Gathers the readings of all payloads; ``now`` is in epoch seconds."""

    def __init__(self, now: float) -> None:
        self._now: Final = now
        self._payloads = self._requests = self._routed = 0
        self._kinds, self._formats = Counter[str](), Counter[str]()
        self._names: Final = {kind: Counter[str]() for kind in _KINDS}
        self._units: Final[dict[str, tuple[float, float, str]]] = {}
        self._refused, self._skipped = Counter[str](), Counter[str]()
        self._first: Final[dict[str, str]] = {}
        self._earliest, self._newest = float("inf"), float("-inf")
        self._ends_known = False
        self._unread: Final[dict[str, str]] = {}
        self._peeked = 0

    @property
    def refused(self) -> int:
        """How many parts were refused."""
        return self._refused.total()

    def add(self, place: str, content: bytes, form: str | None, reading: Reading) -> None:
        """Add the reading of a payload and its place in its file."""
        self._payloads += 1
        self._formats[form or "no format"] += 1
        for record in reading.records:
            self._add(record)
        for refused in reading.refused:
            self._refused[refused.reason.value] += 1
            self._first.setdefault(refused.reason.value, f"{place}: {refused.detail[:_DETAIL]}")
        for why, count in reading.skipped.items():
            self._skipped[why] += count
            self._first.setdefault(f"skipped {why}", place)
        if self._peeked < _PEEKED and any(map(_is_untimed, reading.records)):
            self._peeked += 1
            for path, value in leaves(object_of(content)):
                if is_duration(path, value):
                    self._unread.setdefault(".".join(map(str, path)), f"{value} at {place}")

    def _add(self, record: Record) -> None:
        self._kinds[kind_of(record)] += 1
        stamp = stamp_of(record.ts)
        if not isinstance(stamp, tuple):
            self._earliest, self._newest = min(self._earliest, stamp), max(self._newest, stamp)
        self._name("accounts", record.account)
        if not isinstance(record, Event):
            return
        if record.kind != "call":
            self._requests += 1
            self._ends_known |= record.status is not None or record.error is not UNSET
            self._routed += record.route is not None
        self._name("routes", record.route)
        self._name("services", record.service)
        self._name("functions", record.function)
        if (client := record.client) is not None and client.name:
            self._name("clients", f"{client.name} {client.version or ''}".strip())
        for layer in record.ms.__struct_fields__ if record.ms else ():
            self._measure(layer, getattr(record.ms, layer), " ms")
        self._measure("memory", record.memory_mb, " MiB")
        for call in record.tables or ():
            self._name("tables", call.name)
            self._measure("table", call.ms, " ms")
            self._measure("rcu", call.rcu)
            self._measure("wcu", call.wcu)
        for key, value in (record.values or {}).items():
            self._measure(key, value)

    def _name(self, kind: str, name: str | None) -> None:
        names = self._names[kind]
        if name and (name in names or len(names) < _MOST_NAMES):
            names[name] += 1

    def _measure(self, name: str, value: float | None, unit: str = "") -> None:
        if value is not None and (name in self._units or len(self._units) < _MOST_NAMES):
            least, most, _ = self._units.get(name, (value, value, unit))
            self._units[name] = min(least, value), max(most, value), unit

    def lines(self) -> Iterator[Line]:
        """Yield the lines, ten where little is wrong."""
        kinds = _listed(self._kinds, "record" if self._kinds.total() == 1 else "records")
        payloads = f"{self._payloads:,} payload{'s' if self._payloads != 1 else ''}"
        refused, skipped = _listed(self._refused, "refused"), _listed(self._skipped, "skipped")
        yield "", f"{payloads}: {kinds}, {refused}, {skipped}"
        formats = ", ".join(f"{name} {count:,}" for name, count in self._formats.most_common())
        when = ""
        if self._earliest <= self._newest:
            when = f"; times from {_time(self._earliest)} to {_time(self._newest)}"
        yield "read as", formats + when
        if self._kinds["request"] or self._kinds["call"]:
            yield from self._seen()
        yield from _labelled("left out", self._left_out())
        yield from _labelled("look at", self._warnings())

    def _seen(self) -> Iterator[Line]:
        for kind, names in self._names.items():
            if names:
                shown = ", ".join(_cut(name) for name, _ in names.most_common(_SHOWN))
                least = "at least " if len(names) == _MOST_NAMES else ""
                yield kind, f"{least}{len(names):,}: {shown}{', …' if len(names) > _SHOWN else ''}"
        units = [_range(name, *given) for name, given in self._units.items()]
        if units:
            more = f", {len(units) - 2 * _SHOWN} more" if len(units) > 2 * _SHOWN else ""
            yield "units", ", ".join(units[: 2 * _SHOWN]) + more
        if lacking := [kind for kind, names in self._names.items() if not names]:
            yield "not named", ", ".join(lacking)

    def _left_out(self) -> Iterator[str]:
        for reason, count in self._refused.most_common(_SHOWN):
            yield f"{count:,} × {reason}, first at {self._first[reason]}"
        if len(self._refused) > _SHOWN:
            yield f"{len(self._refused) - _SHOWN} more reasons"
        skipped = [
            f"{count:,} × {_cut(why)} (first at {self._first[f'skipped {why}']})"
            for why, count in self._skipped.most_common(_SHOWN)
        ]
        if skipped:
            yield f"by design: {', '.join(skipped)}"

    def _warnings(self) -> Iterator[str]:
        if not (self._requests or self._kinds["call"]):
            return
        if self._earliest > self._now + _MINUTE:
            ahead = _long(self._earliest - self._now)
            yield f"all times are in the future, by {ahead} at least: check its clock, and the unit of ts"
        if self._newest < self._now - _YEAR:
            yield "all times are over a year old: check the unit of ts; uneri backfill teaches the past"
        if self._requests and not self._ends_known:
            yield "no request has a status or an error: none counts as failed"
        if self._unread:
            found = ", ".join(f"{_cut(path)} ({at})" for path, at in [*self._unread.items()][:_SHOWN])
            yield f"nothing reads {found}: where it is a time, send it as ms.total, or write a mapping"
        routes = len(self._names["routes"])
        if self._routed >= _FEW and routes >= _OWN_ROUTES * min(self._routed, _MOST_NAMES):
            yield (
                f"{routes:,} routes of {self._routed:,} requests: name the places of ids with templates of "
                "an input, such as /users/{name}"
            )
        if not self._names["accounts"]:
            yield "no record names its account: name it with --source account=…, or in an input"


def _is_untimed(record: Record) -> bool:
    return isinstance(record, Event) and record.kind != "call" and record.ms is None


def kind_of(record: Record) -> str:
    """Return the kind of a record, as docs/event.md calls it."""
    if isinstance(record, Event):
        return record.kind or "request"
    return "sample" if isinstance(record, SampleRecord) else "change"


def _listed(counts: Counter[str], what: str) -> str:
    named = ", ".join(f"{name} {count:,}" for name, count in counts.most_common())
    return f"{counts.total():,} {what}" + (f" ({named})" if named else "")


def _labelled(label: str, texts: Iterable[str]) -> Iterator[Line]:
    for number, text in enumerate(texts):
        yield ("" if number else label), text


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"


def _range(name: str, least: float, most: float, unit: str) -> str:
    return f"{_cut(name)} {least:g}{f' to {most:g}' if most > least else ''}{unit}"


def _time(stamp: float) -> str:
    return f"{datetime.fromtimestamp(stamp, UTC):%Y-%m-%d %H:%M:%S}Z"


def _long(seconds: float) -> str:
    for size, name in ((_YEAR, "years"), (_DAY, "days"), (_HOUR, "hours")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds / _MINUTE:.0f} minutes"
