"""The daily digest: growing series with the days left until their limits, rankings, costs, and more.

It is a list of sections, each a function of the day; a section with nothing to report returns no blocks.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from alerting.commands.dispatch import Dispatch
from alerting.incidents.growth import growth_groups, leading
from alerting.incidents.incident import Incident
from alerting.incidents.notice import Notice
from alerting.messages.blocks import (
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
    section,
)
from alerting.messages.console_links import ConsoleLinks
from alerting.messages.request_lines import change_lines
from alerting.words.mrkdwn import escape, person
from alerting.words.phrase import NOTHING
from alerting.words.phrases import Phrases
from config.links import Links
from detectors.model.finding import Finding
from detectors.model.scope import Edge, Scope
from detectors.watch.maturity import merged
from detectors.watch.rankings import VALUES, Hot, Use

ROWS: Final = 20
LEAST_MONEY: Final = 0.01
"""US dollars a day; functions and tables that cost less are not named."""
LINES: Final = 10
RANKED: Final = 5  # lines of a ranking
BESIDE: Final = 5  # series named that grow with another one
_GROWING: Final = 8000  # characters: the growing series leave room for the sections below them
_WEEK: Final = 7 * 86400


class Day(NamedTuple):
    """The input of a digest."""

    dispatch: Dispatch
    links: Links
    zone: ZoneInfo
    words: Phrases

    @property
    def notice(self) -> Notice:
        """What is measured and what grows."""
        return self.dispatch.notice

    def when(self, epoch: int) -> str:
        """Return a time as mrkdwn."""
        return self.words.when(epoch, self.zone)


Section = Callable[[Day], list[Block]]


def digest(day: Day) -> Message:
    """Render the growing series, in the order of the notice (fewest days first), and the other sections."""
    words, rising = day.words, day.notice.incidents
    near = sum(incident.primary.growth is None for incident in rising)
    groups = growth_groups(rising)
    title = words.digest.title(len(rising), near, len(groups))
    more = max(0, len(groups) - len(_rows(day)))
    as_of = day.when(day.notice.at)
    last = words.digest.footer(when=as_of, more=more) if rising else f"{words.labels.watermark} {as_of}"
    footer = context([last])
    blocks = [header(title)]
    for of in SECTIONS:
        made = of(day)
        if length([*blocks, *made, footer]) <= TOTAL:
            blocks += made
    blocks.append(footer)
    first = ""
    if rising:
        leader = leading(groups[0]).primary
        size = words.incident.size(leader, leader.observed)
        first = escape(f"{words.figures.about(leader.about)}{words.figures.comma}{size}", 3 * NAME)
    elif day.notice.hottest:
        first = _heat_lines(day)[0]
    at = words.figures.clock(day.notice.at, day.zone)
    text = words.digest.sentence(when=at, title=title, first=first.replace("*", ""))
    text += "".join(f" {line}{words.labels.stop.rstrip()}" for line in _baseline_lines(day))
    return Message(text=text[:TEXT], blocks=blocks, look="digest")


def growing(day: Day) -> list[Block]:
    """Return the series that grow or are near a limit, with the days left, one entry a group."""
    return [section(row) for row in _rows(day)]


def small(day: Day) -> list[Block]:
    """Return what was certain and too small to page, the newest first."""
    lines = [_small_line(incident, day) for incident in reversed(day.notice.small)]
    return listing(day.words.labels.digest_small, lines, day.words.figures.and_more, most=LINES)


def _small_line(incident: Incident, day: Day) -> str:
    finding, words = incident.primary, day.words
    console = ConsoleLinks(day.links, words, start=incident.start, end=day.notice.at)
    begun, ended = incident.primary_span
    value = finding.observed if ended is None else incident.peak
    size = escape(words.incident.size(finding, value), 2 * NAME)
    until = "" if ended is None else day.when(ended)
    return f"{_named(finding, console, words)} · {size} · {words.digest.lasting(day.when(begun), until)}"


def hottest(day: Day) -> list[Block]:
    """Return the hottest table of each account, and how near concurrency is to its limit."""
    return listing(day.words.labels.digest_hottest, _heat_lines(day), NOTHING)


def rankings(day: Day) -> list[Block]:
    """Return the most used APIs, the slowest and the business values, each beside last week."""
    labels, standings = day.words.labels, day.notice.standings
    return [
        *listing(labels.digest_used, _ranking_lines(standings.most_used, day.words), NOTHING),
        *listing(labels.digest_slowest, _ranking_lines(standings.slowest, day.words), NOTHING),
        *listing(labels.digest_values, _ranking_lines(standings.values, day.words, VALUES), NOTHING),
    ]


def costs(day: Day) -> list[Block]:
    """Return the costs of each account, and of the costliest functions and tables."""
    labels, standings, words = day.words.labels, day.notice.standings, day.words
    names = [escape(words.account(use.scope.account), NAME) for use in standings.costs]
    accounts = [words.digest.cost(use, f"*{name}*") for use, name in zip(standings.costs, names, strict=True)]
    many = len(standings.costs) > 1
    most = [
        words.digest.cost(use, f"*{_scope_name(use.scope, words, of_many=many)}*")
        for use in standings.costliest[:RANKED]
        if use.day >= LEAST_MONEY
    ]
    return [
        *listing(labels.digest_costs, accounts[:LINES], NOTHING),
        *listing(labels.digest_costliest, most, NOTHING),
    ]


def precision(day: Day) -> list[Block]:
    """Return the share of pages that needed action, and a sensitivity that would have left out the others."""
    found = day.dispatch.precision
    if found is None:
        return []
    line = day.words.digest.precision(found)
    lines = [line]
    if found.sensitivity is not None:
        told = {"times": found.sensitivity, "left_out": found.left_out, "lost": found.lost}
        lines.append(day.words.digest.less_sensitive(**told))
    return listing(day.words.labels.digest_precision, lines, NOTHING)


def snoozes(day: Day) -> list[Block]:
    """Return the snoozes and silences that end before the next digest."""
    ending = sorted(day.dispatch.expiring, key=lambda mute: (mute.until, mute.id))
    phrase = day.words.digest.expiring
    lines = [
        phrase(what=escape(expiring.what, 2 * NAME), until=day.when(expiring.until), by=person(expiring.by))
        for expiring in ending
    ]
    return listing(day.words.labels.digest_snoozes, lines, day.words.figures.and_more, most=LINES)


def held(day: Day) -> list[Block]:
    """Return the number of pages resolved while held back, by stage."""
    stages = sorted(day.dispatch.held.items())
    phrase = day.words.digest.held
    lines = [escape(phrase(stage, pages), 2 * NAME) for stage, pages in stages[:LINES] if pages]
    return listing(day.words.labels.digest_held, lines, NOTHING)


def baselines(day: Day) -> list[Block]:
    """Return the scopes judged since the last digest, judged before it, and still learnt."""
    return listing(day.words.labels.digest_baselines, _baseline_lines(day), NOTHING)


SECTIONS: Final[Sequence[Section]] = (
    growing,
    small,
    hottest,
    rankings,
    costs,
    precision,
    snoozes,
    held,
    baselines,
)
"""The sections of a digest, in this order."""


def _rows(day: Day) -> list[str]:
    rows: list[str] = []
    for group in growth_groups(day.notice.incidents)[:ROWS]:
        row = _row(group, day)
        if sum(map(len, rows)) + len(row) > _GROWING:
            break
        rows.append(row)
    return rows


def _row(group: list[Incident], day: Day) -> str:
    """Return the entry of a growth, by its service; of what grows with it, the first limit comes first."""
    lead = leading(group)
    finding, words = lead.primary, day.words
    console = ConsoleLinks(day.links, words, start=day.notice.at - _WEEK, end=day.notice.at)
    rate = escape(words.incident.size(finding, finding.observed), 2 * NAME)
    head = f"{_named(finding, console, words)} · *{rate}*"
    target = finding.about.target if isinstance(finding.about, Edge) else finding.about
    level = escape(words.digest.level(finding), 2 * NAME)
    account = words.account(target.account)
    where = " · ".join(part for part in (account, target.region) if part and part != target.name)
    lines = [head, f"{level} · {escape(where, 2 * NAME)}" if where else level]
    if finding.growth is not None:
        lines.append(words.incident.forecast(finding.growth))
    lines += change_lines(lead, words)[:1]
    text = "\n".join(lines)
    text = text if len(text) <= SECTION else "\n".join(lines[1:])
    others = [_beside(incident.primary, words) for incident in group if incident is not lead]
    names, rest = words.figures.comma.join(others[:BESIDE]), max(0, len(others) - BESIDE)
    together = words.digest.together(names=names, more=rest)
    return f"{text}\n{together}" if others and len(text) + len(together) < SECTION else text


def _beside(finding: Finding, words: Phrases) -> str:
    """Return a series that grows with another one, and the days until its own limit."""
    until = "" if finding.growth is None else words.digest.limit_in(finding.growth)
    until = f"{words.figures.comma}{until}" if until else ""
    rate = f"{words.incident.size(finding, finding.observed)}{until}"
    return f"{escape(words.figures.about(finding.about), NAME)} ({escape(rate, NAME)})"


def _named(finding: Finding, console: ConsoleLinks, words: Phrases) -> str:
    if isinstance(finding.about, Edge):
        return f"*{escape(words.figures.about(finding.about), 2 * NAME)}*"
    kind = escape(words.figures.kind(finding.about.kind), NAME)
    return f"{kind[:1].upper()}{kind[1:]} *{console.linked(finding.about, 2 * NAME)}*"


def _heat_lines(day: Day) -> list[str]:
    """Return one line for each hottest table or scope with a limit, new leaders first."""
    ordered = sorted(day.notice.hottest, key=lambda hot: (hot.former is None, -hot.share, hot.scope))
    return [_heat_line(hot, day.words) for hot in ordered[:LINES]]


def _heat_line(hot: Hot, words: Phrases) -> str:
    label = f"*{escape(hot.scope.label, NAME)}*"
    account = escape(f"{hot.scope.cloud} {words.account(hot.scope.account)}", 2 * NAME)
    former = f"*{escape(hot.former.label, NAME)}*" if hot.former else ""
    measure = escape(words.figures.measure(hot.measure), NAME) if hot.measure is not None else ""
    return words.digest.hottest(hot, account, label, former, measure)


def _baseline_lines(day: Day) -> list[str]:
    whole, words = merged(day.notice.maturity), day.words
    lines = []
    if whole.named:
        many = len({(scope.cloud, scope.account) for scope in whole.named}) > 1
        names = [_scope_name(scope, words, of_many=many) for scope in whole.named]
        more = sum(whole.judgeable.values()) - len(names)
        lines.append(words.digest.judgeable(names=words.figures.comma.join(names), more=more))
    if day.dispatch.learnt:
        lines.append(words.digest.learnt(day.dispatch.learnt))
    if whole.learning:
        on = [number for number, scopes in enumerate(whole.learning, 1) if scopes]
        days = len(whole.learning)
        lines.append(words.digest.learning(sum(whole.learning), on[0], on[-1], days))
    return lines


def _scope_name(scope: Scope, words: Phrases, *, of_many: bool) -> str:
    """Return kind and name of a scope, and its account where there are several."""
    where = f" ({escape(words.account(scope.account), NAME)})" if of_many else ""
    return f"{escape(words.figures.about(scope), NAME)}{where}"


def _ranking_lines(uses: Sequence[Use], words: Phrases, lines: int = RANKED) -> list[str]:
    """Return the first uses, one a line; the account is named where there are several."""
    accounts = {(use.scope.cloud, use.scope.account) for use in uses}
    return [_ranking_line(use, words, of_many=len(accounts) > 1) for use in uses[:lines]]


def _ranking_line(use: Use, words: Phrases, *, of_many: bool) -> str:
    if use.measure.key:
        label, where = use.measure.key, words.account(use.scope.account)
    else:
        label, where = use.scope.label, words.account(use.scope.account) if of_many else ""
    name = f"*{escape(label, NAME)}*" + (f" ({escape(where, NAME)})" if where else "")
    return words.digest.usage(use, name)
