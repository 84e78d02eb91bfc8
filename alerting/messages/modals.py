"""The modals of the buttons *Details*, *Snooze this pattern* and *Note*, for ``views.open``."""

from collections.abc import Iterable, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

from alerting.commands.command import Matcher
from alerting.commands.memo import LONGEST, Memo
from alerting.incidents.incident import Incident
from alerting.messages.blocks import (
    NAME,
    REASON,
    SECTION,
    SENTENCE,
    Block,
    context,
    fields,
    header,
    labelled,
    listing,
    paragraphs,
    plain_text,
    section,
)
from alerting.messages.evidence import basis_fields, evidence_lists
from alerting.messages.request_lines import MemoLines, example_lines
from alerting.words import numbers
from alerting.words.mrkdwn import escape
from alerting.words.phrases import Phrases
from config.links import Links
from detectors.model.measures import Measure

View = dict[str, Any]

TITLE: Final = 24  # characters, Slack's limit
BLOCKS: Final = 100
MOST: Final = 30  # of any list
_BUDGET: Final = 6000
UNTIL_BLOCK: Final = "until"
WHY_BLOCK: Final = "why"
NOTE_BLOCK: Final = "note"


def details(
    incident: Incident,
    words: Phrases,
    zone: ZoneInfo,
    *,
    at: int,
    links: Links | None = None,
    memos: Sequence[Memo] = (),
) -> View:
    """Return all evidence of an incident, from figures, memos and callers to members, weeks and ids."""
    primary, labels = incident.primary, words.labels
    blocks: list[Block] = [
        header(words.incident.title(incident)),
        section(escape(words.incident.why(primary), SENTENCE) or labels.no_reason),
        fields(_figures(incident, words, zone)),
        fields(basis_fields(primary, words)),
    ]
    noted = [f"•  {line}" for line in MemoLines(memos, incident, words, zone).all()]
    blocks += listing(labels.memos, noted, words.figures.and_more, budget=4 * SECTION)
    requests = [f"•  {line}" for line in example_lines(incident, words, zone, links)]
    blocks += listing(labels.examples, requests, words.figures.and_more, budget=4 * SECTION)
    for title, lines in evidence_lists(incident, words):
        blocks += _list(title, lines, words)
    blocks.append(context(_ids(incident, words, zone, at)))
    return {
        "type": "modal",
        "callback_id": "details",
        "title": plain_text(labels.details_title, TITLE),
        "close": plain_text(labels.close, TITLE),
        "blocks": blocks[:BLOCKS],
    }


