"""All incident records: the live ones, which can still change, and those that are closed."""

import zlib
from collections.abc import Iterator, Mapping
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

_LIVE: Final = "live/"
_PART: Final = "closed/"
_FORGOTTEN: Final = "closed-forgotten"
_VERSION: Final = 3
_DAY: Final = 86400


def part_of(record: IncidentRecord) -> int:
    """Return the number of the part that holds a record, the same for its whole life."""
    return zlib.crc32(record.id.encode()) % PARTS


def _place(record: IncidentRecord) -> tuple[int, int]:
    return _day(record), part_of(record)


def _day(record: IncidentRecord) -> int:
    return (record.closed_at or 0) // _DAY


class IncidentStore:
    """Finds records by id, by finding, or by what a new finding has in common with theirs.

    Closed records can no longer reopen; they are kept without traces. With ``remember_all``, ``all`` includes
    forgotten incidents: for replays, which end. It changes nothing else.
    """

    def __init__(self, *, remember_all: bool) -> None:
        self._live: dict[str, IncidentRecord] = {}
        self._closed: dict[str, IncidentRecord] = {}  # in the order in which they closed
        self._forgotten: list[Incident] | None = [] if remember_all else None
        self._packed: dict[tuple[int, int], bytes] = {}  # by the day on which they closed, and part number
        self.merged: list[IncidentRecord] = []  # into others, since the last notices
        self._index = CorrelationIndex()
        self._by_finding: dict[str, str] = {}  # finding id → incident id

    def __iter__(self) -> Iterator[IncidentRecord]:
        """Iterate over the live records, also while others are added: the web server reads them meanwhile."""
        return iter(list(self._live.values()))

    def all(self) -> list[Incident]:
        """Return all incidents that are remembered, in no order."""
        records = (*self._closed.values(), *self)
        return [*(self._forgotten or ()), *(record.to_incident() for record in records)]

    def small(self, since: int) -> list[Incident]:
        """Return what was open after ``since`` and too small to page, what began first before others."""
        found = [
            record
            for record in (*self._closed.values(), *self)
            if record.is_small
            and not record.withdrawn
            and (record.resolved_at is None or record.resolved_at > since)
        ]
        return [record.to_incident() for record in sorted(found, key=lambda held: (held.started, held.id))]

    def live(self, incident: str) -> IncidentRecord | None:
        """Return the live record with this id."""
        return self._live.get(incident)

    def find(self, incident: str | None) -> IncidentRecord | None:
        """Return the record with this id, live or closed."""
        return self._live.get(incident or "") or self._closed.get(incident or "")

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
        if other.resolved_at is None:
            self.merged.append(other)
        into.merge(other)
        for finding in other.findings.values():
            self._by_finding[finding.id] = into.id
            self._index.put(into.id, finding)

    def changed(self, record: IncidentRecord, finding: Finding | None = None) -> None:
        """Note that a record changed, and which of its findings did."""
        if record.closed_at is not None:
            self._packed.pop(_place(record), None)
        elif finding is not None:
            self._index.put(record.id, finding)

    def close(self, record: IncidentRecord, at: int) -> None:
        """Close a live record; beyond ``MOST``, forget those that closed first."""
        self._remove(record)
        newest = next(reversed(self._closed.values()), None)
        record.closed_at, record.closing_order = at, 0 if newest is None else newest.closing_order + 1
        record.drop_chart_data()
        self._closed[record.id] = record
        self.changed(record)
        while len(self._closed) > MOST:
            self._forget(next(iter(self._closed.values())))

    def expire(self, at: int) -> None:
        """Forget what closed too long before a time. Whole days go at once, because days are parts."""
        while self._closed and _day(first := next(iter(self._closed.values()))) < at // _DAY - KEPT_DAYS:
            self._forget(first)

    def _remove(self, record: IncidentRecord) -> None:
        del self._live[record.id]
        self._index.remove(record.id)

    def _forget(self, record: IncidentRecord) -> None:
        del self._closed[record.id]
        self.changed(record)
        if self._forgotten is not None:
            self._forgotten.append(record.to_incident())
        for finding in record.findings:
            if self._by_finding.get(finding) == record.id:
                del self._by_finding[finding]

    # -- state ------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, bytes]:
        """Return the state as parts; unchanged ones of closed records are the same bytes."""
        live: dict[int, list[IncidentRecord]] = {}
        for record in self:
            live.setdefault(part_of(record), []).append(record)
        closed: dict[tuple[int, int], list[IncidentRecord]] = {}
        for record in self._closed.values():
            closed.setdefault(_place(record), []).append(record)
        for place, records in closed.items():
            if place not in self._packed:
                self._packed[place] = pack("incidents-closed", _VERSION, records, {})
        parts = {f"{_LIVE}{part}": pack("incidents-live", _VERSION, of, {}) for part, of in live.items()}
        parts |= {f"{_PART}{day}/{number}": self._packed[day, number] for day, number in closed}
        if self._forgotten:
            parts[_FORGOTTEN] = pack("incidents-forgotten", 1, self._forgotten, {})
        return parts

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Restore the state that ``snapshot`` returned."""
        live, closed = list[IncidentRecord](), list[IncidentRecord]()
        self._packed = {}
        for name, part in parts.items():
            if name.startswith(_LIVE):
                live += unpack(part, "incidents-live", _VERSION, list[IncidentRecord])[0]
            elif name.startswith(_PART):
                day, _, number = name.removeprefix(_PART).partition("/")
                self._packed[int(day), int(number)] = part
                closed += unpack(part, "incidents-closed", _VERSION, list[IncidentRecord])[0]
        closed.sort(key=lambda record: record.closing_order)
        if self._forgotten is not None:
            kept = parts.get(_FORGOTTEN)
            self._forgotten = unpack(kept, "incidents-forgotten", 1, list[Incident])[0] if kept else []
        self._live = {record.id: record for record in live}
        self._closed = {record.id: record for record in closed}
        self._index, self._by_finding = CorrelationIndex(), {}
        newest: dict[str, int] = {}
        for record in (*closed, *live):
            for finding in record.findings.values():
                # a grown series near its limit is in two
                if finding.revision >= newest.get(finding.id, finding.revision):
                    newest[finding.id], self._by_finding[finding.id] = finding.revision, record.id
        for record in live:
            for finding in record.findings.values():
                self._index.put(record.id, finding)
