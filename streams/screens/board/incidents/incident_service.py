"""The incidents that people look at and act on; a driver gives them to the board."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec
from msgspec import UNSET, UnsetType

from alerting.commands.command import Command
from alerting.commands.dispatch import Answer
from alerting.commands.memo import Memo
from alerting.incidents.incident import Incident, Sent
from alerting.messages.incident_answer import WholeIncidentAnswer
from alerting.pipeline.incident_registry import TrackedIncident
from config.settings import DigestSettings
from detectors.model.measures import Measure
from detectors.model.scope import ScopeAnswer
from detectors.model.stated import StatedChange


class MomentAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened; ``what`` says which of the fields there are.

    It is ``change`` (before it), ``began``, ``joined`` (another series), ``alerted`` (``sent`` says as what),
    a kind of ``alerting.commands.command.CommandKind`` with ``by``, ``until`` and ``why``, ``memo``,
    ``resolved`` or ``withdrawn``.
    """

    at: float
    what: str
    scope: ScopeAnswer | UnsetType = UNSET
    measure: Measure | UnsetType = UNSET
    sent: Sent | UnsetType = UNSET
    by: str | UnsetType = UNSET
    until: int | UnsetType | None = UNSET
    why: str | UnsetType = UNSET
    id: str | UnsetType = UNSET
    text: str | UnsetType = UNSET
    ts: float | UnsetType = UNSET
    of: ScopeAnswer | UnsetType = UNSET
    version: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    after: int | UnsetType = UNSET
    did: str | UnsetType = UNSET


class HoldingAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a person did that holds the messages of an incident, and until when."""

    id: str
    ask: str
    by: str
    until: int | None
    why: str


class BoardIncidentAnswer(WholeIncidentAnswer, frozen=True, kw_only=True):
    """One incident as its page has it; ``at`` is the watermark."""

    at: int
    story: list[MomentAnswer]
    silences: list[HoldingAnswer]
    exports: list[str]


class KnownIncidents(NamedTuple):
    """All that is remembered at ``at``, the watermark (epoch seconds)."""

    at: int
    tracked: Sequence[TrackedIncident]
    memos: Sequence[Memo]  # all of them, oldest first
    changes: Sequence[StatedChange]  # of the last days


class IncidentService(Protocol):
    """Answers questions about incidents, and carries out commands.

    Each method raises ``BoardDataError`` when another process has the incidents and
    does not answer.
    """

    @property
    def digest(self) -> DigestSettings:
        """The time at which a snooze *until tomorrow* ends."""

    async def known(self) -> KnownIncidents:
        """Return all remembered incidents, open and ended, with the memos and changes of their timeline."""

    async def whole(self, name: str) -> BoardIncidentAnswer | None:
        """Return all that is known of one incident, by its id or the first characters of it.

        None if there is no such incident, or several.
        """

    async def find(self, name: str) -> Incident | None:
        """Return one incident by its id; None if it is unknown or forgotten."""

    @property
    def exports(self) -> list[str]:
        """The places that an incident can be sent to, as ``webhook:NAME``."""

    async def export(self, name: str, to: str) -> str | None:
        """Send one incident to a place of ``exports``; return a line for the person, None as in ``whole``.

        Raises
        ------
        streams.notify.http_receivers.ExportError
            When the place does not accept it.
        """

    async def act(self, command: Command) -> Answer:
        """Carry out a person's command, as if a button of Slack had been pressed; it is durable then."""