def pattern(incident: Incident, matching: Matcher, words: Phrases, *, day: str | None = None) -> View:
    """Return the modal that asks for the day until which incidents like this one are snoozed.

    ``day`` is the proposed day, ``YYYY-MM-DD``.
    """
    labels = words.labels
    picker: Block = {"type": "datepicker", "action_id": UNTIL_BLOCK}
    if day is not None:
        picker["initial_date"] = day
    reason: Block = {"type": "plain_text_input", "action_id": WHY_BLOCK, "max_length": REASON}
    shown = [f"•  {line}" for line in matching_lines(matching, words)]
    blocks = [
        section(labels.matches),
        *paragraphs(shown or ["•  *"], _BUDGET // 3),
        _input(UNTIL_BLOCK, labels.until, picker),
        _input(WHY_BLOCK, labels.why, reason, optional=True),
    ]
    return _form("pattern", incident, words, title=labels.pattern_title, submit=labels.submit, blocks=blocks)


def note(incident: Incident, words: Phrases) -> View:
    """Return the modal that asks for a memo on an incident."""
    labels = words.labels
    text: Block = {"type": "plain_text_input", "action_id": NOTE_BLOCK, "multiline": True}
    blocks = [
        section(escape(words.incident.title(words.named(incident)), SENTENCE)),
        _input(NOTE_BLOCK, labels.note_text, {**text, "max_length": LONGEST}),
        context([labels.note_kept]),
    ]
    return _form("note", incident, words, title=labels.note_title, submit=labels.note_submit, blocks=blocks)


def _form(
    kind: str, incident: Incident, words: Phrases, *, title: str, submit: str, blocks: list[Block]
) -> View:
    return {
        "type": "modal",
        "callback_id": kind,
        "private_metadata": f"{incident.id}:{incident.revision}",
        "title": plain_text(title, TITLE),
        "submit": plain_text(submit, TITLE),
        "close": plain_text(words.labels.cancel, TITLE),
        "blocks": blocks,
    }


def _input(block: str, label: str, element: Block, **more: bool) -> Block:
    named = {"label": plain_text(label, TITLE * 3), "element": element}
    return {"type": "input", "block_id": block, **more, **named}


def matching_lines(matching: Matcher, words: Phrases) -> list[str]:
    """Return the criteria of a silence or a snoozed pattern, one a line."""
    labels = words.labels
    parts = (
        (labels.match_accounts, matching.accounts),
        (labels.match_services, matching.services),
        (labels.match_scopes, matching.scopes),
        (labels.match_verdicts, matching.verdicts),
        (labels.match_measures, matching.measures),
    )
    return [f"{label}: *{escape(', '.join(values), 2 * NAME) or '–'}*" for label, values in parts if values]


def _figures(incident: Incident, words: Phrases, zone: ZoneInfo) -> list[str]:
    primary, labels = incident.primary, words.labels
    peak = labels.peak if primary.rises else labels.lowest
    _, usual = primary.figures
    expected = labelled(labels.expected, words.figures.of_finding(usual, primary))
    if primary.added_up is None or primary.is_minute:
        interval = f"{numbers.number(primary.lower)} – {numbers.number(primary.upper)}"
        shown = [expected, labelled(labels.interval, interval)]
    else:  # the interval is that of a minute
        shown = [labelled(labels.mean, words.figures.added_up(primary.added_up, primary)), expected]
    shown += [
        labelled(peak, words.figures.of_finding(incident.peak, primary)),
        labelled(labels.score, f"{primary.score:.4f}"),
        f"*{labels.since}*\n{words.when(incident.start, zone)}",
    ]
    if (failures := primary.failures) is not None:
        counted = words.figures.failures(failures, primary.about)
        failed = labels.throttled if primary.measure is Measure.THROTTLES else labels.failed
        shown.append(labelled(failed, f"{words.figures.percent(failures.share)} · {counted}"))
    if primary.limit:
        shown.append(labelled(labels.limit, words.figures.of_finding(primary.limit, primary)))
    if primary.growth is not None:
        shown.append(f"*{labels.growth}*\n{words.incident.forecast(primary.growth)}")
    if primary.error_type:
        shown.append(labelled(labels.error, f"{primary.error_type}, {words.figures.times(primary.times)}"))
    return shown


def _list(title: str, lines: list[str], words: Phrases) -> Iterable[Block]:
    return listing(title, [f"•  {line}" for line in lines], words.figures.and_more, budget=_BUDGET, most=MOST)


def _ids(incident: Incident, words: Phrases, zone: ZoneInfo, at: int) -> list[str]:
    as_of = words.when(incident.known(at), zone)
    lines = [
        words.incident.as_of(when=as_of, incident=escape(incident.id, NAME), reopened=incident.reopened),
        f"{words.labels.identifiers}: {escape(incident.primary.id, NAME)}",
    ]
    if incident.fingerprint:
        lines.append(f"{words.labels.fingerprint}: {escape(incident.fingerprint, NAME)}")
    if incident.follows:
        lines.append(f"{words.labels.follows}: {escape(incident.follows, NAME)}")
    if incident.members:
        ids = ", ".join(member.id for member in incident.members[:MOST])
        lines.append(escape(ids, 8 * NAME))
    return lines
