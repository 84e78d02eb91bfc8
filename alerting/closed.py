"""Incidents that are over: kept for what may still be learnt of them, and then forgotten."""

from collections.abc import Iterator, Mapping
from typing import Final

from alerting.case import Case
from alerting.incident import Incident
from detectors.state import pack, unpack

KEPT_DAYS: Final = 30
"""A telling of a finding that comes later than this after its incident is taken for a new one."""

MOST: Final = 10_000
"""Incidents that are over and kept, about 2 kB each; the ones closed longest ago go first."""

_PART: Final = "closed/"
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
        self._packed: dict[int, bytes] = {}  # by the day on which they closed

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
        case.closed = at
        case.shed()
        self._cases[case.id] = case
        self.changed(case)
        return [self._forget(next(iter(self._cases))) for _ in range(len(self._cases) - MOST)]

    def changed(self, case: Case) -> None:
        """Note that late data changed a case."""
        self._packed.pop(_day(case), None)

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
        """Return one part for each day; those of days to which nothing happened stay as they are."""
        days: dict[int, list[Case]] = {}
        for case in self:
            days.setdefault(_day(case), []).append(case)
        for day, cases in days.items():
            if day not in self._packed:
                self._packed[day] = pack("incidents-closed", 2, cases, {})
        return {f"{_PART}{day}": self._packed[day] for day in days}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Take up the state of ``snapshot``.

        Raises
        ------
        detectors.state.StateError
            When a part is damaged or of another version.
        """
        self._cases, self._packed = {}, {}
        days = sorted(int(name.removeprefix(_PART)) for name in parts if name.startswith(_PART))
        for day in days:
            part = parts[f"{_PART}{day}"]
            cases, _ = unpack(part, "incidents-closed", 2, list[Case])
            self._cases.update((case.id, case) for case in cases)
            self._packed[day] = part


def _day(case: Case) -> int:
    return (case.closed or 0) // _DAY
