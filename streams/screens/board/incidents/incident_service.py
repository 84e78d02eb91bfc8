"""The incidents of a pipeline that people look at and act on, and the story of each."""

import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from alerting.commands.command import Command, CommandKind
from alerting.commands.dispatch import WEBHOOK, Answer, Destination
from alerting.commands.memo import Memo
from alerting.incidents.answers import change_answer
from alerting.incidents.incident import Incident, Sent
from alerting.messages.incident_answer import WholeIncidentAnswer
from alerting.messages.incident_markdown import IncidentMarkdown
from alerting.pipeline.incident_registry import TrackedIncident
from alerting.pipeline.pipeline import Pipeline
from config.secret import SecretError
from config.settings import DigestSettings, Settings, WebhookSettings
from detectors.model.copy_fields import copy_fields
from detectors.model.finding import Finding
from detectors.model.measures import Measure
from detectors.model.scope import ScopeAnswer
from detectors.model.stated import StatedChange
from streams.notify.command_routes import ELSEWHERE, NoAnswerError
from streams.notify.http_sinks import ExportError, export_to_webhook, key_of
from streams.notify.incidents_route import whole_incident
from streams.screens.board.board_data import BoardDataError

JOINED: Final = 30
"""Series that the story shows to have joined; the others are members, and listed there."""


class MomentAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened; ``what`` says which of the fields there are.

    It is ``change`` (before it, or before its end), ``began``, ``joined`` (another series), ``alerted``
    (``sent`` says as what), a kind of ``alerting.commands.command.CommandKind`` with ``by``, ``until`` and
    ``why``, ``memo``, ``resolved`` or ``withdrawn``.
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


class IncidentService:
    """Answers questions about the incidents of a pipeline, and carries out commands.

    Each method raises ``BoardDataError`` when another process has the incidents and does not answer.

    Parameters
    ----------
    pipeline
        Returns the pipeline, None while another process has it.
    execute
        Makes a command durable and executes it, or raises ``NoAnswerError``.
    changes
        Returns the deployments of the last days.
    """

    def __init__(
        self,
        pipeline: Callable[[], Pipeline | None],
        execute: Callable[[Command], Awaitable[Answer]],
        documents: Callable[[], IncidentMarkdown],
        changes: Callable[[], Sequence[StatedChange]],
        settings: Callable[[], Settings],
    ) -> None:
        self._pipeline = pipeline
        self._execute = execute
        self._documents = documents
        self._changes = changes
        self._settings = settings

    @property
    def digest(self) -> DigestSettings:
        """The time at which a snooze *until tomorrow* ends."""
        return self._settings().digest

    async def known(self) -> KnownIncidents:
        """Return all remembered incidents, open and ended, with the memos and changes of their timeline."""
        pipeline = self._present()
        return KnownIncidents(pipeline.watermark, pipeline.tracked(), pipeline.memos, self._changes())

    async def whole(self, name: str) -> BoardIncidentAnswer | None:
        """Return all that is known of one incident, by its id or the first characters of it.

        None if there is no such incident, or several.
        """
        pipeline = self._present()
        tracked = pipeline.named(name)
        if tracked is None:
            return None
        return copy_fields(
            BoardIncidentAnswer,
            whole_incident(pipeline, tracked, self._documents()),
            at=pipeline.watermark,
            story=story(tracked, pipeline.memos_of(tracked.incident)),
            silences=_silences(pipeline, tracked),
            exports=self.exports,
        )

    async def find(self, name: str) -> Incident | None:
        """Return one incident by its id; None if it is unknown or forgotten."""
        tracked = self._present().find(name)
        return None if tracked is None else tracked.incident

    @property
    def exports(self) -> list[str]:
        """The webhooks of the configuration: an incident is sent to no other address."""
        return list(self._webhooks)

    @property
    def _webhooks(self) -> dict[str, WebhookSettings]:
        return {
            str(Destination(WEBHOOK, webhook.name)): webhook for webhook in self._settings().notify.webhooks
        }

    async def export(self, name: str, to: str) -> str | None:
        """Send one incident to a place of ``exports``; return a line for the person, None as in ``whole``.

        Raises
        ------
        streams.notify.http_sinks.ExportError
            When the place does not accept it.
        """
        pipeline = self._present()
        tracked = pipeline.named(name)
        if tracked is None:
            return None
        webhook = self._webhooks[to]
        try:
            key = key_of(webhook, os.environ)
        except SecretError as error:
            raise ExportError(str(error)) from None
        whole = whole_incident(pipeline, tracked, self._documents())
        return await export_to_webhook(to, webhook.url, key, msgspec.to_builtins(whole))

    async def act(self, command: Command) -> Answer:
        """Carry out a person's command, as if a button of Slack had been pressed; it is durable then."""
        try:
            return await self._execute(command)
        except NoAnswerError as error:
            raise BoardDataError(str(error)) from error

    def _present(self) -> Pipeline:
        pipeline = self._pipeline()
        if pipeline is None:
            raise BoardDataError(ELSEWHERE, "elsewhere")
        return pipeline


def _silences(pipeline: Pipeline, tracked: TrackedIncident) -> list[HoldingAnswer]:
    """Return the silences of people that hold an incident; those of the configuration are not theirs."""
    names = {command.id: command.who for command in tracked.commands}
    return [
        copy_fields(
            HoldingAnswer,
            silence,
            ask="raised" if silence.fingerprint else silence.kind.value,
            by=names.get(silence.id, silence.by),
        )
        for silence in pipeline.silences()
        if (silence.incident == tracked.incident.id or silence.matches(tracked.incident))
        and not silence.id.startswith("config/")
    ]


def story(tracked: TrackedIncident, memos: Sequence[Memo]) -> list[MomentAnswer]:
    """Return the moments of an incident, the oldest first."""
    return sorted(_moments(tracked, memos), key=lambda moment: moment.at)


def _moments(tracked: TrackedIncident, memos: Sequence[Memo]) -> Iterator[MomentAnswer]:
    incident = tracked.incident
    for preceding in (*incident.changes, *filter(None, [incident.ended_after])):
        change = change_answer(preceding.change, preceding.after)
        yield copy_fields(MomentAnswer, change, at=change.ts, what="change", did=change.what)
    yield _series_moment("began", incident.start, incident.primary)
    later = [member for member in incident.members if member.start > incident.start]
    for member in sorted(later, key=lambda member: member.start)[:JOINED]:
        yield _series_moment("joined", member.start, member)
    if tracked.alerted is not None:
        yield MomentAnswer(at=tracked.alerted, what="alerted", sent=tracked.sent)
    for command in tracked.commands:
        if command.kind not in (CommandKind.NOTE, CommandKind.FORGET):
            yield MomentAnswer(
                at=command.at, what=command.kind, by=command.who, until=command.until, why=command.why
            )
    for memo in memos:
        if memo.incident == incident.id:
            yield MomentAnswer(at=memo.written, what="memo", id=memo.id, by=memo.who, text=memo.text)
    if tracked.ended_at is not None:
        yield MomentAnswer(at=tracked.ended_at, what=incident.state)


def _series_moment(what: str, at: int, finding: Finding) -> MomentAnswer:
    return MomentAnswer(at=at, what=what, scope=finding.about.as_answer(), measure=finding.measure)
