"""The phrases about one incident in English (``IncidentPhrases``)."""

from collections.abc import Sequence
from typing import Final, assert_never

from alerting.commands.command import MARKS, CommandKind
from alerting.incidents.incident import Incident
from alerting.incidents.notice import Milestone
from alerting.incidents.severity import Grade, Harm, Severity
from alerting.incidents.worth import Size
from alerting.words import numbers
from alerting.words.en import figures
from alerting.words.mrkdwn import clean, cut
from alerting.words.stated_texts import NAMED_CHANGES, stated_texts
from detectors.model.finding import (
    Concentration,
    Finding,
    Growth,
    RiseCause,
    Share,
    Verdict,
    is_split,
    notable,
)
from detectors.model.measures import Measure
from detectors.model.scope import FUNCTION, TABLE
from detectors.watch.absence import RETIRED_SECONDS

_MINUTE: Final = 60  # the beginning of a deviation is known to the minute

_MOSTLY: Final = 2 / 3  # of a share: a part this large is all that is shown of it

_ERRORS: Final = (Measure.ERRORS_USER, Measure.ERRORS_BACKEND, Measure.ERRORS_FATAL)

_NUMBERS: Final = {1: "one", 2: "two", 3: "three"}

_ACTIONS: Final = {
    CommandKind.ACKNOWLEDGE: "*Acknowledged*",
    CommandKind.SNOOZE: "*Snoozed*",
    CommandKind.EXPECTED: "*Marked as expected*",
    CommandKind.NOT_AN_ANOMALY: "*Marked as not an anomaly*",
    CommandKind.TAKE_BACK: "*Taken back*",
    CommandKind.SILENCE: "*Silenced*",
    CommandKind.UNSILENCE: "*Silence ended*",
    CommandKind.NOTE: "*Noted*",
    CommandKind.FORGET: "*Memo removed*",
}

_CHANGES: Final = {
    "deployed": "finished deploy",
    "deploy failed": "failed deploy",
    "config": "configuration change",
    "capacity": "capacity change",
    "concurrency": "concurrency change",
}

_COMPARED: Final = {
    "weeks": "No earlier week to compare with",
    "yesterday": "No earlier week to compare with; compared with yesterday",
    "minutes": "No earlier day to compare with; compared with the last few minutes",
}


def title(of: Incident) -> str:
    primary = of.primary
    scope, how_large = figures.about(primary.about), size(primary, of.peak)
    what = f"{scope} · {how_large}"
    head = figures.verdict(of.verdict)
    if of.verdict is Verdict.ABSENCE and of.state != "resolved":
        head, what = how_large.upper(), _absent(of)  # the size says it all: NO REQUESTS
    match of.state:
        case "resolved":
            lasted = "" if of.end is None else f" after {_lasted(of)}"
            head = "CLOSED, NO DATA" if primary.lost else f"RESOLVED{lasted}"
        case "withdrawn":
            head = f"WITHDRAWN: {head}"
        case "worsening":
            head += ", worsening"
        case "easing":
            head += ", easing"
        case _ if of.reopened:
            head += ", reopened"
    return f"{head} · {what}"


def size(finding: Finding, value: float) -> str:
    name = figures.measure(finding.measure, finding.about)
    match finding.verdict:
        case Verdict.ABSENCE if finding.gap:
            return "nothing arrives"
        case Verdict.ABSENCE:
            return "no calls" if finding.about.kind == TABLE else f"no {name}"
        case Verdict.FATAL:
            return f"{cut(clean(finding.error_type), figures.NAME)}, {figures.times(finding.times)}"
        case Verdict.LIMIT | Verdict.GROWTH if finding.growth is not None:
            return f"{name} {figures.per_day(finding.growth.per_day)}"
        case Verdict.LIMIT if finding.limit:
            return f"{name} at {figures.percent(value / finding.limit)} of its limit"
    value, expected = (value, finding.expected) if finding.added_up is None else finding.figures
    changed = _failing(finding) or f"{name} {figures.change(value, expected, finding.measure)}"
    return f"{changed}, sustained" if finding.verdict is Verdict.SHIFT else changed


