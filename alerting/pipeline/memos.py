"""The memos of people, kept with what their incidents have in common."""

from bisect import insort
from collections.abc import Iterator
from typing import Final

from msgspec import structs

from alerting.commands.memo import Memo
from alerting.incidents.incident import Incident
from alerting.pipeline.packed_items import PackedItems
from detectors.state.declared import Owned, Stateful

EACH: Final = 20
"""Memos kept of one kind of incident, the newest ones: more than anybody reads during an incident."""

TIMELINE: Final = 1000
"""Memos kept of the timeline, the newest ones."""

MOST: Final = 5000
"""Memos kept in all, 15 MB at the very most; the oldest are dropped first."""

SHORTEST: Final = 4
"""Characters of an id that are enough to name a memo, if no other begins so."""

_TIMELINE: Final = ""


class Memos(Stateful):
    """All memos: those of incidents by fingerprint, however long ago they were, and those of the timeline."""

    STATE = (Owned("_memos"),)

    def __init__(self) -> None:
        self._memos = PackedItems[int, Memo]("memo", "memo/", Memo, _number, _number)
        self._kinds: dict[str, list[int]] = {}  # fingerprint or incident → numbers, the oldest first

    def __iter__(self) -> Iterator[Memo]:
        """Yield all memos, the oldest first."""
        return iter(self._memos)

    @property
    def next_number(self) -> int:
        """The number of the next memo: of what is kept alone, so that it is the same after a restart."""
        return max(map(_number, self), default=0) + 1

    def add(self, memo: Memo) -> None:
        """Keep a memo; drop the oldest of its kind, or of all, beyond the bounds."""
        self._file(memo)
        while len(self._memos) > MOST:
            self.remove(next(iter(self)))

    def of(self, incident: Incident) -> list[Memo]:
        """Return the memos of an incident and of all others of its kind, the oldest first."""
        found = map(self._memos.get, self._kinds.get(_kind(incident), ()))
        return [memo for memo in found if memo is not None]

    def named(self, name: str) -> Memo | None:
        """Return the memo with this id, or the only one whose id begins so; None without one."""
        found = [memo for memo in self if memo.id == name]
        if not found and len(name) >= SHORTEST:
            found = [memo for memo in self if memo.id.startswith(name)]
        return found[0] if len(found) == 1 else None

    def remove(self, memo: Memo) -> None:
        """Remove a memo."""
        self._unfile(memo)
        self._memos.drop([memo.number])

    def move(self, incident: Incident, former: Incident) -> None:
        """Keep the memos of an incident under its new fingerprint."""
        if incident.fingerprint == former.fingerprint:
            return
        for memo in self.of(former):
            if memo.incident == incident.id:
                self._unfile(memo)
                self._file(structs.replace(memo, fingerprint=incident.fingerprint))

    def derive(self) -> None:
        """File what was restored."""
        for memo in self:
            self._kinds.setdefault(_kind_of(memo), []).append(memo.number)

    def _file(self, memo: Memo) -> None:
        self._memos.put(memo)
        numbers = self._kinds.setdefault(_kind_of(memo), [])
        insort(numbers, memo.number)
        while len(numbers) > (EACH if memo.incident else TIMELINE):
            self._memos.drop([numbers.pop(0)])

    def _unfile(self, memo: Memo) -> None:
        kind = _kind_of(memo)
        self._kinds[kind].remove(memo.number)
        if not self._kinds[kind]:
            del self._kinds[kind]


def _number(memo: Memo) -> int:
    return memo.number


def _kind(incident: Incident) -> str:
    return incident.fingerprint or f"incident/{incident.id}"  # of an older state, without a fingerprint


def _kind_of(memo: Memo) -> str:
    return memo.fingerprint or (f"incident/{memo.incident}" if memo.incident else _TIMELINE)
