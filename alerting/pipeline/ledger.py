"""The actions of the stages: counted, and kept until they are logged."""

from collections import Counter, deque
from typing import Final

import msgspec

from alerting.pipeline.hold_stages import HistoryStage, SizeStage
from alerting.pipeline.incident_registry import TrackedIncident

UNREAD: Final = 1000
"""Actions kept at most until they are read: replay never reads them."""

_COUNTED: Final = ("held", "dropped", "gathered")

_SILENT: Final = (HistoryStage.name, SizeStage.name)
"""Stages whose holds would fill the log: weeks of incidents, and what the digest lists anyway."""


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

    def note(self, stage: str, did: str, tracked: TrackedIncident | None, reason: str, at: int) -> None:
        """Record what a stage did to an incident (``StageAction.did``)."""
        if did in _COUNTED:
            self.counts[stage] += 1
        if stage not in _SILENT or did == "released":
            incident = "" if tracked is None else tracked.incident.id
            self._unread.append(StageAction(at=at, stage=stage, did=did, incident=incident, reason=reason))
            if did == "over":
                self.ended_held[stage] += 1

    def read(self) -> list[StageAction]:
        """Return the actions since the last call, oldest first."""
        unread, self._unread = list(self._unread), deque(maxlen=UNREAD)
        return unread
