"""Findings of looks, until the steps that they belong to are judged: confirmed then, or taken back.

A verdict of a step that is about the same series, in the same direction, is what a look had found. It is
known by the name that the look gave it, so that a message which has left goes on with it. What no verdict
has confirmed when all steps in question are judged is taken back, whatever became of who found it.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from alerting.incidents.correlation import direction
from alerting.incidents.incident_store import IncidentStore
from config.settings import Settings
from detectors.model.finding import Finding
from detectors.model.measures import Measure
from detectors.model.scope import ScopeOrEdge

TAKEN_BACK: Final = -1
"""The revision that takes a finding of a look back: newer than the look's own, older than any step's."""

_REMEMBERED: Final = 2000
"""Names that are remembered: those of findings whose look gave them another one."""


class Provisional(msgspec.Struct):
    """The findings of looks that are not confirmed, and the names of those that are."""

    dues: dict[str, int] = {}  # by id: when it is taken back, epoch seconds
    names: dict[str, str] = {}  # of a judged finding: the one that the look gave it

    def add(self, finding: Finding, at: int, store: IncidentStore, settings: Settings) -> bool:
        """Note what a look found at ``at``; return False if an incident has it, or something newer of it."""
        if store.of_finding(finding.id) is not None or _is_open(finding, store):
            return False
        step = settings.time.step
        judged = finding.start - finding.start % step + (settings.judge.persist + 2) * step
        self.dues[finding.id] = max(judged, at + 2 * step)
        return True

    def name(self, finding: str) -> str:
        """Return the name by which incidents know a finding."""
        return self.names.get(finding, finding)

    def confirmed(self, finding: Finding, store: IncidentStore) -> Finding:
        """Return a finding by the name that incidents know; what it confirms is no longer provisional."""
        if finding.early:
            return finding
        if finding.id in self.names:
            return msgspec.structs.replace(finding, id=self.names[finding.id])
        if self.dues.pop(finding.id, None) is not None or finding.state not in ("open", "update"):
            return finding
        for early in self._found(store):
            if _same(early, finding):
                del self.dues[early.id]
                self.names[finding.id] = early.id
                if len(self.names) > _REMEMBERED:
                    del self.names[next(iter(self.names))]
                return msgspec.structs.replace(finding, id=early.id)
        return finding

    def due(self, until: int, store: IncidentStore) -> list[Finding]:
        """Return what must be taken back up to ``until``, as revisions that do so; forget it.

        Beside others that are confirmed it only ends, unless the message is about it.
        """
        over = {
            finding.id: self.dues[finding.id]
            for finding in self._found(store)
            if self.dues[finding.id] <= until
        }
        self.dues = {name: due for name, due in self.dues.items() if due > until}
        found = []
        for name, due in over.items():
            record = store.of_finding(name)
            if record is None:
                continue
            real = any(
                not finding.early and finding.state != "withdrawn" for finding in record.findings.values()
            )
            found.append(
                msgspec.structs.replace(
                    record.findings[name],
                    revision=TAKEN_BACK,
                    state="end" if real and name != record.primary_id else "withdrawn",
                    seen=due,
                    end=due,
                    trace=None,
                )
            )
        return found

    def _found(self, store: IncidentStore) -> Iterator[Finding]:
        for name in self.dues:
            record = store.of_finding(name)
            if record is not None and record.findings[name].early:
                yield record.findings[name]


def _series(finding: Finding) -> tuple[ScopeOrEdge, Measure, str]:
    return finding.about, finding.measure, direction(finding)


def _same(one: Finding, other: Finding) -> bool:
    return _series(one) == _series(other)


def _is_open(finding: Finding, store: IncidentStore) -> bool:
    return any(
        held.state in ("open", "update") and _same(held, finding)
        for record in store
        for held in record.findings.values()
    )
