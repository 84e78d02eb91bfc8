"""Interning: each distinct combination of names of requests, and of table calls, has a small number.

Where half of the numbers are given away, a name gets one only when it comes back, each minute gives few, and
services share these; until then it is folded.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any, ClassVar, Final, Generic, NamedTuple, TypeVar

from detectors.state.state import pack, unpack
from streams.engine.decode.counted_kinds import EVERYTHING, canonical
from streams.engine.decode.event import MAX_NAME_BYTES, MOST_TABLES, EventClient
from streams.engine.decode.returning_names import Places

OTHER: Final = "other"
"""The name that new names are folded into once there are too many."""

PER_PART: Final = 1024
"""Names in one part of a snapshot; a full part never changes."""

MEAN_LENGTH: Final = 256
"""Characters of names as they are in events, for which there is room on average."""

VERSION: Final = 1


class Path(NamedTuple):
    """The destination and the sender of a request; empty where the event does not state them."""

    cloud: str
    account: str
    region: str
    service: str
    route: str
    function: str
    client: str
    version: str
    tenant: str
    counts: str = EVERYTHING  # which kinds of scope its requests count (``counted_kinds``)


class Call(NamedTuple):
    """A table called on a path."""

    path: int
    table: str


def sender_of(path: Path) -> str:
    """Return the service of a path as one text: who shares places with others."""
    return "\x1f".join(path[:4])


RawPath = tuple[
    str | None, str | None, str | None, str | None, str | None, str | None,
    EventClient | None, str | None, str | None, bool,
]  # fmt: skip
"""Cloud, account, region, service, route, function, client, kind, counts, whether there are values."""
RawCall = tuple[int, str]

Raw = TypeVar("Raw")
Name = TypeVar("Name")


def cut(name: str | None) -> str:
    """Return the first ``MAX_NAME_BYTES`` of a name in UTF-8; empty for none.

    Examples
    --------
    >>> cut("é" * 200) == "é" * 128
    True
    """
    if not name:
        return ""
    if len(name) * 4 <= MAX_NAME_BYTES:
        return name
    written = name.encode()
    return name if len(written) <= MAX_NAME_BYTES else written[:MAX_NAME_BYTES].decode(errors="ignore")


class Interning(dict[Raw, int], Generic[Raw, Name]):
    """Names as they are in an event -> id. Look-up interns; beyond ``most`` names, new ones are folded."""

    kind: ClassVar[str]
    type: ClassVar[Any]

    def __init__(self, most: int) -> None:
        super().__init__()
        self.names: list[Name] = []
        self.folded = 0  # look-ups whose names were folded
        self.most = most
        self.minute = 0  # of the record whose names are looked up, in event time
        self._places = Places(most)
        self._folds = 0  # names that folding has made
        self._ids: dict[Name, int] = {}
        self._packed: dict[int, tuple[int, bytes]] = {}  # by the first name: how many, and their part
        self._cached = 0  # characters of the names as they are in events

    def __missing__(self, raw: Raw) -> int:
        """Intern names in a form not seen before."""
        name = self._name_of(raw)
        found = self._ids.get(name)
        if found is None:
            if not self._has_room(name):
                self.folded += 1
                return self._fold(name)
            found = self.add(name)
        # a cache: neither names that differ only beyond the cut nor long ones must fill memory
        if len(self) < 2 * self.most and self._cached < 2 * self.most * MEAN_LENGTH:
            self._cached += self._length_of(raw)
            self[raw] = found
        return found

    def look_up(self, raw: Iterable[Raw], minutes: Sequence[int]) -> list[int]:
        """Return the ids of names, each of a record of a minute of event time."""
        keys = list(raw)
        found = list(map(self.get, keys, repeat(-1)))
        for at in [at for at, number in enumerate(found) if number < 0]:
            self.minute = minutes[at]
            found[at] = self[keys[at]]
        return found

    def _name_of(self, raw: Raw) -> Name:
        raise NotImplementedError

    def _length_of(self, raw: Raw) -> int:
        """Return the characters of names as they are in an event."""
        raise NotImplementedError

    def _text_of(self, name: Name) -> str:
        raise NotImplementedError

    def _sender_of(self, name: Name) -> str:
        """Return the service (of a table, the path) that shares the places that are left with others."""
        raise NotImplementedError

    def _fold(self, name: Name) -> int:
        raise NotImplementedError

    def _has_room(self, name: Name) -> bool:
        """Return whether a new name may have an id of its own."""
        kept = len(self.names) - self._folds
        return self._places.take(kept, self._text_of(name), self._sender_of(name), self.minute)

    def of(self, name: Name) -> int:
        """Return the id of names that were put together from known ones; interns them."""
        found = self._ids.get(name)
        if found is not None:
            return found
        if self._has_room(name):
            return self.add(name)
        self.folded += 1
        return self._fold(name)

    def add(self, name: Name) -> int:
        """Return the id of a name, a new one unless it is known."""
        found = self._ids.setdefault(name, len(self.names))
        if found == len(self.names):
            self.names.append(name)
        return found

    def _made(self, name: Name) -> int:
        """Return the id of a name that others are folded into."""
        found = self._ids.get(name)
        if found is None:
            self._folds += 1
            found = self.add(name)
        return found

    def snapshot(self) -> dict[str, bytes]:
        """Return the names in parts, which no longer change once they are full."""
        for first in range(0, len(self.names), PER_PART):
            names = self.names[first : first + PER_PART]
            if self._packed.get(first, (0,))[0] != len(names):
                self._packed[first] = len(names), pack(self.kind, VERSION, names, {})
        found = {f"{self.kind}/{first}": part for first, (_, part) in self._packed.items()}
        if self._folds != self._folds_before():
            found[f"{self.kind}-folds"] = pack(f"{self.kind}-folds", VERSION, self._folds, {})
        return found | self._places.snapshot(self.kind)

    def _folds_before(self) -> int:
        """Return the names that folding made in versions before 0.3, which folded only behind ``most``."""
        return max(len(self.names) - self.most, 0)

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Replace the names by those of a snapshot."""
        self.clear()
        self.names, self._cached = [], 0
        self._packed = {}
        while (part := parts.get(f"{self.kind}/{len(self.names)}")) is not None:
            names, _ = unpack(part, self.kind, VERSION, list[self.type])  # type: ignore[name-defined]
            self._packed[len(self.names)] = len(names), part
            self.names += names
        self._ids = {name: number for number, name in enumerate(self.names)}
        folds = parts.get(f"{self.kind}-folds")
        self._folds = self._folds_before()
        if folds is not None:
            self._folds, _ = unpack(folds, f"{self.kind}-folds", VERSION, int)
        self._places.restore(self.kind, parts)


