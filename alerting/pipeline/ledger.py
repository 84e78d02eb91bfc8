"""What the stages did: counted, and kept for a log that nobody has read yet."""

from collections import Counter, deque
from typing import Final

import msgspec

from alerting.pipeline.tracked_incident import Hold, TrackedIncident

UNREAD: Final = 1000
"""Turns that wait for a reader at most: replay has none."""


class StageAction(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a stage did to an incident; ``at`` is epoch seconds of event time."""

    at: int
    stage: str
    did: str  # held, released, over, dropped or gathered
    incident: str
    reason: str


class Ledger:
    """Counts what each stage held, dropped or reshaped, and since the last digest what was over by then."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()  # stage → incidents it held, dropped or reshaped, ever
        self.over: Counter[str] = Counter()  # stage → incidents over before they were told, since the digest
        self._unread: deque[StageAction] = deque(maxlen=UNREAD)

    def held(self, story: TrackedIncident, hold: Hold, at: int) -> None:
        """Take note that a stage holds an incident."""
        self.counts[hold.stage] += 1
        self._note(hold.stage, "held", story, hold.reason, at)

    def released(self, story: TrackedIncident, hold: Hold, at: int) -> None:
        """Take note that what held an incident has ended, and it goes on."""
        self._note(hold.stage, "released", story, hold.reason, at)

    def passed_over(self, story: TrackedIncident, hold: Hold, at: int) -> None:
        """Take note that an incident was over before what held it ended."""
        self.over[hold.stage] += 1
        self._note(hold.stage, "over", story, hold.reason, at)

    def did(self, stage: str, what: str, story: TrackedIncident | None, reason: str, at: int) -> None:
        """Take note of anything else that a stage did."""
        self.counts[stage] += 1
        self._note(stage, what, story, reason, at)

    def read(self) -> list[StageAction]:
        """Return what nobody has read yet, oldest first."""
        unread, self._unread = list(self._unread), deque(maxlen=UNREAD)
        return unread

    def _note(self, stage: str, did: str, story: TrackedIncident | None, reason: str, at: int) -> None:
        incident = "" if story is None else story.incident.id
        self._unread.append(StageAction(at=at, stage=stage, did=did, incident=incident, reason=reason))
