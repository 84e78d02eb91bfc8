"""The daily digest and the message of a flood in English (``DigestPhrases``)."""

from collections.abc import Mapping, Sequence

from alerting.words import numbers
from alerting.words.en import figures
from detectors.model.finding import Finding, Growth
from detectors.model.measures import Measure
from detectors.model.scope import TABLE
from detectors.watch.rankings import Hot, Use


def title(growing: int, near: int, groups: int) -> str:
    if not growing:
        return "DIGEST · nothing is growing"
    together = f" in {groups:,} group{'s' * (groups != 1)}" if groups < growing else ""
    return f"DIGEST · {growing:,} series growing{' or near a limit' if near else ''}{together}"


def together(names: Sequence[str], more: int) -> str:
    return f"Growing with it: {', '.join(names)}" + (f" and {more:,} more" if more else "")


def limit_in(growth: Growth) -> str:
    if growth.days_to_limit is None:
        return ""
    return "at its limit" if growth.days_to_limit <= 0 else f"limit in {figures.days_to_limit(growth)}"


def sentence(when: str, title: str, first: str) -> str:
    return f"{title} ({when})." + (f" First: {first}." if first else "")


def level(finding: Finding) -> str:
    now = f"now {figures.quantity(finding.observed, finding.measure, finding.about)}"
    return f"{now}, {figures.headroom(finding.observed, finding)}" if finding.limit else now


def footer(when: str, more: int) -> str:
    rest = f"and {more:,} more that grow more slowly or have no limit in sight · " if more else ""
    return f"{rest}For capacity planning; no immediate action needed · as of {when}"


def lasting(since: str, until: str) -> str:
    return f"{since} – {until}" if until else f"since {since}"


def hottest(hot: Hot, account: str, label: str, former: str, measure: str) -> str:
    part = figures.percent(hot.share)
    if hot.scope.kind != TABLE:
        return f"{hot.scope.kind.capitalize()} {label}: {part} of its concurrency limit in its busiest hour"
    of = (
        f"{part} of its {measure} limit in its busiest hour"
        if measure
        else f"{part} of the capacity consumed there"
    )
    whose = account or "unnamed account"
    if former:
        return f"{whose}: hottest table is now {label}, {of}; previously {former}"
    return f"{whose}: hottest table is still {label}, {of}"


def usage(use: Use, name: str) -> str:
    if use.measure is Measure.LATENCY:
        line = f"{name}: {numbers.number(use.day)} ms"
        return line if use.week_ago is None else f"{line}, last week {numbers.number(use.week_ago)} ms"
    unit = "" if use.measure.key else " requests"
    line = f"{name}: {numbers.number(use.day)}{unit}"
    if use.week_ago is None:
        return line
    if use.week_ago < numbers.FEW_A_DAY:  # a multiple of nearly nothing says nothing
        return f"{line}, last week {numbers.number(use.week_ago)}"
    return f"{line}, {figures.change(use.day, use.week_ago, use.measure)}"


def cost(use: Use, name: str) -> str:
    line = f"{name}: {_money(use.day, use.week_ago)}"
    return line if use.month is None else f"{line} · 30 days: {_money(use.month, use.month_before)}"


def _money(now: float, before: float | None) -> str:
    shown = f"{numbers.money(now)} USD"
    if not before or numbers.money(before) == "0":
        return shown
    ratio = now / before
    times = f"{numbers.number(ratio)}×" if ratio >= numbers.MANY else f"{numbers.signed_percent(ratio)} %"
    return f"{shown} ({times})"


def expiring(what: str, until: str, by: str) -> str:
    return f"{what} · until {until}" + (f" · by {by}" if by else "")


def precision(weeks: int, pages: int, expected: int, not_an_anomaly: int) -> str:
    span = "week" if weeks == 1 else f"{weeks} weeks"
    idle = expected + not_an_anomaly
    good = figures.percent(1 - idle / pages) if pages else "–"
    many = "page in" if pages == 1 else "pages in"
    were = "was" if pages == 1 else "were"
    return (
        f"{good} of {pages:,} {many} the last {span} {were} actionable: "
        f"{expected:,} marked as expected, {not_an_anomaly:,} as not an anomaly"
    )


def less_sensitive(times: float, left_out: int, lost: int) -> str:
    return (
        f"With `judge.sensitivity` at {times:g} times its value, {left_out:,} of these would not have been "
        f"sent, nor would {lost:,} of the others. Try it on your history with `uneri replay --against`"
    )


def held(stage: str, pages: int) -> str:
    return f"{figures.stage(stage)}: {pages:,} page{'s' * (pages != 1)}"


def judgeable(names: Sequence[str], more: int) -> str:
    return f"Judged from now on: {', '.join(names)}" + (f" and {more:,} more" if more else "")


def learnt(counts: Mapping[str, int]) -> str:
    kinds = (f"{number:,} {figures.kind(kind)}{'s' * (number != 1)}" for kind, number in counts.items())
    return f"Learnt from history, judged already: {', '.join(kinds)}"


def learning(scopes: int, first: int, last: int, days: int) -> str:
    """Return the number of scopes still learnt.

    Examples
    --------
    >>> learning(28, 3, 3, 7), learning(1, 1, 6, 7)
    ('Still learning: 28 scopes (day 3 of 7)', 'Still learning: 1 scope (days 1 to 6 of 7)')
    """
    on = f"day {first}" if first == last else f"days {first} to {last}"
    return f"Still learning: {scopes:,} scope{'s' * (scopes != 1)} ({on} of {days})"


def flood_title(incidents: int, still_open: int) -> str:
    if not still_open:
        return f"FLOOD RESOLVED · {incidents:,} incidents"
    return f"FLOOD · {incidents:,} incidents at once · {still_open:,} open"


def flood_sentence(incidents: int, still_open: int) -> str:
    opened = f"{incidents:,} incidents opened within a short time"
    if not still_open:
        return f"{opened} and shared this message; all are resolved."
    return (
        f"{opened} and share this message, which is kept up to date; {still_open:,} still open. "
        "Look for a common cause first."
    )
