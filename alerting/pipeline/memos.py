"""The memos of people, kept with what their incidents have in common."""

from bisect import insort
from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import structs

from alerting.commands.memo import Memo
from alerting.incidents.incident import Incident
from detectors.state.state import pack, unpack

EACH: Final = 20
"""Memos kept of one kind of incident, the newest ones: more than anybody reads during an incident."""

TIMELINE: Final = 1000
"""Memos kept of the timeline, the newest ones."""

MOST: Final = 5000
"""Memos kept in all, 15 MB at the very most; the oldest are dropped first."""

SHORTEST: Final = 4
"""Characters of an id that are enough to name a memo, if no other begins so."""

_PREFIX: Final = "memo/"
_TIMELINE: Final = ""


class Memos:
    """All memos: those of incidents by fingerprint, however long ago they were, and those of the timeline."""

    def __init__(self) -> None:
        self._memos: dict[int, Memo] = {}  # by number, the oldest first
        self._kinds: dict[
            str, list[int]
        ] = {}  # fingerprint or incident → numbers of its memos, the oldest first
        self._packed: dict[int, bytes] = {}

    def __iter__(self) -> Iterator[Memo]:
        """Yield all memos, the oldest first."""
        return iter(self._memos.values())

    @property
    def next_number(self) -> int:
        """The number of the next memo: of what is kept alone, so that it is the same after a restart."""
        return max(self._memos, default=0) + 1

    def add(self, memo: Memo) -> None:
        """Keep a memo; drop the oldest of its kind, or of all, beyond the bounds."""
        self._memos[memo.number] = memo
        self._file(memo)
        while len(self._memos) > MOST:
            self._drop(next(iter(self._memos)))

    def of(self, incident: Incident) -> list[Memo]:
        """Return the memos of an incident and of all others of its kind, the oldest first."""
        return [self._memos[number] for number in self._kinds.get(_kind(incident), ())]

    def named(self, name: str) -> Memo | None:
        """Return the memo with this id, or the only one whose id begins so; None without one."""
        found = [memo for memo in self if memo.id == name]
        if not found and len(name) >= SHORTEST:
            found = [memo for memo in self if memo.id.startswith(name)]
        return found[0] if len(found) == 1 else None

    def remove(self, memo: Memo) -> None:
        """Remove a memo."""
        self._drop(memo.number)

    def move(self, incident: Incident, former: Incident) -> None:
        """Keep the memos of an incident under its new fingerprint."""
        if incident.fingerprint == former.fingerprint:
            return
        for memo in self.of(former):
            if memo.incident == incident.id:
                self._unfile(memo)
                moved = structs.replace(memo, fingerprint=incident.fingerprint)
                self._memos[memo.number] = moved
                self._file(moved)

    def _file(self, memo: Memo) -> None:
        numbers = self._kinds.setdefault(_kind_of(memo), [])
        insort(numbers, memo.number)
        self._packed.pop(memo.number, None)
        while len(numbers) > (EACH if memo.incident else TIMELINE):
            self._drop(numbers[0])

    def _unfile(self, memo: Memo) -> None:
        kind = _kind_of(memo)
        self._kinds[kind].remove(memo.number)
        if not self._kinds[kind]:
            del self._kinds[kind]

    def _drop(self, number: int) -> None:
        self._unfile(self._memos.pop(number))
        self._packed.pop(number, None)

    # -- state ------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, bytes]:
        """Return one part per memo; unchanged ones are the same bytes."""
        for number, memo in self._memos.items():
            if number not in self._packed:
                self._packed[number] = pack("memo", 1, memo, {})
        return {f"{_PREFIX}{number}": part for number, part in self._packed.items()}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Restore the state that ``snapshot`` returned, whatever the order of its parts."""
        found = [
            (unpack(part, "memo", 1, Memo)[0], part)
            for name, part in parts.items()
            if name.startswith(_PREFIX)
        ]
        for memo, part in sorted(found, key=lambda entry: entry[0].number):
            self.add(memo)
            self._packed[memo.number] = part


def _kind(incident: Incident) -> str:
    return incident.fingerprint or f"incident/{incident.id}"  # of an older state, without a fingerprint


def _kind_of(memo: Memo) -> str:
    return memo.fingerprint or (f"incident/{memo.incident}" if memo.incident else _TIMELINE)
