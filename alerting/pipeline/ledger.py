"""The actions of the stages: counted, and kept until they are logged."""

from collections import Counter, deque
from typing import Final

import msgspec

from alerting.pipeline.hold_stages import HistoryStage
from alerting.pipeline.incident_registry import Hold, TrackedIncident

UNREAD: Final = 1000
"""Actions kept at most until they are read: replay never reads them."""


class StageAction(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a stage did to an incident; ``at`` is epoch seconds of event time."""

    at: int
    stage: str
    did: str  # held, released, over, dropped or gathered
    incident: str
    reason: str


class Ledger:
    """Counts what each stage held, dropped or combined, and since the last digest what ended while held."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()  # stage → incidents it held, dropped or combined
        self.ended_held: Counter[str] = Counter()  # stage → those that ended held, since the last digest
        self._unread: deque[StageAction] = deque(maxlen=UNREAD)

    def held(self, tracked: TrackedIncident, hold: Hold, at: int) -> None:
        """Record that a stage holds an incident."""
        self.counts[hold.stage] += 1
        self._note(hold.stage, "held", tracked, hold.reason, at)

    def released(self, tracked: TrackedIncident, hold: Hold, at: int) -> None:
        """Record that an incident is no longer held."""
        self._note(hold.stage, "released", tracked, hold.reason, at)

    def ended_while_held(self, tracked: TrackedIncident, hold: Hold, at: int) -> None:
        """Record that an incident ended while it was held."""
        if hold.stage != HistoryStage.name:  # the digest counts what people might have been notified of
            self.ended_held[hold.stage] += 1
        self._note(hold.stage, "over", tracked, hold.reason, at)

    def acted(self, stage: str, what: str, tracked: TrackedIncident | None, reason: str, at: int) -> None:
        """Record anything else that a stage did."""
        self.counts[stage] += 1
        self._note(stage, what, tracked, reason, at)

    def read(self) -> list[StageAction]:
        """Return the actions since the last call, oldest first."""
        unread, self._unread = list(self._unread), deque(maxlen=UNREAD)
        return unread

    def _note(self, stage: str, did: str, tracked: TrackedIncident | None, reason: str, at: int) -> None:
        if stage == HistoryStage.name and did != "released":  # weeks of them would fill the log
            return
        incident = "" if tracked is None else tracked.incident.id
        self._unread.append(StageAction(at=at, stage=stage, did=did, incident=incident, reason=reason))
