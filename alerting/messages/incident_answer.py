"""One incident as programs receive it over HTTP and by webhooks: with its links, and what people did."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from alerting.commands.command import Command, CommandKind, acknowledgement_of, mark_of
from alerting.commands.labels import LABEL_KINDS, LabelKind
from alerting.commands.local_time import rfc3339
from alerting.commands.memo import Memo, MemoAnswer
from alerting.incidents.answers import ExampleEntry, IncidentEntry, incident_entry
from alerting.incidents.incident import Incident, IncidentExample
from alerting.messages.console_links import ConsoleLinks
from alerting.messages.request_lines import request_links
from alerting.words.phrases import Phrases
from config.links import Links
from detectors.model.copy_fields import copy_fields


class ExampleAnswer(ExampleEntry, frozen=True, kw_only=True):
    """A request of the incident, with the addresses of its logs and its trace."""

    links: dict[str, str]


class WhoAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Who did it, and when."""

    by: str
    at: int


class LabelledAnswer(WhoAnswer, frozen=True, kw_only=True):
    """What a person said that the incident is."""

    label: LabelKind = msgspec.field(name="as")


class IncidentAnswer(IncidentEntry, frozen=True, kw_only=True):
    """An incident, with the evidence of the finding that explains the others.

    Times are epoch seconds of event time; amounts are per second, milliseconds of a latency, of a level
    itself. ``costs`` is in US dollars an hour more than expected. ``reason`` says why it was, or was not,
    reported. ``sentences`` has the sentence in other languages, by locale.
    """

    examples: Sequence[ExampleAnswer]
    memos: list[MemoAnswer]
    sentences: dict[str, str] | UnsetType = UNSET
    acknowledged: WhoAnswer | UnsetType = UNSET
    labelled: LabelledAnswer | UnsetType = UNSET


class CommandAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a person did; ``at`` is a time of RFC 3339."""

    ask: CommandKind
    by: str
    at: str
    why: str


class WebhookIncident(msgspec.Struct, frozen=True, kw_only=True):
    """What a webhook receives of one incident."""

    incident: IncidentAnswer
    links: dict[str, str]
    runbook: str | None
    account_name: str | None
    commands: list[CommandAnswer]


class WholeIncidentAnswer(WebhookIncident, frozen=True, kw_only=True):
    """One incident: what a webhook receives of it, with a title and the whole as Markdown."""

    title: str
    markdown: str


def incident_answer(incident: Incident, links: Links, memos: Sequence[Memo] = ()) -> IncidentAnswer:
    """Return an incident: its examples with their links, and the memos of its kind."""
    return copy_fields(
        IncidentAnswer,
        incident_entry(incident),
        examples=[example_answer(example, links) for example in incident.examples],
        memos=[memo.as_answer() for memo in memos],
    )


def example_answer(example: IncidentExample, links: Links | None) -> ExampleAnswer:
    """Return an example with its links; without any where ``links`` is None."""
    found = {} if links is None else request_links(example.request, links)
    return copy_fields(ExampleAnswer, example.request, why=example.why, links=found)


class KnownIncident(NamedTuple):
    """An incident at a watermark (epoch seconds), with the commands on it and the memos on it and its kind.

    Commands and memos are oldest first.
    """

    incident: Incident
    at: int
    commands: Sequence[Command] = ()
    memos: Sequence[Memo] = ()


def incident_data(known: KnownIncident, links: Links, words: Phrases) -> WebhookIncident:
    """Return one incident, its links, and the commands of people."""
    incident = known.incident
    console = ConsoleLinks.of(incident, links, words, at=known.at)
    return WebhookIncident(
        incident=incident_answer(incident, links, known.memos),
        links=console.addresses(incident),
        runbook=console.runbook(incident),
        account_name=words.accounts.get(incident.primary.about.account),
        commands=[
            CommandAnswer(ask=command.kind, by=command.by, at=rfc3339(command.at), why=command.why)
            for command in known.commands
        ],
    )


def acknowledgement(commands: Sequence[Command]) -> WhoAnswer | None:
    """Return who deals with an incident, if anybody does."""
    first = acknowledgement_of(commands)
    return None if first is None else WhoAnswer(by=first.who, at=first.at)


def label_of(commands: Sequence[Command]) -> LabelledAnswer | None:
    """Return the label that people gave an incident, if it has one."""
    mark = mark_of(commands)
    return None if mark is None else LabelledAnswer(by=mark.who, at=mark.at, label=LABEL_KINDS[mark.kind])
