"""Early findings (docs/adr/0045): confirmed when their steps are judged, or taken back.

A verdict of a step about the same series, in the same direction, confirms an early finding. It keeps the name
of the early one, so that a message which has left goes on with it. An early finding that no verdict has
confirmed when all steps in question are judged is taken back, even if its detector no longer exists.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from alerting.incidents.correlation import direction
from alerting.incidents.incident_store import IncidentStore
from config.settings import Settings
from detectors.model.finding import Finding, State

TAKEN_BACK: Final = -1
"""The revision that takes an early finding back: newer than its own, older than any step's."""

_REMEMBERED: Final = 2000
"""Names remembered, of judged findings that continue an early one."""


class Provisional(msgspec.Struct):
    """The early findings that are not confirmed, and the names of those that are."""

    dues: dict[str, int] = {}  # by id: when it is taken back, epoch seconds
    names: dict[str, str] = {}  # of a judged finding: that of the early one

    def add(self, finding: Finding, at: int, store: IncidentStore, settings: Settings) -> bool:
        """Note an early finding at ``at``; return False if an incident has its series already."""
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
        name = self.names.get(finding.id)
        is_new = name is None and self.dues.pop(finding.id, None) is None
        if is_new and finding.state in ("open", "update"):
            name = next((early.id for early in self._found(store) if _same(early, finding)), None)
            if name is not None:
                del self.dues[name]
                self.names[finding.id] = name
                if len(self.names) > _REMEMBERED:
                    del self.names[next(iter(self.names))]
        return finding if name is None else msgspec.structs.replace(finding, id=name)

    def due(self, until: int, store: IncidentStore) -> list[Finding]:
        """Forget the early findings to take back up to ``until``; return the revisions that do so.

        Beside others that are confirmed it only ends, unless the message is about it.
        """
        found = []
        for early in list(self._found(store)):
            due, record = self.dues[early.id], store.of_finding(early.id)
            if due <= until and record is not None:
                others = record.findings.values()
                real = any(not finding.early and finding.state != "withdrawn" for finding in others)
                state: State = "end" if real and early.id != record.primary_id else "withdrawn"
                found.append(
                    msgspec.structs.replace(
                        early, revision=TAKEN_BACK, state=state, seen=due, end=due, trace=None
                    )
                )
        self.dues = {name: due for name, due in self.dues.items() if due > until}
        return found

    def _found(self, store: IncidentStore) -> Iterator[Finding]:
        for name in self.dues:
            record = store.of_finding(name)
            if record is not None and record.findings[name].early:
                yield record.findings[name]


def _same(one: Finding, other: Finding) -> bool:
    """Return whether two findings are of the same series and direction."""
    same_series = (one.about, one.measure) == (other.about, other.measure)
    return same_series and direction(one) == direction(other)


def _is_open(finding: Finding, store: IncidentStore) -> bool:
    return any(
        held.state in ("open", "update") and _same(held, finding)
        for record in store
        for held in record.findings.values()
    )
