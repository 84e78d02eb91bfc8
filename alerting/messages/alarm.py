"""An alarm: what calls somebody about an incident or a flood, with the figures of its page as plain text."""

from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec import structs

from alerting.commands.dispatch import Dispatch, Form
from alerting.commands.local_time import rfc3339
from alerting.incidents.severity import Grade
from alerting.messages.console_links import ConsoleLinks
from alerting.messages.evidence import CALLERS, evidence_lists
from alerting.messages.flood_message import most_severe
from alerting.messages.incident_markdown import TITLE
from alerting.messages.incident_page import action_lines, page_fields, page_why
from alerting.messages.mrkdwn_runs import unmarked
from alerting.messages.request_lines import MemoLines, change_lines
from alerting.words.mrkdwn import clean, cut
from alerting.words.phrases import Phrases
from config.links import Links

_HERE: Final = "here"


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """What a receiver is to know of an incident in its newest state; all is plain text."""

    id: str  # of the incident, or of the flood
    title: str
    why: str
    grade: Grade
    since: str  # RFC 3339
    about: str = ""  # what it is about: empty of a flood
    where: str = ""  # cloud, account and region
    verdict: str = "flood"
    figures: dict[str, str] = {}  # by label
    links: dict[str, str] = {}  # URLs by label, that of the incident first
    by: str = ""  # who acknowledged it
    over: bool = False
    settled: bool = False  # it is over as the level that is expected since
    here: bool = False  # calls everybody who is there


def alarm(dispatch: Dispatch, links: Links, words: Phrases, zone: ZoneInfo) -> Alarm:
    """Return the alarm of the incident or flood of a dispatch."""
    if dispatch.form is Form.FLOOD:
        return _flood(dispatch, words)
    incident, at = dispatch.notice.incident, max(dispatch.notice.at, dispatch.at)
    primary, labels = incident.primary, words.labels
    console = ConsoleLinks.of(incident, links, words, at=at)
    fields = [field.partition("\n") for field in page_fields(incident, zone, words, at)]
    commands = [structs.replace(command, by=command.who) for command in dispatch.commands]
    callers, lines = evidence_lists(incident, words)[0]
    figures = {label: value for label, _, value in fields} | {
        callers: "\n".join(lines[:CALLERS]),
        labels.deployed: "\n".join(change_lines(incident, words)),
        labels.actions: "\n".join(action_lines(commands, incident, words, zone, at=at)),
        labels.memos: "\n".join(MemoLines(dispatch.memos, incident, words, zone).some()),
    }
    urls = {
        "incident": links.incident(incident.id),
        "runbook": console.runbook(incident),
        **console.addresses(incident),
    }
    acknowledged = dispatch.acknowledged
    return Alarm(
        id=incident.id,
        title=cut(clean(words.incident.title(words.named(incident))), TITLE),
        why=clean(page_why(incident, words)) or labels.no_reason,
        grade=incident.severity.level,
        since=rfc3339(incident.start),
        about=cut(clean(words.figures.about(primary.about)), TITLE),
        where=cut(clean(words.place(primary.about)), TITLE),
        verdict=incident.verdict.value,
        figures={
            unmarked(label, zone, words): unmarked(value, zone, words)
            for label, value in figures.items()
            if value
        },
        links={kind.replace("_", " ").capitalize(): url for kind, url in urls.items() if url},
        by="" if acknowledged is None else clean(acknowledged.who),
        over=incident.ended,
        settled=primary.settled,
        here=_HERE in dispatch.mention.split(),
    )


def _flood(dispatch: Dispatch, words: Phrases) -> Alarm:
    incidents = dispatch.notice.incidents
    still = [incident for incident in incidents if not incident.ended]
    titles = (words.incident.title(words.named(incident)) for incident in most_severe(incidents, CALLERS))
    return Alarm(
        id=dispatch.subject,
        title=words.digest.flood_title(len(incidents), len(still)),
        why=words.digest.flood_sentence(len(incidents), len(still)),
        grade=max(incident.severity.level for incident in still or incidents),
        since=rfc3339(min(incident.start for incident in incidents)),
        figures={words.labels.most_severe: "\n".join(map(clean, titles))},
        over=not still,
        here=_HERE in dispatch.mention.split(),
    )