def sentence(of: Incident, where: str) -> str:
    primary = of.primary
    headline = title(of)
    if of.state == "resolved":
        return f"{headline}. {ending(of)} {where}."
    if of.state == "withdrawn":
        return f"{headline}: what came later showed no anomaly, {where}."
    story = f"{headline}: {_now(primary)}, {where}."
    first = next((share for share in notable(primary).callers if share.scope.kind == FUNCTION), None)
    if first is not None:
        part, caller = figures.percent(first.share), cut(clean(first.scope.label), figures.NAME)
        story += f" Function {caller} accounts for {part}{_of_whole(primary)}."
    return story


def why(finding: Finding) -> str:
    return finding.sentence


def ending(of: Incident) -> str:
    if of.ended_after is None or of.primary.lost:
        return _ending(of)
    what, version, where, by = stated_texts(of.ended_after.change)
    return f"{_ending(of)} It ended {_behind(of.ended_after.after, change(what, version), where, by)}."


def _ending(of: Incident) -> str:  # noqa: PLR0911  a phrase for each verdict
    finding = of.primary
    furthest = figures.quantity(of.peak, finding.measure, finding.about)
    if finding.lost:
        return "No record of it has arrived since, so what became of it is unknown."
    match finding.verdict:
        case Verdict.ABSENCE if (finding.end or 0) - finding.start >= RETIRED_SECONDS:
            return "Nothing was received for a week; it is considered retired."
        case Verdict.ABSENCE if finding.gap:
            return "Records arrive again."
        case Verdict.ABSENCE:
            return "Calls resumed." if finding.about.kind == TABLE else "Requests resumed."
        case Verdict.FATAL:
            often = figures.times(finding.times)
            return f"Occurred {often}, then stopped. From now on it counts as a known error."
        case Verdict.LIMIT:
            return f"No longer near the limit; it peaked at {furthest}."
        case Verdict.SHIFT:
            return "Back to the old level, or the new level has become the baseline."
        case _ if finding.failures is not None:
            counted = figures.failures(finding.failures, finding.about)
            return f"Back to normal after {counted} {_fate(finding)} (normally {_usual(finding)})."
        case _ if (mean := finding.added_up) is not None:
            usual = numbers.of_measure(mean.expected, finding.measure)
            return f"Back to normal after averaging {figures.added_up(mean, finding)} (expected {usual})."
        case _:
            how = "peaking at" if finding.rises else "falling to"
            usual = numbers.of_measure(finding.expected, finding.measure)
            return f"Back to normal after {how} {furthest} (expected {usual})."


def share_of(finding: Finding) -> str:
    name = figures.measure(finding.measure, finding.about)
    if finding.verdict in (Verdict.FATAL, Verdict.LIMIT):
        return f"share of the {name}"
    return f"share of the {'increase' if finding.rises else 'drop'} in {name}"


def because(share: Share, finding: Finding) -> str:
    if not is_split(finding.verdict, finding.measure):
        return ""
    more, calls = ("more", "more") if finding.rises else ("less", "fewer")
    capacity = " capacity" if finding.measure in (Measure.RCU, Measure.WCU) else ""
    if finding.measure is Measure.REQUESTS or share.more_calls >= _MOSTLY * share.share:
        return f"{calls} calls"
    if share.more_per_call >= _MOSTLY * share.share:
        return f"{more}{capacity} per call"
    return f"{calls} calls and {more}{capacity} per call"


def concentration(of: Concentration) -> str:
    if of.cause is RiseCause.DEMAND:
        return "Spread as usual: demand"
    if of.per_call:
        return "More per call, not more calls"
    if not of.carriers:
        return f"This {figures.kind(of.kind)} alone; the rest is as usual"
    many = f"{_NUMBERS.get(of.carriers, of.carriers)} {figures.kind(of.kind)}{'s' * (of.carriers != 1)}"
    return f"{figures.percent(of.share)} from {many}"


