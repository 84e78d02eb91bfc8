"""The message of one incident: what happened, how much, why, who calls, where to look, who deals with it."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from alerting.commands.command import Command
from alerting.incidents.incident import OVER, Incident
from alerting.messages.buttons import buttons
from alerting.messages.callers import caller_lines
from alerting.messages.console_links import Doors
from alerting.messages.handled import handled_lines
from alerting.messages.links import LinkMaker
from alerting.messages.message import (
    NAME,
    SECTION,
    TEXT,
    TOTAL,
    Block,
    Look,
    Message,
    context,
    fields,
    fit,
    header,
    labelled,
    length,
    paragraphs,
    section,
)
from alerting.words.mrkdwn import escape, link, mention, when
from alerting.words.phrases import Phrases
from detectors.model.finding import Verdict

SENTENCE = 450
_NAMED = 3
_LONGER = 300
"""Seconds by which all of an incident is longer than what its message is about, to be told: open findings are
told anew every five minutes, so less is no difference that anybody could act on."""


def page(
    incident: Incident,
    links: LinkMaker,
    zone: ZoneInfo,
    words: Phrases,
    *,
    at: int,
    commands: Sequence[Command] = (),
    calls: str = "",
    earlier: str | None = None,
    pressable: bool = True,
) -> Message:
    """Render an incident in its present state.

    Parameters
    ----------
    incident
        In any state.
    links
        Makes the links to table, functions and logs; they carry the incident's time range.
    zone
        The channel's time zone, for where Slack cannot show the reader's own.
    words
        The language.
    at
        The watermark at which this is told, epoch seconds.
    commands
        What people did about it so far.
    calls
        Whom it calls, as the configuration names them: ``here``, or ids.
    earlier
        URL of the message of the last time.
    pressable
        Whether presses of buttons reach the daemon: without that there are none.
    """
    doors = Doors.of(incident, links, words, at=at)
    called = mention(calls)
    why = escape(_why(incident, words), SENTENCE) or words.labels.no_reason
    before: list[Block] = [
        header(words.title(incident)),
        fields(_fields(incident, zone, words)),
        section(f"{called} {why}".strip()),
    ]
    notes = handled_lines(commands, words, zone, at=at)
    if earlier is not None and earlier.startswith("https://"):
        notes.append(words.came_back(link(earlier, words.labels.earlier, NAME)))
    if notes:
        before.append(section(fit(notes, SECTION)))
    asked = frozenset(command.kind for command in commands)
    after: list[Block] = [
        *([buttons(incident, words, asked)] if pressable else []),
        context(_context(incident, at, zone, words)),
    ]
    left = TOTAL - length([*before, *after])
    between: list[Block] = []
    for lines in (caller_lines(incident.primary, doors, words), doors.lines(incident)):
        made = paragraphs(lines, left)
        between += made
        left -= length(made)
    text = escape(words.sentence(incident), TEXT // 5)  # an entity is five characters
    look: Look = "over" if incident.state in OVER else "page"
    return Message(text=f"{called} {text}".strip()[:TEXT], blocks=[*before, *between, *after], look=look)


def _why(incident: Incident, words: Phrases) -> str:
    if incident.state == "withdrawn":
        return words.labels.withdrawn
    if incident.state == "resolved":
        return words.over(incident)
    return words.why(incident.primary)


def _fields(incident: Incident, zone: ZoneInfo, words: Phrases) -> list[str]:
    primary, labels = incident.primary, words.labels
    over = incident.end is not None
    fell = incident.peak < primary.expected
    if incident.end is not None:
        peak = labels.lowest if fell else labels.peak
        shown = [labelled(peak, words.quantity(incident.peak, primary.measure))]
        since = f"*{labels.lasted}*\n{_lasted(incident, incident.end, zone, words)}"
    else:
        shown = [labelled(labels.now, words.quantity(primary.observed, primary.measure))]
        since = f"*{labels.since}*\n{when(incident.start, words.clock(incident.start, zone))}"
    if primary.verdict is Verdict.FATAL:
        shown = [
            labelled(labels.error, primary.error_type),
            labelled(labels.came, words.times(primary.times)),
        ]
    elif primary.verdict is not Verdict.LIMIT:  # a limit is compared with the limit: the headroom
        shown.append(labelled(labels.expected, words.interval(primary)))
    shown += [since, labelled(labels.where, words.place(primary.about))]
    if primary.limit is not None and primary.limit > 0 and not (over and fell):
        most = incident.peak if over else primary.observed
        headroom = labels.headroom_then if over else labels.headroom  # what is left now is no news any more
        shown.append(labelled(headroom, words.headroom(most, primary)))
    shown.append(labelled(labels.data, words.complete(primary.completeness)))
    return shown


def _lasted(incident: Incident, end: int, zone: ZoneInfo, words: Phrases) -> str:
    """Return the time of what the message is about, and of all of it where that is much longer."""
    begun, ended = incident.primary_span
    span = _span(begun, ended or end, zone, words)
    longer = begun - incident.start >= _LONGER or end - (ended or end) >= _LONGER
    return f"{span}\n{words.all_of_it(_span(incident.start, end, zone, words))}" if longer else span


def _span(start: int, end: int, zone: ZoneInfo, words: Phrases) -> str:
    return f"{when(start, words.clock(start, zone))} – {_until(start, end, zone, words)}"


def _until(start: int, end: int, zone: ZoneInfo, words: Phrases) -> str:
    """Return the end of a span, without its day where that is the day it began on."""
    same = datetime.fromtimestamp(start, zone).date() == datetime.fromtimestamp(end, zone).date()
    return when(end, words.clock(end, zone), day=not same)


def _context(incident: Incident, at: int, zone: ZoneInfo, words: Phrases) -> list[str]:
    lines = [words.compared(incident.primary)]
    if incident.members:
        named = list(dict.fromkeys(words.named(member) for member in incident.members))
        shown = [escape(each, 2 * NAME) for each in named[:_NAMED]]
        lines.append(words.with_it(shown, max(0, len(named) - _NAMED)))
    lines.append(words.as_of(when(at, words.clock(at, zone)), incident.id, incident.reopened))
    return lines
