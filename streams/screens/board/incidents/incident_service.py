"""The incidents that people look at and act on: what a driver gives the board."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from alerting.commands.answer import Answer
from alerting.commands.command import Command
from alerting.commands.memo import Memo
from alerting.incidents.incident import Incident
from alerting.pipeline.tracked_incident import TrackedIncident
from config.settings import DigestSettings
from detectors.model.stated import StatedChange


class KnownIncidents(NamedTuple):
    """All that is remembered at ``at``, the watermark (epoch seconds)."""

    at: int
    tracked: Sequence[TrackedIncident]
    memos: Sequence[Memo]  # all of them, oldest first
    changes: Sequence[StatedChange]  # of the last days


class IncidentService(Protocol):
    """Answers what people ask about incidents, and carries out what they say.

    Each method raises ``BoardDataError`` when another process has the incidents and
    does not answer.
    """

    @property
    def digest(self) -> DigestSettings:
        """When a snooze *until tomorrow* ends."""

    async def known(self) -> KnownIncidents:
        """Return all incidents that are remembered, open and ended, and what else is on their timeline."""

    async def whole(self, name: str) -> dict[str, object] | None:
        """Return all that is known of one incident, by its id or the first characters of it.

        This is the answer of ``GET /incidents/ID`` with ``at`` (the watermark), ``story`` (what happened, by
        time) and ``silences`` (those of people that hold it). None if there is no such incident, or several.
        """

    async def find(self, name: str) -> Incident | None:
        """Return one incident by its id; None if it is unknown or forgotten."""

    @property
    def exports(self) -> list[str]:
        """Where an incident can be sent, as ``webhook:NAME``."""

    async def export(self, name: str, to: str) -> str | None:
        """Send one incident to a place of ``exports``; return what to tell the person, None as in ``whole``.

        Raises
        ------
        streams.notify.incident_export.ExportError
            When it is not taken there.
        """

    async def act(self, command: Command) -> Answer:
        """Carry out a person's command, as if a button of Slack had been pressed; it is durable then."""
