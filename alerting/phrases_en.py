"""What messages say in English."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, assert_never
from zoneinfo import ZoneInfo

from alerting import numbers
from alerting.answer import Said
from alerting.command import Ask
from alerting.incident import Incident
from alerting.mrkdwn import clean, cut
from alerting.notice import Milestone
from alerting.phrases import Labels
from alerting.slash import Fault
from detectors.finding import Finding, Growth, Share, Verdict
from detectors.hottest import Hot
from detectors.measures import Measure
from detectors.scope import FUNCTION, TABLE, Edge, ScopeOrEdge
from detectors.silence import RETIRED_SECONDS

NAME: Final = 60
_MOSTLY: Final = 2 / 3  # of a share: what makes up so much of it is all that is said of it

_LABELS: Final = Labels(
    now="Now",
    peak="Peak",
    expected="Expected",
    since="Since",
    lasted="From – to",
    where="Where",
    headroom="Headroom",
    data="Data",
    error="Error",
    came="Came",
    no_reason="No reason was given.",
    withdrawn="Late data showed that there was nothing: the figures below are those it was told with.",
    earlier="the last message",
    acknowledge="Acknowledge",
    snooze="Snooze…",
    an_hour="For 1 hour",
    tomorrow="Until tomorrow",
    pattern="This pattern, until…",
    as_expected="Expected",
    not_an_anomaly="Not an anomaly",
    details="Details",
    details_title="Evidence",
    pattern_title="Snooze a pattern",
    until="Until the morning of",
    why="Why",
    submit="Snooze",
    cancel="Cancel",
    close="Close",
    matches="Nobody is told of incidents like this one until then:",
    members="Findings it took in",
    callers="Called by",
    suspects="Clients and tenants",
    reasons="Reasons for throttling",
    causes="What lies behind",
    score="Score",
    interval="Interval",
    basis="Compared",
    weeks_used="Weeks used",
    weeks_left_out="Weeks left out",
    completeness="Completeness",
    limit="Limit",
    growth="Growth",
    identifiers="Ids",
    match_accounts="Account",
    match_services="Service",
    match_scopes="About",
    match_verdicts="Verdict",
    match_measures="Measure",
    chart_now="now",
    chart_last_week="last week",
    chart_expected="expected",
    chart_limit="limit",
    chart_caption="Last 4 hours",
    digest_growing="What grows",
    digest_hottest="Hottest tables",
    digest_snoozes="Snoozes that end",
    digest_held="Held and over",
    digest_precision="Precision of pages",
    by_verdict="By verdict",
    by_account="By account",
    worst="The worst",
    nothing_open="Nothing is open.",
    no_silences="Nothing is silenced.",
    nothing_changed="Nothing changed.",
    help=(
        "/uneri status · /uneri open · /uneri silence table:items 2h why · /uneri unsilence ID · "
        "/uneri what-changed 2h"
    ),
    not_allowed="You may not do this: ask an operator of Uneri.",
    open_now="Open",
    held_back="Held back",
    last_told="Last message",
    watermark="Data until",
    opened="Opened",
    resolved="Resolved",
    new_levels="New levels",
    new_errors="New errors",
    leaders="Tables that took the lead",
)

_ASKED: Final = {
    Ask.ACKNOWLEDGE: "*Acknowledged*",
    Ask.SNOOZE: "*Snoozed*",
    Ask.EXPECTED: "*Marked as expected*",
    Ask.NOT_AN_ANOMALY: "*Marked as not an anomaly*",
    Ask.SILENCE: "*Silenced*",
    Ask.UNSILENCE: "*Silence ended*",
}

_COMPARED: Final = {
    "weeks": "No earlier week to compare with",
    "holidays": "A holiday, compared with the last holidays and Sundays",
    "yesterday": "No earlier week to compare with; compared with yesterday",
    "minutes": "No earlier day to compare with; compared with the last minutes",
}

_SAID: Final = {
    Said.DONE: "Done",
    Said.REPEATED: "That was done already",
    Said.UNKNOWN: "There is no such incident or silence any more",
    Said.OVER: "This incident is over: there is nothing to do",
    Said.PAST: "That would end before it begins",
    Said.CONFIGURED: "This silence stands in the configuration: end it there",
}


_FAULTS: Final = {
    Fault.UNKNOWN: "I do not know this word",
    Fault.WHOM: "Say what is to be silenced, such as table:items",
    Fault.HOW_LONG: "Say for how long, such as 30m, 2h or 3d",
    Fault.TOO_LONG: "That is too long or too short",
    Fault.WHICH: "Say which silence ends, by its id: /uneri silences lists them",
    Fault.TEXT: "That is too much text",
}


class English:
    """The phrases of ``alerting/phrases.py`` in English."""

    locale = "en"
    labels = _LABELS

    # Figures

    def kind(self, kind: str) -> str:
        """Name a kind of scope."""
        return kind

    def about(self, scope: ScopeOrEdge) -> str:
        """Name a scope or edge: ``table items``, ``function put → table items``."""
        if isinstance(scope, Edge):
            return f"{self.about(scope.source)} → {self.about(scope.target)}"
        return f"{scope.kind} {cut(scope.label, NAME)}"

    def verdict(self, verdict: Verdict) -> str:
        """Name a verdict, as titles do."""
        return verdict.value.upper()

    def name(self, measure: Measure) -> str:
        """Name a measure."""
        return numbers.name(measure)

    def unit(self, measure: Measure) -> str:
        """Return the unit that values of a measure are shown in."""
        return numbers.unit(measure)

    def quantity(self, value: float, measure: Measure) -> str:
        """Return a value with its unit."""
        return numbers.quantity(value, measure)

    def change(self, observed: float, expected: float) -> str:
        """Say how far ``observed`` is from ``expected``."""
        return numbers.change(observed, expected)

    def percent(self, share: float) -> str:
        """Return a share."""
        return numbers.percent(share)

    def per_day(self, fraction: float) -> str:
        """Return a rate of growth."""
        return numbers.per_day(fraction)

    def days(self, value: float) -> str:
        """Return a number of days."""
        return numbers.days(value)

    def duration(self, seconds: int) -> str:
        """Return a duration in at most two units."""
        return numbers.duration(seconds)

    def times(self, count: int) -> str:
        """Say how often something came."""
        return "once" if count == 1 else f"{count:,} times"

    def clock(self, epoch: int, zone: ZoneInfo) -> str:
        """Return a time in the channel's zone.

        Examples
        --------
        >>> English().clock(1760000000, ZoneInfo("Asia/Tokyo"))
        '2025-10-09 17:53 JST'
        """
        return f"{datetime.fromtimestamp(epoch, zone):%Y-%m-%d %H:%M %Z}"

    def friendly(self, epoch: int, zone: ZoneInfo) -> str:
        """Return a time as Slack shows it.

        Examples
        --------
        >>> English().friendly(1760000000, ZoneInfo("Asia/Tokyo"))
        'Oct 9, 2025 17:53'
        """
        at = datetime.fromtimestamp(epoch, zone)
        return f"{at:%b} {at.day}, {at:%Y %H:%M}"

    def day(self, at: datetime) -> str:
        """Return a date with its day of the week."""
        return f"{at:%a %d %b %Y}"

    # An incident

    def title(self, incident: Incident) -> str:
        """Return the title: verdict and state, what it is about, how large it is."""
        primary = incident.primary
        what = f"{self.about(primary.about)} · {self.size(primary, incident.peak)}"
        head = self.verdict(incident.verdict)
        match incident.state:
            case "resolved":
                lasted = "" if incident.end is None else f" after {self._lasted(incident)}"
                head = f"RESOLVED{lasted}"
            case "withdrawn":
                head = f"WITHDRAWN: {head}"
            case "worsening":
                head += ", worsening"
            case "easing":
                head += ", easing"
            case _ if incident.reopened:
                head += ", back again"
        return f"{head} · {what}"

    def size(self, finding: Finding, value: float) -> str:
        """Return measure and size: ``wcu +400 %``, ``KeyError, 3 times``."""
        name = self.name(finding.measure)
        match finding.verdict:
            case Verdict.SILENCE:
                return "no calls" if finding.about.kind == TABLE else f"no {name}"
            case Verdict.FATAL:
                return f"{cut(clean(finding.error_type), NAME)}, {self.times(finding.times)}"
            case Verdict.LIMIT | Verdict.GROWTH if finding.growth is not None:
                return f"{name} {self.per_day(finding.growth.per_day)}"
            case Verdict.LIMIT if finding.limit:
                return f"{name} at {self.percent(value / finding.limit)} of its limit"
            case Verdict.SHIFT:
                return f"{name} {self.change(value, finding.expected)}, to stay"
            case _:
                return f"{name} {self.change(value, finding.expected)}"

    def sentence(self, incident: Incident) -> str:
        """Return the whole story in one or two sentences."""
        primary = incident.primary
        title, where = self.title(incident), self.place(primary.about)
        if incident.state == "resolved":
            return f"{title}: {_lower(self.over(incident)).removesuffix('.')}, {where}."
        if incident.state == "withdrawn":
            return f"{title}: late data showed that there was nothing, {where}."
        told = f"{title}: {self._now(primary)}, {where}."
        first = next((share for share in primary.callers if share.scope.kind == FUNCTION), None)
        if first is not None:
            part, caller = self.percent(min(first.share, 1.0)), cut(clean(first.scope.label), NAME)
            told += f" {part} of {self._whole(primary)} comes from function {caller}."
        return told

    def why(self, finding: Finding) -> str:
        """Say why it is told: in English that is the finding's own sentence."""
        return finding.sentence

    def over(self, incident: Incident) -> str:
        """Say how it ended."""
        finding, peak = incident.primary, incident.peak
        match finding.verdict:
            case Verdict.SILENCE if (finding.end or 0) - finding.start >= RETIRED_SECONDS:
                return "It stayed silent for a week and is taken as retired."
            case Verdict.SILENCE:
                return "Traffic is back."
            case Verdict.FATAL:
                return f"It came {self.times(finding.times)} and has ceased; it is known from now on."
            case Verdict.LIMIT:
                return f"It is no longer near; it peaked at {self.quantity(peak, finding.measure)}."
            case Verdict.SHIFT:
                return "It is as it was, or the new level is taken as normal."
            case _:
                expected = numbers.number(finding.expected)
                peaked = self.quantity(peak, finding.measure)
                return f"It is back to normal. It peaked at {peaked} where {expected} was expected."

    def interval(self, finding: Finding) -> str:
        """Return what was expected, with its interval: ``8.2 wcu/s (6.1 – 11)``."""
        expected = self.quantity(finding.expected, finding.measure)
        return f"{expected} ({numbers.number(finding.lower)} – {numbers.number(finding.upper)})"

    def headroom(self, value: float, finding: Finding) -> str:
        """Say how much of a known limit is left."""
        limit = finding.limit or 0.0
        of = f"of {self.quantity(limit, finding.measure)}"
        return f"none left {of}" if limit <= value else f"{self.percent(1 - value / limit)} left {of}"

    def complete(self, share: float) -> str:
        """Say how complete the data is."""
        return f"{self.percent(share)} complete"

    def place(self, scope: ScopeOrEdge) -> str:
        """Return cloud, account and region."""
        target = scope.target if isinstance(scope, Edge) else scope
        account = clean(f"{target.cloud} {target.account}").strip() or "unnamed account"
        return f"{account} · {target.region}" if target.region else account

    def called_by(self, finding: Finding) -> str:
        """Return what follows ``Called by``: what the shares are shares of."""
        which = "missing " if _falls(finding) else "extra "
        if finding.verdict in (Verdict.FATAL, Verdict.LIMIT):
            which = ""
        return f", with the share of the {which}{self.name(finding.measure)}"

    def because(self, share: Share, finding: Finding) -> str:
        """Say whether a caller calls more often or asks for more with each call."""
        if finding.verdict in (Verdict.FATAL, Verdict.LIMIT):
            return ""  # what is used, or what failed, has no such why
        more, calls = ("less", "fewer") if _falls(finding) else ("more", "more")
        capacity = " capacity" if finding.measure in (Measure.RCU, Measure.WCU) else ""
        if finding.measure is Measure.REQUESTS or share.more_calls >= _MOSTLY * share.share:
            return f"{calls} calls"
        if share.more_per_call >= _MOSTLY * share.share:
            return f"{more}{capacity} per call"
        return f"{calls} calls and {more}{capacity} per call"

    def carries(self, kind: str, who: str, part: str) -> str:
        """Say that a client or tenant stands out."""
        return f"{kind.capitalize()} {who} carries {part} of it"

    def throttled(self, reasons: Sequence[tuple[str, str]]) -> str:
        """Say why calls were throttled."""
        return "Throttled for " + ", ".join(f"{reason} ({count})" for reason, count in reasons)

    def door(self, kind: str) -> str:
        """Name a link by the suffix of its kind."""
        return kind.replace("_", " ")

    def compared(self, finding: Finding) -> str:
        """Say what it is compared with."""
        match finding.verdict:
            case Verdict.FATAL:
                return "Compared with every error that was ever seen there"
            case Verdict.LIMIT:
                return "Compared with the configured limit"
        base = _COMPARED[finding.compared_with]
        if finding.weeks_used and finding.compared_with == "weeks":
            base = f"Compared with {_weeks(finding.weeks_used)}"
        left_out = f"; {_weeks(finding.weeks_left_out)} left out" if finding.weeks_left_out else ""
        return base + left_out

    def with_it(self, names: Sequence[str], more: int) -> str:
        """Name what else is affected."""
        return f"With it: {', '.join(names)}" + (f" and {more} more" if more else "")

    def as_of(self, when: str, incident: str, reopened: int) -> str:
        """Say when this was so, and of which incident."""
        again = f" · came back {reopened}×" if reopened else ""
        return f"As of {when} · incident {incident}{again}"

    def came_back(self, link: str) -> str:
        """Lead to the message of the last time."""
        return f"It was here before: {link}"

    def alternative(self, finding: Finding, peak: float, hours: int) -> str:
        """Say in words what a chart shows."""
        what = f"{self.about(finding.about)}, {self.name(finding.measure)}"
        reached, expected = (self.quantity(value, finding.measure) for value in (peak, finding.expected))
        return (
            f"Chart of {what}, over the last {hours} hours: "
            f"it reached {reached} where {expected} was expected."
        )

    # Its life

    def turn(self, what: str, incident: Incident, detail: str) -> str:  # noqa: C901, PLR0911  a phrase for each turn
        """Say what turn an incident took."""
        primary = incident.primary
        name = detail or self.about(primary.about)
        match Milestone(what):
            case Milestone.OPENED:
                return f"Opened: {self.about(primary.about)}, {self.size(primary, incident.peak)}"
            case Milestone.WORSENED:
                return f"Worse: {self._stands(primary)}"
            case Milestone.EASED:
                return f"Easing: {self._stands(primary)}"
            case Milestone.SHIFTED:
                return f"It stays: a new level. {self._stands(primary)}"
            case Milestone.DEEPER:
                return f"It is about {self.about(primary.about)} now, which explains the rest"
            case Milestone.CALLER:
                return f"New among the first callers: {name}"
            case Milestone.JOINED:
                return f"Affected too: {name}"
            case Milestone.REOPENED:
                return f"It came back: {self._stands(primary)}"
            case Milestone.AMENDED:
                return f"Late data changed the figures: {self._stands(primary)}"
            case Milestone.WITHDRAWN:
                return "Withdrawn: late data showed that there was nothing"
            case Milestone.RESOLVED:
                return f"Resolved after {self._lasted(incident)}. {self.over(incident)}"
            case never:
                assert_never(never)

    def handled(self, ask: Ask, who: str, until: str, why: str) -> str:
        """Say who did what."""
        told = _ASKED[ask] + (f" by {who}" if who else "") + (f" until {until}" if until else "")
        return f"{told}: {why}" if why else told

    def over_by_itself(self) -> str:
        """Say that a snooze ended while its incident goes on."""
        return "*Snooze over*: it still goes on"

    # A flood

    def flood_title(self, incidents: int, still_open: int) -> str:
        """Return the title of the one message of many incidents."""
        if not still_open:
            return f"FLOOD over · all {incidents:,} incidents resolved"
        return f"FLOOD · {incidents:,} incidents at once · {still_open:,} open"

    def flood_sentence(self, incidents: int, still_open: int) -> str:
        """Say why they are told in one message."""
        return (
            f"{incidents:,} incidents began within a short time, so they are told in one message that is "
            f"kept up to date; {still_open:,} are open. Look for what they have in common first."
        )

    def count(self, what: str, number: int) -> str:
        """Return ``what: number``."""
        return f"{what}: {number:,}"

    def row(self, verdict: str, what: str, size: str, state: str) -> str:
        """Return one line of a flood or a list."""
        return f"*{verdict}*  {what} · {size}" + (f" · {state}" if state else "")

    def state(self, incident: Incident) -> str:
        """Name the state an incident is in."""
        return incident.state

    def in_the_file(self, more: int) -> str:
        """Say how many are not shown here but in the file."""
        return f"and {more:,} more in the file of this thread"

    def and_more(self, more: int) -> str:
        """Say how many are not shown."""
        return f"and {more:,} more"

    # The digest

    def digest_title(self, growing: int, near: int) -> str:
        """Return the title of a digest."""
        if not growing:
            return "DIGEST · nothing grows"
        one = growing == 1
        near_limit = f" or {'is' if one else 'are'} near a limit" if near else ""
        return f"DIGEST · {growing:,} series {'grows' if one else 'grow'}{near_limit}"

    def digest_sentence(self, when: str, title: str, first: str) -> str:
        """Return the sentence for notifications."""
        return f"Digest of {when}: {title}." + (f" First: {first}." if first else "")

    def level(self, finding: Finding) -> str:
        """Say where what grows stands, and how much is left."""
        level = f"now {self.quantity(finding.observed, finding.measure)}"
        return f"{level}, {self.headroom(finding.observed, finding)}" if finding.limit else level

    def forecast(self, growth: Growth) -> str:
        """Say when the limit is met, and what this rests on."""
        interval = f"{growth.per_day_lower * 100:.1f} to {growth.per_day_upper * 100:.1f} % a day"
        rests = f"over {growth.days} days, {interval}".replace("-", "−")
        if growth.days_to_limit is None:
            return rests
        told = f"*limit in {self.days(growth.days_to_limit)}*"
        if growth.days_to_limit_lower is not None:
            late = "never" if growth.days_to_limit_upper is None else self.days(growth.days_to_limit_upper)
            told += f" ({self.days(growth.days_to_limit_lower)} to {late})"
        return f"{told} · {rests}"

    def footer(self, when: str, more: int) -> str:
        """Return the last line of a digest."""
        rest = f"and {more:,} more that grow slower or have no limit near · " if more else ""
        return f"{rest}Growth needs planning, not a reaction · as of {when}"

    def hot(self, hot: Hot, account: str, label: str, former: str) -> str:
        """Say which table leads its account, or how near concurrency is to its limit."""
        part = self.percent(hot.share)
        if hot.scope.kind != TABLE:
            return f"{hot.scope.kind.capitalize()} {label}: {part} of its concurrency in its busiest hour"
        of = (
            f"{part} of its {self.name(hot.measure)} limit in its busiest hour"
            if hot.measure
            else f"{part} of the capacity consumed there"
        )
        was = f"; it was {former}" if former else ""
        whose = account or "the unnamed account"
        return f"The hottest table of {whose} is {'now' if former else 'still'} {label}: {of}{was}"

    def expires(self, what: str, until: str, by: str) -> str:
        """Say that a snooze or silence ends."""
        return f"{what} · until {until}" + (f" · by {by}" if by else "")

    def precision(self, weeks: int, pages: int, expected: int, not_an_anomaly: int) -> str:
        """Say how good the pages of the last weeks were."""
        span = "week" if weeks == 1 else f"{weeks} weeks"
        idle = expected + not_an_anomaly
        good = self.percent(1 - idle / pages) if pages else "–"
        return (
            f"{good} of {pages:,} page{'s' * (pages != 1)} in the last {span} asked for action: "
            f"{expected:,} marked as expected, {not_an_anomaly:,} as not an anomaly"
        )

    def held(self, stage: str, pages: int) -> str:
        """Say how many pages a stage held that are over by now."""
        return f"{self.stage(stage)}: {pages:,} page{'s' * (pages != 1)}"

    # Answers to commands

    def said(self, said: Said, until: str) -> str:
        """Answer a command."""
        return f"{_SAID[said]}, until {until}." if until and said is Said.DONE else f"{_SAID[said]}."

    def fault(self, fault: Fault, word: str) -> str:
        """Say what was not understood of a slash command."""
        about = f" ({word})" if word else ""
        return f"{_FAULTS[fault]}{about}."

    def stage(self, stage: str) -> str:
        """Name a stage of the notification pipeline."""
        return stage.replace("_", " ")

    def standing(self, still_open: int, behind: str) -> str:
        """Say how many incidents are open and how far behind the data is."""
        told = "1 incident is open" if still_open == 1 else f"{still_open:,} incidents are open"
        return f"{told}; the data is {behind} behind." if behind else f"{told}."

    def silence(self, identity: str, what: str, until: str, by: str, why: str) -> str:
        """Return one silence of a list."""
        told = f"*{identity}*  {what} · until {until}" + (f" · by {by}" if by else "")
        return f"{told}: {why}" if why else told

    def since(self, when: str) -> str:
        """Head what changed."""
        return f"What changed since {when}"

    def takes_the_lead(self, label: str, former: str, account: str) -> str:
        """Say that a table leads its account now."""
        return f"{label} is the hottest table of {account} now" + (f"; it was {former}" if former else "")

    # Parts of sentences

    def _lasted(self, incident: Incident) -> str:
        return self.duration(max(0, (incident.end or incident.start) - incident.start))

    def _stands(self, finding: Finding) -> str:
        return f"{self._now(finding)} ({self.size(finding, finding.observed)})"

    def _now(self, finding: Finding) -> str:
        now = self.quantity(finding.observed, finding.measure)
        match finding.verdict:
            case Verdict.FATAL:
                return "never seen there before"
            case Verdict.LIMIT:
                return f"{now} now, {self.headroom(finding.observed, finding)}"
            case Verdict.SILENCE:
                return f"{self.quantity(finding.expected, finding.measure)} expected"
            case _:
                return f"{now} now, {numbers.number(finding.expected)} expected"

    def _whole(self, finding: Finding) -> str:
        if finding.verdict in (Verdict.FATAL, Verdict.LIMIT):
            return "it"
        return "the loss" if _falls(finding) else "the excess"


def _falls(finding: Finding) -> bool:
    return finding.observed < finding.expected


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _weeks(weeks: list[int]) -> str:
    """Name weeks: ``last week``, ``weeks 1, 2 and 3 ago``."""
    if weeks == [1]:
        return "last week"
    *firsts, last = map(str, weeks)
    return f"weeks {', '.join(firsts)} and {last} ago" if firsts else f"week {last} ago"
