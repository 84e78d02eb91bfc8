"""The message of one incident: what, how much, why, who calls, where to look, who owns it."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from alerting.commands.command import Command, standing
from alerting.commands.memo import Memo
from alerting.incidents.incident import Incident
from alerting.messages.buttons import buttons
from alerting.messages.callers import caller_lines
from alerting.messages.change_lines import change_lines
from alerting.messages.console_links import ConsoleLinks, LinkMaker
from alerting.messages.memo_lines import MemoLines
from alerting.messages.message import (
    NAME,
    SECTION,
    SENTENCE,
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
from alerting.messages.thread_line import action_lines
from alerting.words.mrkdwn import escape, link, mention
from alerting.words.phrases import Phrases
from detectors.model.finding import Finding, Verdict
from detectors.model.measures import Measure

_NAMED = 3
CHANGES = 1500  # characters of what was deployed before: room for the longest line, or some usual ones
LEAST_MONEY = 0.01
"""US dollars an hour; what costs less is not named."""
_LONGER = 300
"""Seconds by which the whole incident must outlast its primary series for its span to be shown: open findings
are updated every five minutes, so a smaller difference means nothing."""


def page(
    incident: Incident,
    links: LinkMaker,
    zone: ZoneInfo,
    words: Phrases,
    *,
    at: int,
    commands: Sequence[Command] = (),
    memos: Sequence[Memo] = (),
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
        Makes the links to table, functions and logs, over the incident's time range.
    zone
        The channel's time zone, used where Slack cannot show the reader's own.
    words
        The language.
    at
        The watermark at which the message is made, epoch seconds.
    commands
        What people did about it up to that point.
    memos
        What people noted about it and others of its kind, oldest first.
    calls
        Whom to mention, as the configuration names them: ``here``, or ids.
    earlier
        URL of the message of the previous time.
    pressable
        Whether button presses reach the daemon; without that there are no buttons.
    """
    console = ConsoleLinks.of(incident, links, words, at=at)
    called = mention(calls)
    why = escape(page_why(incident, words), SENTENCE) or words.labels.no_reason
    before: list[Block] = [
        header(words.incident.title(words.named(incident))),
        fields(page_fields(incident, zone, words), fit(change_lines(incident, words), CHANGES)),
        section(f"{called} {why}".strip()),
    ]
    notes = action_lines(commands, incident, words, zone, at=at)
    if earlier is not None and earlier.startswith("https://"):
        notes.append(words.incident.seen_before(link(earlier, words.labels.earlier, NAME)))
    notes += MemoLines(memos, incident, words, zone).some()
    if notes:
        before.append(section(fit(notes, SECTION)))
    asked = standing(commands)
    after: list[Block] = [
        *([buttons(incident, words, asked)] if pressable else []),
        context(_context(incident, at, zone, words)),
    ]
    left = TOTAL - length([*before, *after])
    between: list[Block] = []
    for lines in (caller_lines(incident.primary, console, words), console.lines(incident)):
        made = paragraphs(lines, left)
        between += made
        left -= length(made)
    sentence = words.incident.sentence(words.named(incident), words.place(incident.primary.about))
    said = words.after_changes(incident, 1)
    if said and incident.state != "withdrawn":
        sentence += f" {said[0]}{words.labels.stop.rstrip()}"
    if not incident.ended:
        sentence += f" {words.labels.severity}: {words.severity_of(incident)}{words.labels.stop}"
    text = escape(sentence.rstrip(), TEXT // 5)  # an entity is five characters
    look: Look = "over" if incident.ended else "page"
    return Message(text=f"{called} {text}".strip()[:TEXT], blocks=[*before, *between, *after], look=look)


def page_why(incident: Incident, words: Phrases) -> str:
    """Return why it was reported, or how it ended: plain text, which may be empty."""
    if incident.state == "withdrawn":
        return words.labels.withdrawn
    if incident.state == "resolved":
        return words.incident.ending(incident)
    return words.incident.why(incident.primary)


def page_fields(incident: Incident, zone: ZoneInfo, words: Phrases) -> list[str]:
    """Return how bad it is and who is hurt, side by side, and then the figures in pairs."""
    labels, figures = words.labels, _figures(incident, zone, words)
    if incident.state == "withdrawn":  # it hurt nobody
        return figures
    how_bad = labelled(labels.severity, words.severity_of(incident), 3 * NAME)
    return [how_bad, labelled(labels.affected, words.affected_by(incident), 4 * NAME), *figures]


def _figures(incident: Incident, zone: ZoneInfo, words: Phrases) -> list[str]:
    primary, labels = incident.primary, words.labels
    over = incident.end is not None
    fell = incident.peak < primary.expected
    if incident.end is not None:
        peak = labels.lowest if fell else labels.peak
        shown = [labelled(peak, words.figures.quantity(incident.peak, primary.measure, primary.about))]
        since = f"*{labels.lasted}*\n{_lasted(incident, incident.end, zone, words)}"
    else:
        now = words.figures.quantity(primary.observed, primary.measure, primary.about)
        if primary.added_up is not None:  # the newest minute shows nothing
            now = words.figures.added_up(primary.added_up, primary)
        shown = [labelled(labels.now, now)]
        since = f"*{labels.since}*\n{words.when(incident.start, zone)}"
    if (failures := primary.failures) is not None:
        counted = words.figures.failures(failures, primary.about)
        part = f"{words.figures.percent(failures.share)} · {counted}"
        failed = labels.throttled if primary.measure is Measure.THROTTLES else labels.failed
        shown = [labelled(failed if over else labels.now, part)]
    if primary.verdict is Verdict.FATAL:
        shown = [
            labelled(labels.error, primary.error_type),
            labelled(labels.occurred, _often(primary, words)),
        ]
    elif failures is not None:
        shown.append(labelled(labels.expected, words.figures.usually(failures)))
    elif primary.added_up is not None and not over:
        mean = words.figures.quantity(primary.added_up.expected, primary.measure, primary.about)
        shown.append(labelled(labels.expected, mean))
    elif primary.verdict is not Verdict.LIMIT:  # a limit shows its headroom instead
        shown.append(labelled(labels.expected, words.figures.interval(primary)))
    shown += [since, labelled(labels.where, words.place(primary.about))]
    if primary.limit is not None and primary.limit > 0 and not (over and fell):
        most = incident.peak if over else primary.observed
        headroom = labels.headroom_then if over else labels.headroom  # what is left now no longer matters
        shown.append(labelled(headroom, words.figures.headroom(most, primary)))
    if (costs := incident.costs) is not None and not over and abs(costs) >= LEAST_MONEY:
        shown.append(labelled(labels.costs, words.figures.costs(costs)))
    shown.append(labelled(labels.data, words.figures.completeness(primary.completeness)))
    return shown


def _often(fatal: Finding, words: Phrases) -> str:
    if fatal.failures is None:
        return words.figures.times(fatal.times)
    counted = words.figures.failures(fatal.failures, fatal.about)
    return f"{words.figures.percent(fatal.failures.share)} · {counted}"


def _lasted(incident: Incident, end: int, zone: ZoneInfo, words: Phrases) -> str:
    """Return the span of the primary series, and of the whole incident where that is much longer."""
    begun, ended = incident.primary_span
    span = _span(begun, ended or end, zone, words)
    longer = begun - incident.start >= _LONGER or end - (ended or end) >= _LONGER
    return f"{span}\n{words.incident.whole_span(_span(incident.start, end, zone, words))}" if longer else span


def _span(start: int, end: int, zone: ZoneInfo, words: Phrases) -> str:
    return f"{words.when(start, zone)} – {_until(start, end, zone, words)}"


def _until(start: int, end: int, zone: ZoneInfo, words: Phrases) -> str:
    """Return the end of a span, without its day where it began on the same day."""
    same = datetime.fromtimestamp(start, zone).date() == datetime.fromtimestamp(end, zone).date()
    return words.when(end, zone, day=not same)


def _context(incident: Incident, at: int, zone: ZoneInfo, words: Phrases) -> list[str]:
    lines = [words.incident.compared(incident.primary)]
    if incident.members:
        named = list(dict.fromkeys(words.figures.series(member) for member in incident.members))
        shown = [escape(each, 2 * NAME) for each in named[:_NAMED]]
        lines.append(words.incident.also_affected(shown, max(0, len(named) - _NAMED)))
    as_of = words.when(at, zone)
    lines.append(words.incident.as_of(as_of, incident.id, incident.reopened))
    return lines
