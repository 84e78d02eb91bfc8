"""What messages say of one incident in English: what happened, why, what became of it."""

from collections.abc import Sequence
from typing import Final, assert_never

from alerting.commands.command import CommandKind
from alerting.incidents.incident import Incident
from alerting.incidents.notice import Milestone
from alerting.words import numbers
from alerting.words.en.figures import EnglishFigures
from alerting.words.mrkdwn import clean, cut
from detectors.model.finding import Finding, Share, Verdict
from detectors.model.measures import LATENCIES, Measure
from detectors.model.scope import FUNCTION, TABLE
from detectors.watch.absence import RETIRED_SECONDS

NAME: Final = 60
_MOSTLY: Final = 2 / 3  # of a share: what makes up so much of it is all that is said of it

_ASKED: Final = {
    CommandKind.ACKNOWLEDGE: "*Acknowledged*",
    CommandKind.SNOOZE: "*Snoozed*",
    CommandKind.EXPECTED: "*Marked as expected*",
    CommandKind.NOT_AN_ANOMALY: "*Marked as not an anomaly*",
    CommandKind.SILENCE: "*Silenced*",
    CommandKind.UNSILENCE: "*Silence ended*",
}

_COMPARED: Final = {
    "weeks": "No earlier week to compare with",
    "holidays": "A holiday, compared with the last holidays and Sundays",
    "yesterday": "No earlier week to compare with; compared with yesterday",
    "minutes": "No earlier day to compare with; compared with the last minutes",
}


class EnglishLife(EnglishFigures):
    """Tells of one incident."""

    def title(self, incident: Incident) -> str:
        """Return the title: verdict and state, what it is about, how large it is."""
        primary = incident.primary
        about, size = self.about(primary.about), self.size(primary, incident.peak)
        what = f"{about} · {size}"
        head = self.verdict(incident.verdict)
        if incident.verdict is Verdict.ABSENCE and incident.state != "resolved":
            head, what = size.upper(), about  # the size says it all: NO REQUESTS
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
            case Verdict.ABSENCE:
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
            case Verdict.ABSENCE if (finding.end or 0) - finding.start >= RETIRED_SECONDS:
                return "It received nothing for a week and is considered retired."
            case Verdict.ABSENCE:
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

    def called_by(self, finding: Finding) -> str:
        """Return what follows ``Called by``: what the shares are shares of."""
        which = "missing " if _falls(finding) else "extra "
        if finding.verdict in (Verdict.FATAL, Verdict.LIMIT):
            which = ""
        return f"share of the {which}{self.name(finding.measure)}"

    def because(self, share: Share, finding: Finding) -> str:
        """Say whether a caller calls more often or asks for more with each call."""
        if finding.verdict in (Verdict.FATAL, Verdict.LIMIT) or finding.measure in LATENCIES:
            return ""  # what is used, what failed or what takes long has no such why
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
        if (planned := finding.planned) is not None:
            base += f", times {numbers.number(planned.factor)} as planned"
        left_out = f"; {_weeks(finding.weeks_left_out)} left out" if finding.weeks_left_out else ""
        return base + left_out

    def with_it(self, names: Sequence[str], more: int) -> str:
        """Name what else is affected."""
        return f"With it: {', '.join(names)}" + (f" and {more} more" if more else "")

    def all_of_it(self, span: str) -> str:
        """Say when all that was affected began and ended."""
        return f"with all it drew along {span}"

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

    def handled(self, ask: CommandKind, who: str, until: str, why: str) -> str:
        """Say who did what."""
        told = _ASKED[ask] + (f" by {who}" if who else "") + (f" until {until}" if until else "")
        return f"{told} · {why}" if why else told

    def over_by_itself(self) -> str:
        """Say that a snooze ended while its incident goes on."""
        return "*Snooze over*: it still goes on"

    def _lasted(self, incident: Incident) -> str:
        begun, ended = incident.primary_span
        return self.duration(max(0, (ended or begun) - begun))

    def _stands(self, finding: Finding) -> str:
        return f"{self._now(finding)} ({self.size(finding, finding.observed)})"

    def _now(self, finding: Finding) -> str:
        now = self.quantity(finding.observed, finding.measure)
        match finding.verdict:
            case Verdict.FATAL:
                return "never seen there before"
            case Verdict.LIMIT:
                return f"{now} now, {self.headroom(finding.observed, finding)}"
            case Verdict.ABSENCE:
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
