"""The inhibition stage: while a whole account is affected, its parts are not reported one by one."""

from typing import Final

from alerting.incidents.correlation import direction
from alerting.incidents.correlation_index import JOINS_SECONDS
from alerting.pipeline.tracked_incident import Hold, TrackedIncident
from detectors.model.finding import Verdict
from detectors.model.scope import ACCOUNT

_OF_ITS_OWN: Final = (Verdict.FATAL, Verdict.LIMIT)
"""A new exception, and a limit that is reached, need a response of their own."""


class Inhibition:
    """Reported, open incidents about whole accounts, which hold those inside them.

    It holds what has the same direction and begins after it, within the time in which findings join an
    incident: a level that stays for days must not hide what happens later.
    """

    name: Final = "inhibition"

    def __init__(self, *, on: bool) -> None:
        self._on = on
        self._wide: dict[str, TrackedIncident] = {}

    def hold(self, tracked: TrackedIncident, at: int) -> Hold | None:  # noqa: ARG002 - the protocol of stages
        """Return why the incident is held: the incident about its account is open."""
        if tracked.incident.verdict in _OF_ITS_OWN:
            return None
        wide = min(
            (incident for incident in self._wide.values() if _inside(tracked, incident)),
            key=lambda one: one.sequence,
            default=None,
        )
        if wide is None:
            return None
        account = wide.incident.primary.about.account
        reason = f"inhibited by incident {wide.incident.id} about the whole account {account}"
        return Hold(stage=self.name, reason=reason)

    def update(self, tracked: TrackedIncident) -> bool:
        """Take in the newest state of an incident; True when it stops holding others."""
        wide = self._on and _is_wide(tracked) and not tracked.pending and tracked.ended_at is None
        if wide:
            self._wide[tracked.incident.id] = tracked
            return False
        return self._wide.pop(tracked.incident.id, None) is not None


def _is_wide(tracked: TrackedIncident) -> bool:
    return tracked.incident.primary.about.kind == ACCOUNT


def _inside(tracked: TrackedIncident, wide: TrackedIncident) -> bool:
    mine, theirs = tracked.incident.primary, wide.incident.primary
    return (
        tracked.incident.id != wide.incident.id
        and mine.about.account == theirs.about.account
        and direction(mine) == direction(theirs)
        and 0 <= tracked.started - wide.started <= JOINS_SECONDS
    )
