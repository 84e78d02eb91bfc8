"""All incident records: the live ones, which can still change, and those in the archive."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from alerting.incidents.archive import IncidentArchive, part_of
from alerting.incidents.correlation_index import CorrelationIndex
from alerting.incidents.incident import Incident
from alerting.incidents.incident_record import IncidentRecord
from alerting.incidents.notice import identify
from detectors.model.finding import Finding
from detectors.state.state import pack, unpack

_LIVE: Final = "live/"
_VERSION: Final = 3


class IncidentStore:
    """Finds records by id, by finding, or by what a new finding has in common with theirs.

    Parameters
    ----------
    remember_all
        Whether ``all`` includes forgotten incidents: for replays. It changes nothing else.
    """

    def __init__(self, *, remember_all: bool) -> None:
        self._live: dict[str, IncidentRecord] = {}
        self._archive = IncidentArchive(remember_all=remember_all)
        self._index = CorrelationIndex()
        self._by_finding: dict[str, str] = {}  # finding id → incident id

    def __iter__(self) -> Iterator[IncidentRecord]:
        """Iterate over the live records."""
        return iter(self._live.values())

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

    def matching(self, finding: Finding, gather: int) -> list[IncidentRecord]:
        """Return the live records of the finding's cause, the one that it belongs to first."""
        same = self._index.same_series(finding)
        related = same | self._index.related(finding, gather)
        # A reported incident keeps its message: it comes first. Then the oldest, so that ids are stable.
        return sorted(
            (
                record
                for record in map(self._live.__getitem__, sorted(related))
                if record.accepts(finding, same_series=record.id in same)
            ),
            key=lambda each: (each.alerted is None, each.resolved_at is not None, each.started, each.id),
        )

    def create(self, finding: Finding) -> IncidentRecord:
        """Create the record of a finding that matches none."""
        record = IncidentRecord.of(finding)
        if self.find(record.id) is not None:  # the finding outlasted its incident: this is another one
            record.id = identify("incident", finding.id, finding.revision)
        self._live[record.id] = record
        return record

    def assign(self, record: IncidentRecord, finding: Finding) -> None:
        """Note that a finding belongs to a record."""
        self._by_finding[finding.id] = record.id

    def merge(self, other: IncidentRecord, into: IncidentRecord) -> None:
        """Merge a live record that was not reported into another one."""
        self._remove(other)
        into.merge(other)
        for finding in other.findings.values():
            self.assign(into, finding)
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
