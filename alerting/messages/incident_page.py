"""The message of one incident, its buttons, and the lines of its thread.

It names the scope and the size, the reason, the callers, links, and the people who act on it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from alerting.commands.command import MARKS, Command, CommandKind, standing
from alerting.commands.dispatch import Dispatch, Line
from alerting.commands.slack_interactions import DETAILS, NOTE, PATTERN
from alerting.incidents.incident import Incident
from alerting.incidents.notice import Milestone
from alerting.messages.blocks import (
    NAME,
    REASON,
    SECTION,
    SENTENCE,
    TEXT,
    TOTAL,
    Block,
    Frame,
    Message,
    actions,
    button,
    context,
    fields,
    fit,
    header,
    labelled,
    length,
    paragraphs,
    section,
    select,
)
from alerting.messages.console_links import ConsoleLinks
from alerting.messages.evidence import caller_lines
from alerting.messages.request_lines import MemoLines, change_lines, memo_mrkdwn
from alerting.pipeline.silences import size_of
from alerting.words import numbers
from alerting.words.mrkdwn import escape, link, mention, person
from alerting.words.phrases import Phrases
from config.links import Links
from detectors.model.finding import Finding, Verdict
from detectors.model.measures import LOADS, Measure
from detectors.model.scope import ACCOUNT, SERVICE

_MINUTE: Final = 60  # after which a newer one is complete
_NAMED = 3
CHANGES = 1500  # characters of earlier changes: enough for the longest line, or several usual ones
LEAST_MONEY = 0.01
"""US dollars an hour; what costs less is not named."""
_LONGER = 300
"""Seconds by which the whole incident must outlast its primary series for its span to be shown: open findings
are updated every five minutes, so a smaller difference means nothing."""


def page(
    dispatch: Dispatch,
    links: Links,
    zone: ZoneInfo,
    words: Phrases,
    *,
    earlier: str | None = None,
    pressable: bool = True,
) -> Message:
    """Render the incident of a dispatch in its present state.

    Parameters
    ----------
    zone
        The channel's time zone, used where Slack cannot show the reader's own.
    earlier
        URL of the message of the previous time.
    pressable
        Whether button presses reach the daemon; without that there are no buttons.
    """
    incident, at = dispatch.notice.incident, max(dispatch.notice.at, dispatch.at)
    console = ConsoleLinks.of(incident, links, words, at=at)
    called = mention(dispatch.mention)
    why = escape(page_why(incident, words), SENTENCE) or words.labels.no_reason
    before: list[Block] = [
        header(words.incident.title(words.named(incident))),
        fields(page_fields(incident, zone, words, at), fit(change_lines(incident, words), CHANGES)),
        section(f"{called} {why}".strip()),
    ]
    notes = action_lines(dispatch.commands, incident, words, zone, at=at)
    if earlier is not None and earlier.startswith("https://"):
        notes.append(words.incident.seen_before(link=link(earlier, words.labels.earlier, NAME)))
    notes += MemoLines(dispatch.memos, incident, words, zone).some()
    if notes:
        before.append(section(fit(notes, SECTION)))
    asked = standing(dispatch.commands)
    after: list[Block] = [
        *([buttons(incident, words, asked)] if pressable else []),
        context(_context(incident, at, zone, words)),
    ]
    left = TOTAL - length([*before, *after])
    between: list[Block] = []
    for lines in (
        _cause_lines(incident, words),
        caller_lines(incident.primary, console, words),
        console.lines(incident),
    ):
        made = paragraphs(lines, left)
        between += made
        left -= length(made)
    sentence = words.incident.sentence(
        words.named(incident), words.place(incident.primary.about), is_now=_is_now(incident, at)
    )
    changes = words.after_changes(incident, 1)
    if changes and incident.state != "withdrawn":
        sentence += f" {changes[0]}{words.labels.stop.rstrip()}"
    if not incident.ended:
        sentence += f" {words.labels.severity}: {words.incident.severity_of(incident)}{words.labels.stop}"
    text = escape(sentence.rstrip(), TEXT // 5)  # an entity is five characters
    frame: Frame = "over" if incident.ended else "page"
    return Message(text=f"{called} {text}".strip()[:TEXT], blocks=[*before, *between, *after], look=frame)


def _cause_lines(incident: Incident, words: Phrases) -> list[str]:
    """Return in a short phrase whether a rise is demand or a defect, if that is known."""
    found = incident.concentration
    if found is None or (found.alone and any(_rises_beside(member) for member in incident.members)):
        return []
    return [words.incident.concentration(found)]


def _rises_beside(member: Finding) -> bool:
    """Return whether a rise is one of more than a part of an account, so that nothing rises alone."""
    return member.measure in LOADS and member.rises and member.about.kind in (ACCOUNT, SERVICE)


def page_why(incident: Incident, words: Phrases) -> str:
    """Return the reason of the report, or of the end: plain text, which may be empty."""
    if incident.state == "withdrawn":
        return words.labels.withdrawn
    if incident.state == "resolved":
        return words.incident.ending(incident)
    return words.incident.why(incident.primary)


def page_fields(incident: Incident, zone: ZoneInfo, words: Phrases, at: int) -> list[str]:
    """Return severity and affected requests side by side, and then the figures in pairs: ten at most.

    ``at`` is the time of the message, in epoch seconds of event time.
    """
    labels, figures = words.labels, _figures(incident, zone, words, at)
    if incident.state == "withdrawn":  # it hurt nobody
        return figures
    how_bad = labelled(labels.severity, words.incident.severity_of(incident), 3 * NAME)
    return [how_bad, labelled(labels.affected, words.affected_by(incident), 4 * NAME), *figures]


def _figures(incident: Incident, zone: ZoneInfo, words: Phrases, at: int) -> list[str]:
    primary, labels = incident.primary, words.labels
    is_now = _is_now(incident, at)
    if incident.end is None:
        since = f"*{labels.since}*\n{words.when(incident.start, zone)}"
    else:
        since = f"*{labels.lasted}*\n{_lasted(incident, incident.end, zone, words)}"
    shown = [*_observed(incident, words, is_now=is_now), since]
    shown.append(labelled(labels.where, words.place(primary.about)))
    if primary.limit is not None and primary.limit > 0 and (is_now or primary.rises):
        most = primary.observed if is_now else incident.peak
        headroom = labels.headroom if is_now else labels.headroom_then
        shown.append(labelled(headroom, words.figures.headroom(most, primary)))
    if (costs := incident.costs) is not None and incident.end is None and abs(costs) >= LEAST_MONEY:
        shown.append(labelled(labels.costs, words.figures.costs(costs)))
    shown.append(labelled(labels.data, words.figures.completeness(primary.completeness)))
    return shown


def _is_now(incident: Incident, at: int) -> bool:
    """Return whether the newest minute of its primary is still the newest one at ``at``."""
    primary = incident.primary
    if incident.end is not None or primary.verdict is Verdict.LIMIT:  # of a limit it is the largest so far
        return False
    return primary.is_open and at < primary.seen + _MINUTE


def _observed(incident: Incident, words: Phrases, *, is_now: bool) -> list[str]:
    """Return what was observed and what was expected: now, at the peak, and over its span."""
    primary, labels, figures = incident.primary, words.labels, words.figures
    if primary.verdict is Verdict.FATAL:
        occurred = labelled(labels.occurred, _often(primary, words))
        return [labelled(labels.error, primary.error_type), occurred]
    if (failures := primary.failures) is not None:
        part = f"{figures.percent(failures.share)} · {figures.failures(failures, primary.about)}"
        failed = labels.throttled if primary.measure is Measure.THROTTLES else labels.failed
        kinds = figures.failure_kinds(failures)
        how = [labelled(labels.error, kinds)] if kinds else []
        return [labelled(failed, part), *how, labelled(labels.expected, figures.usually(failures))]
    furthest = labels.peak if primary.rises else labels.lowest
    name, value = (labels.now, primary.observed) if is_now else (furthest, incident.peak)
    shown = labelled(name, figures.of_finding(value, primary))
    if primary.verdict is Verdict.LIMIT:  # shows its headroom instead
        return [shown]
    if primary.added_up is None or primary.is_minute:
        return [shown, labelled(labels.expected, figures.interval(primary))]
    usual = figures.of_finding(primary.added_up.expected, primary)
    expected = labelled(labels.expected, usual)
    if primary.verdict is Verdict.ABSENCE:
        return [shown, expected]
    return [labelled(labels.mean, figures.added_up(primary.added_up, primary)), expected, shown]


def _often(fatal: Finding, words: Phrases) -> str:
    if fatal.failures is None:
        return words.figures.times(fatal.times)
    counted = words.figures.failures(fatal.failures, fatal.about)
    return f"{words.figures.percent(fatal.failures.share)} · {counted}"


def _lasted(incident: Incident, end: int, zone: ZoneInfo, words: Phrases) -> str:
    """Return the span of the primary series, and that of the whole incident if it is much longer."""
    begun, ended = incident.primary_span
    span = _span(begun, ended or end, zone, words)
    longer = begun - incident.start >= _LONGER or end - (ended or end) >= _LONGER
    if not longer:
        return span
    return f"{span}\n{words.incident.whole_span(span=_span(incident.start, end, zone, words))}"


def _span(start: int, end: int, zone: ZoneInfo, words: Phrases) -> str:
    same_day = datetime.fromtimestamp(start, zone).date() == datetime.fromtimestamp(end, zone).date()
    return f"{words.when(start, zone)} – {words.when(end, zone, day=not same_day)}"


def _context(incident: Incident, at: int, zone: ZoneInfo, words: Phrases) -> list[str]:
    lines = [words.incident.compared(incident.primary)]
    if incident.size is not None and incident.rule:
        times, setting = numbers.number(incident.size.times), incident.size.setting
        lines.append(words.incident.rule(times=times, setting=setting))
    if incident.members:
        named = list(dict.fromkeys(words.figures.series(member) for member in incident.members))
        shown = words.figures.comma.join(escape(series, 2 * NAME) for series in named[:_NAMED])
        lines.append(words.incident.also_affected(names=shown, more=max(0, len(named) - _NAMED)))
    as_of = words.when(incident.known(at), zone)
    lines.append(words.incident.as_of(when=as_of, incident=incident.id, reopened=incident.reopened))
    return lines


_HOUR: Final = "1h"
_TOMORROW: Final = "tomorrow"


def buttons(incident: Incident, words: Phrases, asked: frozenset[CommandKind] = frozenset()) -> Block:
    """Return the row of buttons.

    ``value`` is ``incident:revision``, and ``1h:incident:revision`` for an entry of the snooze menu: the
    handler of a press looks the incident up and trusts nothing else in a message.

    ``asked`` are the commands given before: an acknowledged incident needs no second acknowledgement, and a
    mark can be taken back.
    """
    labels = words.labels
    value = f"{incident.id}:{incident.revision}"
    shown: list[Block] = []
    if incident.end is None and not incident.ended:
        if CommandKind.ACKNOWLEDGE not in asked:
            shown.append(button(CommandKind.ACKNOWLEDGE, labels.acknowledge, value, style="primary"))
        entries = ((labels.an_hour, _HOUR), (labels.tomorrow, _TOMORROW), (labels.pattern, PATTERN))
        shown.append(
            select(CommandKind.SNOOZE, labels.snooze, [(text, f"{what}:{value}") for text, what in entries])
        )
    if asked & MARKS:
        shown.append(button(CommandKind.TAKE_BACK, labels.take_back, value))
    elif incident.state != "withdrawn":
        shown.append(button(CommandKind.EXPECTED, labels.as_expected, value))
        shown.append(button(CommandKind.NOT_AN_ANOMALY, labels.not_an_anomaly, value))
    shown.append(button(NOTE, labels.note, value))
    shown.append(button(DETAILS, labels.details, value))
    return actions(shown)


_MILESTONE: Final = 500
_ACTIONS: Final = 3
_KINDS: Final = {kind.value: kind for kind in CommandKind}


def thread_line(
    line: Line, incident: Incident, words: Phrases, zone: ZoneInfo, *, calls: str = ""
) -> Message:
    """Render one line of an incident's thread: a milestone or a command of a person.

    ``calls`` are the people whom it mentions.
    """
    kind, is_now = _KINDS.get(line.what), _is_now(incident, line.at)
    if kind is None:
        told = words.incident.milestone(line.what, words.named(incident), line.detail, is_now=is_now)
        text = escape(told, _MILESTONE)
    elif kind is CommandKind.UNSILENCE and not line.by:
        text = words.incident.snooze_expired
    else:
        done = Command(id="", kind=kind, at=line.at, by=line.by, until=line.until, why=line.detail)
        text = _action(done, incident, words, zone)
    called = f"{mention(calls)} {text}".strip()
    return Message(
        text=text.replace("*", "")[:TEXT],
        blocks=[section(called[:SECTION]), context([words.when(line.at, zone)])],
        look="over",
        aloud=line.what in (Milestone.ESCALATED, Milestone.OPENED),
    )


def action_lines(
    commands: Sequence[Command], incident: Incident, words: Phrases, zone: ZoneInfo, *, at: int
) -> list[str]:
    """Return the acknowledgement of an incident and its mutes at ``at`` (epoch seconds), for its page."""
    latest: dict[CommandKind, Command] = {}
    for command in commands:
        if command.kind is CommandKind.UNSILENCE:
            latest.pop(CommandKind.SNOOZE, None)
            latest.pop(CommandKind.SILENCE, None)
        elif command.kind is CommandKind.UNACKNOWLEDGE:
            latest.pop(CommandKind.ACKNOWLEDGE, None)
        elif command.kind is CommandKind.TAKE_BACK:
            for mark in MARKS:
                latest.pop(mark, None)
        elif command.kind is not CommandKind.ACKNOWLEDGE or command.kind not in latest:  # the first owns it
            latest[command.kind] = command
    active = [command for command in latest.values() if command.until is None or command.until > at]
    return [_action(command, incident, words, zone) for command in active[:_ACTIONS]]


def _action(done: Command, incident: Incident, words: Phrases, zone: ZoneInfo) -> str:
    shown = "" if done.until is None else words.when(done.until, zone)
    reason = memo_mrkdwn(done.why) if done.kind is CommandKind.NOTE else escape(done.why, REASON)
    teaches = size_of(incident) is not None
    ended = incident.ended
    return words.incident.action(done.kind, person(done.by), shown, reason, ended=ended, teaches=teaches)