def stands_out(kind: str, label: str, part: str) -> str:
    return f"{kind.capitalize()} {label} accounts for {part}"


def throttled(reasons: Sequence[tuple[str, str]]) -> str:
    return "Throttled: " + ", ".join(f"{reason} ({count})" for reason, count in reasons)


def link_name(suffix: str) -> str:
    return suffix.replace("_", " ")


def grade(of: Grade) -> str:
    return of.name


def severity(of: Severity, *, over: bool, is_table: bool = False) -> str:
    """Return the severity, with the reason in one phrase.

    Examples
    --------
    >>> severity(Severity(Grade.CRITICAL, Harm.ERRORS, 0.408), over=False)
    'CRITICAL · 41 % of requests fail'
    """
    return f"{grade(of.level)} · {_harm(of, 'calls' if is_table else 'requests', over=over)}"


def _harm(of: Severity, what: str, *, over: bool) -> str:  # noqa: C901, PLR0911  a phrase for each
    are = "were" if over else "are"
    share = f"{figures.percent(of.share)} of " if of.share else ""
    match of.harm:
        case Harm.ERRORS:
            return f"{share}{what} {'failed' if over else 'fail'}"
        case Harm.NO_REQUESTS:
            return f"no {what} {are} seen"
        case Harm.THROTTLED:
            return f"{share}calls {are} throttled"
        case Harm.LIMIT if of.share >= 1:
            return "the limit was reached"
        case Harm.LIMIT:
            return f"{figures.percent(1 - of.share)} of the capacity was left at the peak"
        case Harm.FEWER_REQUESTS:
            return f"{share}{what} {are} missing"
        case Harm.SLOW:
            how = f"{numbers.number(of.share)} times as long" if round(of.share, 1) > 1 else "longer"
            return f"responses {'took' if over else 'take'} {how}"
        case Harm.USER_ERRORS:
            return f"{share}requests {are} refused as user errors"
        case Harm.GROWTH:
            return "growth, no limit is near"
        case Harm.LOAD:
            return "no errors or throttling seen"
        case never:
            assert_never(never)


def reached_by(requests: float, lasted: str, *, is_table: bool) -> str:
    what = "call" if is_table else "request"
    return f"{numbers.count(requests)} {what}{'s' * (round(requests) != 1)} in {lasted}"


def missing(requests: float, lasted: str, *, is_table: bool) -> str:
    return f"about {numbers.count(requests)} {'calls' if is_table else 'requests'} missing in {lasted}"


def routes(names: Sequence[str], more: int) -> str:
    return ", ".join(names) + (f" and {more} more route{'s' * (more != 1)}" if more else "") if names else ""


def compared(finding: Finding) -> str:
    match finding.verdict:
        case Verdict.FATAL:
            return "Compared with every error seen there before"
        case Verdict.LIMIT:
            return (
                "Compared with its limit" if finding.measure.level else "Compared with the configured limit"
            )
    used, left_out, holiday = finding.weeks_used, finding.weeks_left_out, finding.compared_with == "holidays"
    if holiday:
        base = f"Holiday: compared with {_holidays(len(used))}"
    elif used and finding.compared_with == "weeks":
        base = f"Compared with {_weeks(used)}"
    else:
        base = _COMPARED[finding.compared_with]
    if (planned := finding.planned) is not None:
        base += f", ×{numbers.number(planned.factor)} as planned"
    if not left_out:
        return base
    return f"{base} ({f'{len(left_out)} more' if holiday else _weeks(left_out)} excluded)"


def forecast(growth: Growth) -> str:
    pace = f"{growth.per_day_lower * 100:.1f} to {growth.per_day_upper * 100:.1f} % a day"
    basis = f"based on {growth.days} days, {pace}".replace("-", "−")
    if growth.days_to_limit is None:
        return basis
    if growth.days_to_limit <= 0:
        return f"*at its limit* · {basis}"
    return f"*limit in {figures.days_to_limit(growth)}* (80 %) · {basis}"