class PathIds(Interning[RawPath, Path]):
    """Names as they are in an event -> path id.

    A new path without room loses its client and tenant, after a tenth of ``most`` also its route and
    function, and finally everything but cloud and account.
    """

    kind = "paths"
    type = Path

    def _name_of(self, raw: RawPath) -> Path:
        client = raw[6]
        cloud, account, region, service, route, function = [cut(name) for name in raw[:6]]
        return Path(
            cloud,
            account,
            region,
            service or function,  # a function may stand for its service
            route,
            function,
            client=cut(client.name) if client else "",
            version=cut(client.version) if client else "",
            tenant=cut(client.tenant) if client else "",
            counts=canonical(raw[7], raw[8], values=raw[9]),
        )

    def _fold(self, name: Path) -> int:
        room = max(1, self.most // 10)
        for step in range(3):
            name = _folded(name, step)
            if name in self._ids or self._folds < (step + 1) * room:
                return self._made(name)
        return self._made(Path("", "", "", OTHER, "", "", "", "", "", name.counts))

    def _length_of(self, raw: RawPath) -> int:
        client = raw[6]
        texts = (*raw[:6], *raw[7:9], *((client.name, client.version, client.tenant) if client else ()))
        return sum(len(text) for text in texts if text)

    def _text_of(self, name: Path) -> str:
        return "\x1f".join(name)

    def _sender_of(self, name: Path) -> str:
        return sender_of(name)


class CallIds(Interning[RawCall, Call]):
    """(path id, table as it is in an event) -> call id. Beyond ``most``, a new one is a call of ``OTHER``."""

    kind = "calls"
    type = Call

    def _name_of(self, raw: RawCall) -> Call:
        return Call(raw[0], cut(raw[1]))

    def _fold(self, name: Call) -> int:
        return self._made(Call(name.path, OTHER))  # bounded: one per path

    def _length_of(self, raw: RawCall) -> int:
        return len(raw[1])

    def _text_of(self, name: Call) -> str:
        return f"{name.path}\x1f{name.table}"

    def _sender_of(self, name: Call) -> str:
        return str(name.path)

    def kept_apart(self, tables: Sequence[str]) -> list[str]:
        """Return the tables of one request with those after the first ``MOST_TABLES`` folded."""
        kept = set(list(dict.fromkeys(tables))[:MOST_TABLES])
        self.folded += len(tables) - sum(map(kept.__contains__, tables))
        return [table if table in kept else OTHER for table in tables]


def _folded(path: Path, step: int) -> Path:
    """Replace the names that vary most by ``OTHER``; absent names stay absent."""
    cloud, account, region, service, route, function, client, _, tenant, counts = path
    if step > 0:
        route, function = route and OTHER, function and OTHER
    if step > 1:
        region, service = "", OTHER
    names = cloud, account, region, service, route, function, client and OTHER, "", tenant and OTHER
    return Path(*names, counts)
