"""All incident records: the live ones, which can still change, and those in the archive."""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from alerting.incidents.correlation import CorrelationIndex, is_about_broad
from alerting.incidents.incident import Incident
from alerting.incidents.incident_record import IncidentRecord
from alerting.incidents.notice import identify
from detectors.model.finding import Finding
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


_LIVE: Final = "live/"


_VERSION: Final = 3


class IncidentArchive:
    """Records that can no longer reopen, without traces, in the order in which they closed.

    With ``remember_all``, ``all`` includes forgotten incidents: for replays, which end. It changes nothing
    else.
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


class IncidentStore:
    """Finds records by id, by finding, or by what a new finding has in common with theirs.

    With ``remember_all``, ``all`` includes forgotten incidents: for replays, which end.
    """

    def __init__(self, *, remember_all: bool) -> None:
        self._live: dict[str, IncidentRecord] = {}
        self._archive = IncidentArchive(remember_all=remember_all)
        self._index = CorrelationIndex()
        self._by_finding: dict[str, str] = {}  # finding id → incident id

    def __iter__(self) -> Iterator[IncidentRecord]:
        """Iterate over the live records, also while others are added: the web server reads them meanwhile."""
        return iter(list(self._live.values()))

    def all(self) -> list[Incident]:
        """Return all incidents that are remembered, in no order."""
        return [*self._archive.all(), *(record.to_incident() for record in self)]

    def live(self, incident: str) -> IncidentRecord | None:
        """Return the live record with this id."""
        return self._live.get(incident)

    def find(self, incident: str | None) -> IncidentRecord | None:
        """Return the record with this id, live or archived."""
        return self._live.get(incident or "") or self._archive.get(incident)

    def of_finding(self, finding: str) -> IncidentRecord | None:
        """Return the record that the finding with this id belongs to."""
        return self.find(self._by_finding.get(finding))

    def join(self, finding: Finding, gather: int) -> IncidentRecord:
        """Return the live record that a finding belongs to by its cause, or its own if it matches none.

        Of several, those that were not reported become one with the first, if that is their cause.
        """
        first, *others = self._matching(finding, gather) or [self._create(finding)]
        for other in others:
            # a slow service has causes below it: it connects nothing that began at different times
            together = abs(first.started - other.started) <= gather or not is_about_broad(finding)
            if other.alerted is None and together:
                self._merge(other, first)
        self._by_finding[finding.id] = first.id
        return first

    def _matching(self, finding: Finding, gather: int) -> list[IncidentRecord]:
        same = self._index.same_series(finding)
        related = same | self._index.related(finding, gather)
        # A reported incident keeps its message: it comes first. Then the oldest, so that ids are stable.
        return sorted(
            (
                record
                for record in map(self._live.__getitem__, sorted(related))
                if record.accepts(finding, same_series=record.id in same)
            ),
            key=lambda record: (
                record.alerted is None,
                record.resolved_at is not None,
                record.started,
                record.id,
            ),
        )

    def _create(self, finding: Finding) -> IncidentRecord:
        record = IncidentRecord.of(finding)
        if self.find(record.id) is not None:  # the finding outlasted its incident: this is another one
            record.id = identify("incident", finding.id, finding.revision)
        self._live[record.id] = record
        return record

    def _merge(self, other: IncidentRecord, into: IncidentRecord) -> None:
        self._remove(other)
        into.merge(other)
        for finding in other.findings.values():
            self._by_finding[finding.id] = into.id
            self._index.put(into.id, finding)

    def changed(self, record: IncidentRecord, finding: Finding | None = None) -> None:
        """Note that a record changed, and which of its findings did."""
        if record.closed_at is not None:
            self._archive.changed(record)
        elif finding is not None:
            self._index.put(record.id, finding)

    def close(self, record: IncidentRecord, at: int) -> None:
        """Move a live record to the archive."""
        self._remove(record)
        self._forget(self._archive.add(record, at))

    def expire(self, at: int) -> None:
        """Forget archived records that are too old at a time."""
        self._forget(self._archive.expire(at))

    def _remove(self, record: IncidentRecord) -> None:
        del self._live[record.id]
        self._index.remove(record.id)

    def _forget(self, records: Iterable[IncidentRecord]) -> None:
        for record in records:
            for finding in record.findings:
                if self._by_finding.get(finding) == record.id:
                    del self._by_finding[finding]

    # -- state ------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, bytes]:
        """Return the state as parts; unchanged archive parts are the same bytes."""
        parts: dict[int, list[IncidentRecord]] = {}
        for record in self:
            parts.setdefault(part_of(record), []).append(record)
        live = {
            f"{_LIVE}{part}": pack("incidents-live", _VERSION, records, {}) for part, records in parts.items()
        }
        return {**live, **self._archive.snapshot()}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Restore the state that ``snapshot`` returned."""
        self._archive.restore(parts)
        records: list[IncidentRecord] = []
        for name, part in parts.items():
            if name.startswith(_LIVE):
                records += unpack(part, "incidents-live", _VERSION, list[IncidentRecord])[0]
        self._live = {record.id: record for record in records}
        self._index, self._by_finding = CorrelationIndex(), {}
        newest: dict[str, int] = {}
        for record in (*self._archive, *records):
            for finding in record.findings.values():
                # a grown series near its limit is in two
                if finding.revision >= newest.get(finding.id, finding.revision):
                    newest[finding.id], self._by_finding[finding.id] = finding.revision, record.id
        for record in records:
            for finding in record.findings.values():
                self._index.put(record.id, finding)