def also_affected(names: Sequence[str], more: int) -> str:
    return f"Also affected: {', '.join(names)}" + (f" and {more} more" if more else "")


def whole_span(span: str) -> str:
    return f"including knock-on effects {span}"


def rule(of: Size) -> str:
    return f"{numbers.number(of.times)} times what pages (incidents.page.{of.setting})"


def as_of(when: str, incident: str, reopened: int) -> str:
    again = f" · reopened {reopened}×" if reopened else ""
    return f"As of {when} · incident {incident}{again}"


def seen_before(link: str) -> str:
    return f"This happened before: {link}"


def alt_text(finding: Finding, peak: float, hours: int) -> str:
    reached, expected = (
        figures.quantity(value, finding.measure, finding.about) for value in (peak, finding.figures[1])
    )
    shown = _failing(finding) or f"reached {reached}, expected {expected}"
    chart = f"Chart of {figures.about(finding.about)}, {figures.measure(finding.measure, finding.about)}"
    return f"{chart}, last {hours} hours: {shown}."


def milestone(what: str, of: Incident, detail: str) -> str:  # noqa: C901, PLR0911, PLR0912  a phrase for each
    primary = of.primary
    name = detail or figures.about(primary.about)
    match Milestone(what):
        case Milestone.OPENED:
            basis = f". {compared(primary)}" if primary.young else ""
            return f"Opened: {figures.about(primary.about)}, {size(primary, of.peak)}{basis}"
        case Milestone.WORSENED:
            return f"Worsening: {_stands(primary)}"
        case Milestone.EASED:
            return f"Easing: {_stands(primary)}"
        case Milestone.SHIFTED:
            return f"New sustained level: {_stands(primary)}"
        case Milestone.DEEPER:
            return f"Traced to {figures.about(primary.about)}, which explains the rest"
        case Milestone.CALLER:
            return f"New among the top callers: {name}"
        case Milestone.JOINED:
            return f"Also affected: {name}"
        case Milestone.REOPENED:
            return f"Reopened: {_stands(primary)}"
        case Milestone.PRECEDED:
            return _preceded(of)
        case Milestone.AMENDED:
            return f"Figures corrected by late data: {_stands(primary)}"
        case Milestone.WITHDRAWN:
            return "Withdrawn: what came later showed no anomaly"
        case Milestone.RESOLVED if primary.lost:
            return f"Closed. {ending(of)}"
        case Milestone.RESOLVED:
            return f"Resolved after {_lasted(of)}. {ending(of)}"
        case never:
            assert_never(never)


def action(kind: CommandKind, who: str, until: str, why: str, *, teaches: bool = False) -> str:
    line = _ACTIONS[kind] + (f" by {who}" if who else "") + (f" until {until}" if until else "")
    if kind in MARKS:
        line += ": silent while it lasts"
        line += ", and what is like it must show more for some weeks" if teaches else ""
    return f"{line} · {why}" if why else line


def change(what: str, version: str) -> str:
    return " ".join(part for part in (_CHANGES.get(what.lower(), what) or "change", version) if part)


def after_change(after: int, change: str, of: str, by: str) -> str:
    """Return the change before it.

    Examples
    --------
    >>> after_change(125, "deploy 42", "inventory-put-item", "ci")
    '2 min after deploy 42 of inventory-put-item by ci'
    >>> after_change(20, "config", "items", "")
    'At about the same time as config of items'
    """
    shown = _behind(after, change, of, by)
    return f"{shown[:1].upper()}{shown[1:]}"


def _behind(after: int, change: str, of: str, by: str) -> str:
    when = f"{figures.duration(after)} after" if after >= _MINUTE else "at about the same time as"
    return f"{when} {change} of {of}" + (f" by {by}" if by else "")


def more_changes(more: int) -> str:
    return f"{more} more change{'s' * (more != 1)} shortly before"


def memo(title: str, when: str, who: str, text: str) -> str:
    """Return a memo with its author and time.

    Examples
    --------
    >>> memo("Last time", "Nov 12, 2025 10:03", "alice", "ios 3.2.1 retried without backoff")
    '*Last time* (Nov 12, 2025 10:03, alice): ios 3.2.1 retried without backoff'
    """
    return f"*{title}* ({when}, {who}): {text}"


