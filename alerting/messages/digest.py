"""The digest: once a day, what grows and how many days are left, and what people should know besides.

It is a list of sections, each a function of the day; one that has nothing to say returns no blocks.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from alerting.commands.dispatch import Dispatch
from alerting.incidents.incident import Incident
from alerting.incidents.notice import Notice
from alerting.messages.console_links import Doors
from alerting.messages.heat import heat_lines
from alerting.messages.links import LinkMaker
from alerting.messages.message import (
    NAME,
    SECTION,
    TEXT,
    TOTAL,
    Block,
    Message,
    context,
    header,
    length,
    listing,
)
from alerting.messages.ranking import ranking_lines
from alerting.words.mrkdwn import escape, person, when
from alerting.words.phrases import Phrases
from detectors.model.finding import Finding
from detectors.model.scope import Edge
from detectors.watch.standings import VALUES

ROWS: Final = 20
LINES: Final = 10
_GROWING: Final = 8000  # characters: what grows leaves room for the sections below it
_WEEK: Final = 7 * 86400


class Day(NamedTuple):
    """What a digest is made of."""

    notice: Notice
    dispatch: Dispatch | None  # what the pipeline knows besides; None where there is no pipeline
    links: LinkMaker
    zone: ZoneInfo
    words: Phrases

    def when(self, epoch: int) -> str:
        """Return a time as mrkdwn."""
        return when(epoch, self.words.clock(epoch, self.zone))


Section = Callable[[Day], list[Block]]


def digest(day: Day) -> Message:
    """Render what grows, in the order of the notice (fewest days first), and what else there is."""
    words, growing = day.words, day.notice.incidents
    near = sum(incident.primary.growth is None for incident in growing)
    title = words.digest_title(len(growing), near)
    more = max(0, len(growing) - _shown(day))
    as_of = day.when(day.notice.at)
    footer = context([words.footer(as_of, more) if growing else f"{words.labels.watermark} {as_of}"])
    blocks = [header(title)]
    for of in SECTIONS:
        made = of(day)
        if length([*blocks, *made, footer]) <= TOTAL:
            blocks += made
    blocks.append(footer)
    first = ""
    if growing:
        one = growing[0].primary
        first = escape(
            f"{words.about(one.about)}{words.labels.comma}{words.size(one, one.observed)}", 3 * NAME
        )
    elif day.notice.hottest:
        first = heat_lines(day.notice.hottest, words)[0]
    text = words.digest_sentence(words.clock(day.notice.at, day.zone), title, first.replace("*", ""))
    return Message(text=text[:TEXT], blocks=blocks, look="digest")


def growing(day: Day) -> list[Block]:
    """Return what grows or is near a limit, with the days that are left."""
    return [
        {"type": "section", "text": {"type": "mrkdwn", "text": row, "verbatim": True}} for row in _rows(day)
    ]


def hottest(day: Day) -> list[Block]:
    """Return the hottest table of each account, and how near concurrency is to its limit."""
    return listing(day.words.labels.digest_hottest, heat_lines(day.notice.hottest, day.words), _silently)


def rankings(day: Day) -> list[Block]:
    """Return the APIs used most, those that were slowest and business values, beside last week."""
    labels, standings = day.words.labels, day.notice.standings
    used = ranking_lines(standings.most_used, day.words)
    slow = ranking_lines(standings.slowest, day.words)
    values = ranking_lines(standings.values, day.words, VALUES)
    return [
        *listing(labels.digest_used, used, _silently),
        *listing(labels.digest_slowest, slow, _silently),
        *listing(labels.digest_values, values, _silently),
    ]


def precision(day: Day) -> list[Block]:
    """Return how many pages of the last weeks asked for no action."""
    found = day.dispatch.precision if day.dispatch is not None else None
    if found is None:
        return []
    said = day.words.precision(found.weeks, found.pages, found.expected, found.not_an_anomaly)
    return listing(day.words.labels.digest_precision, [said], _silently)


def snoozes(day: Day) -> list[Block]:
    """Return the snoozes and silences that end before the next digest."""
    ending = sorted(day.dispatch.expiring, key=lambda one: (one.until, one.id)) if day.dispatch else []
    lines = [
        day.words.expires(escape(one.what, 2 * NAME), day.when(one.until), person(one.by)) for one in ending
    ]
    return listing(day.words.labels.digest_snoozes, lines, day.words.and_more, most=LINES)


def held(day: Day) -> list[Block]:
    """Return the pages that were held back and are over by now, by the stage that held them."""
    stages = sorted(day.dispatch.held.items()) if day.dispatch is not None else []
    lines = [escape(day.words.held(stage, pages), 2 * NAME) for stage, pages in stages[:LINES] if pages]
    return listing(day.words.labels.digest_held, lines, _silently)


SECTIONS: Final[Sequence[Section]] = (growing, hottest, rankings, precision, snoozes, held)
"""What a digest tells, in this order."""


def _silently(_: int) -> str:
    """Leave out what does not fit without a word: the most telling lines stand first."""
    return ""


def _rows(day: Day) -> list[str]:
    rows: list[str] = []
    for incident in day.notice.incidents[:ROWS]:
        row = _row(incident, day)
        if sum(map(len, rows)) + len(row) > _GROWING:
            break
        rows.append(row)
    return rows


def _shown(day: Day) -> int:
    return len(_rows(day))


def _row(incident: Incident, day: Day) -> str:
    finding, words = incident.primary, day.words
    doors = Doors(day.links, words, start=day.notice.at - _WEEK, end=day.notice.at)
    rate = escape(words.size(finding, finding.observed), 2 * NAME)
    head = f"{_named(finding, doors, words)} · *{rate}*"
    target = finding.about.target if isinstance(finding.about, Edge) else finding.about
    level = escape(words.level(finding), 2 * NAME)
    where = " · ".join(part for part in (target.account, target.region) if part and part != target.name)
    lines = [head, f"{level} · {escape(where, 2 * NAME)}" if where else level]
    if finding.growth is not None:
        lines.append(words.forecast(finding.growth))
    text = "\n".join(lines)
    return text if len(text) <= SECTION else "\n".join(lines[1:])


def _named(finding: Finding, doors: Doors, words: Phrases) -> str:
    if isinstance(finding.about, Edge):
        return f"*{escape(words.about(finding.about), 2 * NAME)}*"
    kind = escape(words.kind(finding.about.kind), NAME)
    return f"{kind[:1].upper()}{kind[1:]} *{doors.linked(finding.about, 2 * NAME)}*"
