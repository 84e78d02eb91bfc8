"""Incidents that are over: kept for what may still be learnt of them, and then forgotten."""

import zlib
from collections.abc import Iterator, Mapping
from typing import Final

from alerting.incidents.incident import Incident
from alerting.incidents.incident_record import Case
from detectors.state.state import pack, unpack

KEPT_DAYS: Final = 30
"""A telling of a finding that comes later than this after its incident is taken for a new one."""

MOST: Final = 10_000
"""Incidents that are over and kept, about 2 kB each; the ones closed longest ago go first."""

SHELVES: Final = 16
"""Parts that living cases, and those that closed on one day, are spread over: a flood of ten thousand is then
not written anew as a whole for each that changes."""

_PART: Final = "closed/"
_FORGOTTEN: Final = "closed-forgotten"
_DAY: Final = 86400


class Closed:
    """Cases that can no longer come back, without their traces, in the order in which they closed.

    Parameters
    ----------
    remember_all
        Whether ``all`` goes on to have what was forgotten: for replays, which end. It changes nothing else.
    """

    def __init__(self, *, remember_all: bool = False) -> None:
        self._cases: dict[str, Case] = {}
        self._forgotten: list[Incident] | None = [] if remember_all else None
        self._closings = 0
        self._packed: dict[tuple[int, int], bytes] = {}  # by the day on which they closed, and the shelf

    def get(self, case: str | None) -> Case | None:
        """Return the case with this id."""
        return None if case is None else self._cases.get(case)

    def __contains__(self, case: str) -> bool:
        return case in self._cases

    def __iter__(self) -> Iterator[Case]:
        return iter(self._cases.values())

    def all(self) -> list[Incident]:
        """Return all that is kept, and what was forgotten where that is remembered."""
        return [*(self._forgotten or ()), *(case.incident() for case in self)]

    def put(self, case: Case, at: int) -> list[Case]:
        """Take in a case that closes now; return those that are forgotten for it."""
        case.closed, case.order = at, self._closings
        self._closings += 1
        case.shed()
        self._cases[case.id] = case
        self.changed(case)
        return [self._forget(next(iter(self._cases))) for _ in range(len(self._cases) - MOST)]

    def changed(self, case: Case) -> None:
        """Note that late data changed a case."""
        self._packed.pop(_place(case), None)

    def expire(self, at: int) -> list[Case]:
        """Let time pass; return those that are forgotten: whole days at once, for they are parts."""
        gone: list[Case] = []
        while self._cases and _day(first := next(iter(self))) < at // _DAY - KEPT_DAYS:
            gone.append(self._forget(first.id))
        return gone

    def _forget(self, which: str) -> Case:
        case = self._cases.pop(which)
        self.changed(case)
        if self._forgotten is not None:
            self._forgotten.append(case.incident())
        return case

    def snapshot(self) -> dict[str, bytes]:
        """Return parts of days and shelves; those to which nothing happened stay as they are."""
        places: dict[tuple[int, int], list[Case]] = {}
        for case in self:
            places.setdefault(_place(case), []).append(case)
        for place, cases in places.items():
            if place not in self._packed:
                self._packed[place] = pack("incidents-closed", 2, cases, {})
        kept = {f"{_PART}{day}/{shelf}": self._packed[day, shelf] for day, shelf in places}
        return kept | (
            {_FORGOTTEN: pack("incidents-forgotten", 1, self._forgotten, {})} if self._forgotten else {}
        )

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Take up the state of ``snapshot``.

        Raises
        ------
        detectors.state.state.StateError
            When a part is damaged or of another version.
        """
        self._packed, found = {}, list[Case]()
        if self._forgotten is not None:
            part = parts.get(_FORGOTTEN)
            self._forgotten = unpack(part, "incidents-forgotten", 1, list[Incident])[0] if part else []
        for name, part in parts.items():
            if name.startswith(_PART):
                day, _, shelf = name.removeprefix(_PART).partition("/")
                self._packed[int(day), int(shelf)] = part
                found += unpack(part, "incidents-closed", 2, list[Case])[0]
        found.sort(key=lambda case: case.order)
        self._cases = {case.id: case for case in found}
        self._closings = found[-1].order + 1 if found else 0


def shelf_of(case: Case) -> int:
    """Return the shelf that a case lies on, the same for all its life."""
    return zlib.crc32(case.id.encode()) % SHELVES


def _place(case: Case) -> tuple[int, int]:
    return _day(case), shelf_of(case)


def _day(case: Case) -> int:
    return (case.closed or 0) // _DAY
