"""Closed incidents: kept for late corrections, then forgotten."""

import zlib
from collections.abc import Iterator, Mapping
from typing import Final

from alerting.incidents.incident import Incident
from alerting.incidents.incident_record import IncidentRecord
from detectors.state.state import pack, unpack

KEPT_DAYS: Final = 30
"""An update of a finding that arrives later than this after its incident opens a new incident."""

MOST: Final = 10_000
"""Closed incidents kept, about 2 kB each; the first ones closed are forgotten first."""

PARTS: Final = 16
"""Parts of state over which live incidents, and those that closed on one day, are spread: a change to one of
a flood of ten thousand does not rewrite all of them."""

_PART: Final = "closed/"
_FORGOTTEN: Final = "closed-forgotten"
_DAY: Final = 86400
_VERSION: Final = 3


class IncidentArchive:
    """Records that can no longer reopen, without traces, in the order in which they closed.

    Parameters
    ----------
    remember_all
        Whether ``all`` includes forgotten incidents: for replays, which end. It changes nothing else.
    """

    def __init__(self, *, remember_all: bool = False) -> None:
        self._records: dict[str, IncidentRecord] = {}
        self._forgotten: list[Incident] | None = [] if remember_all else None
        self._closings = 0
        self._packed: dict[tuple[int, int], bytes] = {}  # by the day on which they closed, and part number

    def get(self, incident: str | None) -> IncidentRecord | None:
        """Return the record with this id."""
        return None if incident is None else self._records.get(incident)

    def __iter__(self) -> Iterator[IncidentRecord]:
        return iter(self._records.values())

    def all(self) -> list[Incident]:
        """Return the incidents kept, and with ``remember_all`` those forgotten."""
        return [*(self._forgotten or ()), *(record.to_incident() for record in self)]

    def add(self, record: IncidentRecord, at: int) -> list[IncidentRecord]:
        """Add a record that closes now; return those forgotten to make room."""
        record.closed_at, record.closing_order = at, self._closings
        self._closings += 1
        record.drop_chart_data()
        self._records[record.id] = record
        self.changed(record)
        return [self._forget(next(iter(self._records))) for _ in range(len(self._records) - MOST)]

    def changed(self, record: IncidentRecord) -> None:
        """Note that late data changed a record."""
        self._packed.pop(_place(record), None)

    def expire(self, at: int) -> list[IncidentRecord]:
        """Let time pass; return the forgotten records. Whole days go at once, because days are parts."""
        forgotten: list[IncidentRecord] = []
        while self._records and _day(first := next(iter(self))) < at // _DAY - KEPT_DAYS:
            forgotten.append(self._forget(first.id))
        return forgotten

    def _forget(self, incident: str) -> IncidentRecord:
        record = self._records.pop(incident)
        self.changed(record)
        if self._forgotten is not None:
            self._forgotten.append(record.to_incident())
        return record

    def snapshot(self) -> dict[str, bytes]:
        """Return one part per day and part number; unchanged parts are the same bytes."""
        places: dict[tuple[int, int], list[IncidentRecord]] = {}
        for record in self:
            places.setdefault(_place(record), []).append(record)
        for place, records in places.items():
            if place not in self._packed:
                self._packed[place] = pack("incidents-closed", _VERSION, records, {})
        kept = {f"{_PART}{day}/{number}": self._packed[day, number] for day, number in places}
        if self._forgotten:
            kept[_FORGOTTEN] = pack("incidents-forgotten", 1, self._forgotten, {})
        return kept

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Restore the state that ``snapshot`` returned."""
        self._packed, found = {}, list[IncidentRecord]()
        if self._forgotten is not None:
            part = parts.get(_FORGOTTEN)
            self._forgotten = unpack(part, "incidents-forgotten", 1, list[Incident])[0] if part else []
        for name, part in parts.items():
            if name.startswith(_PART):
                day, _, number = name.removeprefix(_PART).partition("/")
                self._packed[int(day), int(number)] = part
                found += unpack(part, "incidents-closed", _VERSION, list[IncidentRecord])[0]
        found.sort(key=lambda record: record.closing_order)
        self._records = {record.id: record for record in found}
        self._closings = found[-1].closing_order + 1 if found else 0


def part_of(record: IncidentRecord) -> int:
    """Return the number of the part that holds a record, the same for its whole life."""
    return zlib.crc32(record.id.encode()) % PARTS


def _place(record: IncidentRecord) -> tuple[int, int]:
    return _day(record), part_of(record)


def _day(record: IncidentRecord) -> int:
    return (record.closed_at or 0) // _DAY
