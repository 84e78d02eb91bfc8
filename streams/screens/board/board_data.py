"""The open incidents that a driver gives the board, and the signal of something new."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from alerting.incidents.correlation import GROWTH, direction
from alerting.incidents.incident import Incident
from alerting.messages.incident_answer import IncidentAnswer
from alerting.pipeline.pipeline import Pipeline
from config.links import Links
from streams.notify.incidents_route import last_ended_page, ongoing_incidents
from streams.record.history.history_queries import HistoryQueryError


class BoardDataError(HistoryQueryError):
    """The data cannot be had now; one line for the page, with the remedy."""


class BoardIncidents(NamedTuple):
    """The incidents that a board shows."""

    open: Sequence[Incident]  # without those that are too small to page
    shown: list[IncidentAnswer]  # all, as ``GET /incidents`` has them
    last: IncidentAnswer | None = None  # the newest page that has ended, in the same form
    until: int | None = None  # event time up to which another process has sent them; 0 if none yet


def incidents_of(pipeline: Pipeline | None, links: Links) -> BoardIncidents:
    """Return the incidents that a board shows; none while nobody has them."""
    if pipeline is None:
        return BoardIncidents((), [])
    open_ = [known.incident for known in pipeline.ongoing() if is_shown_in_colour(known.incident, known.sent)]
    return BoardIncidents(open_, ongoing_incidents(pipeline, links), last_ended_page(pipeline, links))


def is_shown_in_colour(incident: Incident, sent: str) -> bool:
    """Return whether an open incident colours its series: growth does, what is too small to page does not."""
    return sent != "digest" or direction(incident.primary) == GROWTH


class StepSignal:
    """Counts changes; a slow reader learns of the newest only.

    It belongs to one event loop, and keeps nothing for any reader.
    """

    def __init__(self) -> None:
        self.number = 0
        self._changed = asyncio.Event()

    def notify(self) -> None:
        """Wake all readers: a step was judged, or something else on the board has changed."""
        self.number += 1
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def after(self, number: int) -> int:
        """Return the newest number, once it is greater than ``number``."""
        while self.number <= number:
            await self._changed.wait()
        return self.number
