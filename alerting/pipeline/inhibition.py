"""The stage of inhibition: who knows that a whole account is affected need not hear of each part of it."""

from typing import Final

from alerting.incidents.correlation import direction
from alerting.incidents.correlation_index import JOINS_SECONDS
from alerting.pipeline.tracked_incident import Hold, TrackedIncident
from detectors.model.finding import Verdict
from detectors.model.scope import ACCOUNT

_OF_ITS_OWN: Final = (Verdict.FATAL, Verdict.LIMIT)
"""An exception that was never seen, and a limit that is met, ask for something else than their account."""


class Inhibition:
    """Told, open incidents of whole accounts, which hold those inside them.

    It holds what points the same way and begins after it, but not longer after it than findings join an
    incident: a level that stays for days must not hide what happens later.
    """

    name: Final = "inhibition"

    def __init__(self, *, on: bool) -> None:
        self._on = on
        self._wide: dict[str, TrackedIncident] = {}

    def hold(self, story: TrackedIncident, at: int) -> Hold | None:  # noqa: ARG002 - as the other stages
        """Return why the incident waits: for as long as that of its account is open."""
        if story.incident.verdict in _OF_ITS_OWN:
            return None
        wide = min(
            (one for one in self._wide.values() if _inside(story, one)),
            key=lambda one: one.sequence,
            default=None,
        )
        if wide is None:
            return None
        account = wide.incident.primary.about.account
        reason = f"inhibited by {wide.incident.id}, which is about the whole account {account}"
        return Hold(stage=self.name, reason=reason)

    def know(self, story: TrackedIncident) -> bool:
        """Take note of an incident in its newest state; True when it does not hold others any longer."""
        wide = self._on and _is_wide(story) and not story.waits and story.over is None
        if wide:
            self._wide[story.incident.id] = story
            return False
        return self._wide.pop(story.incident.id, None) is not None


def _is_wide(story: TrackedIncident) -> bool:
    return story.incident.primary.about.kind == ACCOUNT


def _inside(story: TrackedIncident, wide: TrackedIncident) -> bool:
    mine, theirs = story.incident.primary, wide.incident.primary
    return (
        story.incident.id != wide.incident.id
        and mine.about.account == theirs.about.account
        and direction(mine) == direction(theirs)
        and 0 <= story.began - wide.began <= JOINS_SECONDS
    )