def snooze_expired() -> str:
    return "*Snooze expired*: the incident is still open"


def _absent(of: Incident) -> str:
    """Return the absent scope; where nothing arrives, perhaps several accounts."""
    accounts = sum(finding.gap for finding in (of.primary, *of.members))
    return f"{accounts} accounts" if accounts > 1 else figures.about(of.primary.about)


def _preceded(of: Incident) -> str:
    began = [f"{shown[:1].lower()}{shown[1:]}" for shown in _after_changes(of)]
    return f"Now known: it began {'; '.join(began)}" if began else "A change before it does not count anymore"


def _after_changes(of: Incident) -> list[str]:
    shown = []
    for preceding in of.changes[:NAMED_CHANGES]:
        what, version, where, by = stated_texts(preceding.change)
        shown.append(after_change(preceding.after, change(what, version), where, by))
    return shown


def _lasted(of: Incident) -> str:
    begun, ended = of.primary_span
    return figures.duration(max(0, (ended or begun) - begun))


def _failing(finding: Finding) -> str:
    """Return the failing part of requests: ``41 % of requests fail (backend errors)``; empty for others."""
    if finding.failures is None or finding.verdict in (Verdict.FATAL, Verdict.LIMIT):
        return ""
    part = figures.percent(finding.failures.share)
    what = "calls" if finding.about.kind == TABLE else "requests"
    if finding.measure not in _ERRORS:
        return f"{part} of {what} {_fate(finding)}"
    verb = "fail" if finding.deviates else "failed"
    return f"{part} of {what} {verb} ({figures.measure(finding.measure, finding.about)})"


def _fate(finding: Finding) -> str:
    match finding.measure:
        case Measure.THROTTLES:
            return "throttled"
        case Measure.COLD_STARTS:
            return "were cold starts"
        case _:
            return "failed"


def _usual(finding: Finding) -> str:
    return "" if finding.failures is None else figures.usually(finding.failures)


def _stands(finding: Finding) -> str:
    if failing := _failing(finding):
        return f"{failing}: {_now(finding)}"
    return f"{_now(finding)} ({size(finding, finding.observed)})"


def _now(finding: Finding) -> str:
    now = figures.quantity(finding.observed, finding.measure, finding.about)
    now += " now" if finding.is_open else ""
    match finding.verdict:
        case Verdict.FATAL:
            return "never seen there before"
        case Verdict.LIMIT:
            peak = figures.quantity(finding.observed, finding.measure, finding.about)
            return f"{peak} at the peak, {figures.headroom(finding.observed, finding)}"
        case Verdict.ABSENCE:
            return f"{figures.quantity(finding.figures[1], finding.measure, finding.about)} expected"
        case _ if finding.failures is not None:
            return f"{figures.failures(finding.failures, finding.about)}, normally {_usual(finding)}"
        case _ if (mean := finding.added_up) is not None and not finding.is_minute:
            usual = numbers.of_measure(mean.expected, finding.measure)
            latest = f", {now}" if finding.is_open else ""
            return f"{figures.added_up(mean, finding)}, {usual} expected{latest}"
        case _:
            return f"{now}, {numbers.of_measure(finding.expected, finding.measure)} expected"


def _of_whole(finding: Finding) -> str:
    if finding.verdict in (Verdict.FATAL, Verdict.LIMIT):
        return ""
    return " of the increase" if finding.rises else " of the drop"


def _holidays(count: int) -> str:
    return "the last holiday or Sunday" if count == 1 else f"the last {count} holidays and Sundays"


def _weeks(weeks: list[int]) -> str:
    """Name weeks: ``last week``, ``1, 2 and 3 weeks ago``."""
    if weeks == [1]:
        return "last week"
    *firsts, last = map(str, weeks)
    return f"{', '.join(firsts)} and {last} weeks ago" if firsts else f"{last} weeks ago"
