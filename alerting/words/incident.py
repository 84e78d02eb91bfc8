"""The phrases about one incident: in its page, its thread and its chart."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import msgspec

from alerting.commands.command import MARKS, CommandKind
from alerting.incidents.incident import Incident
from alerting.incidents.notice import Milestone
from alerting.incidents.severity import Grade, Harm, Severity, of_finding, worst
from alerting.words import numbers
from alerting.words.figures import NAME, Figures
from alerting.words.mrkdwn import clean, cut
from alerting.words.phrase import Names, Phrase
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

_MINUTE: Final = 60  # the beginning of a deviation is known to the minute
_MOSTLY: Final = 2 / 3  # of a share: a part this large is all that is shown of it
_ERRORS: Final = (Measure.ERRORS_USER, Measure.ERRORS_BACKEND, Measure.ERRORS_FATAL)

Pair = tuple[str, str]
"""What is said of a rise, and of a fall."""


class IncidentPhrases(msgspec.Struct, frozen=True, kw_only=True):
    """The phrases about one incident.

    Methods that take a finding or an incident return plain text that may hold names from events: the caller
    escapes it as a whole. Strings are inserted unchanged, so they may be markup already; what is added to
    them is safe in mrkdwn, with no markup but bold.
    """

    figures: Figures = Figures()
    grades: Mapping[Grade, str] = {}
    links: Names = {}  # by the suffix of their kind
    # in bold
    actions: Mapping[CommandKind, str] = MappingProxyType(
        {
            CommandKind.ACKNOWLEDGE: "*Acknowledged*",
            CommandKind.UNACKNOWLEDGE: "*Acknowledgement taken back*",
            CommandKind.SNOOZE: "*Snoozed*",
            CommandKind.EXPECTED: "*Marked as expected*",
            CommandKind.NOT_AN_ANOMALY: "*Marked as not an anomaly*",
            CommandKind.TAKE_BACK: "*Taken back*",
            CommandKind.SILENCE: "*Silenced*",
            CommandKind.UNSILENCE: "*Silence ended*",
            CommandKind.NOTE: "*Noted*",
            CommandKind.FORGET: "*Memo removed*",
        }
    )
    # what a source calls a change: deployed
    changes: Names = MappingProxyType(
        {
            "deployed": "finished deploy",
            "deploy failed": "failed deploy",
            "config": "configuration change",
            "capacity": "capacity change",
            "concurrency": "concurrency change",
        }
    )
    some_change: str = "change"
    # of what counts as failed, where it did not fail
    fates: Mapping[Measure, str] = MappingProxyType(
        {Measure.THROTTLES: "throttled", Measure.COLD_STARTS: "were cold starts"}
    )
    failed: str = "failed"
    wholes: Pair = ("the increase", "the drop")  # what a part of a change is a part of
    whole: str = ""  # where nothing changed
    count_names: Mapping[int, str] = MappingProxyType({1: "one", 2: "two", 3: "three"})

    # by state; headline, or head (the verdict) and what; lasted
    titles: Mapping[str, Phrase] = MappingProxyType(
        {
            "open": Phrase("{head} · {what}"),
            "reopened": Phrase("{head}, reopened · {what}"),
            "worsening": Phrase("{head}, worsening · {what}"),
            "easing": Phrase("{head}, easing · {what}"),
            "resolved": Phrase("RESOLVED[ after {lasted}] · {what}"),
            "settled": Phrase("NEW LEVEL[ after {lasted}] · {what}"),
            "lost": Phrase("CLOSED, NO DATA · {what}"),
            "withdrawn": Phrase("WITHDRAWN: {head} · {what}"),
        }
    )
    headlines: Mapping[str, Phrase] = {}  # by verdict; subject, about, change, pace and others
    gap: str = "nothing arrives"  # what nothing arrives is called
    absent: Phrase = Phrase("no {name}")  # also what
    accounts: Phrase = Phrase("{count} accounts")  # where nothing arrives from several
    fatal: Phrase = Phrase("{error}, {times}")
    of_limit: Phrase = Phrase("{name} at {share} of its limit")
    sustained: Phrase = Phrase("{size}, sustained")
    failing: Phrase = Phrase("{part} of {what} {fate}")
    failing_errors: Phrase = Phrase("{part} of {what} {ended:?failed|fail} ({name})")
    failing_size: Phrase = Phrase("{failing}")  # also name
    resolved_story: Phrase = Phrase("{title}. {ending} {where}.")
    withdrawn_story: Phrase = Phrase("{title}: what came later showed no anomaly, {where}.")
    open_story: Phrase = Phrase("{title}: {now}, {where}.")
    caller_story: Phrase = Phrase(" Function {caller} accounts for {part}[ of {whole}].")
    endings: Mapping[str, Phrase] = MappingProxyType(
        {
            "lost": Phrase("No record of it has arrived since, so what became of it is unknown."),
            "retired": Phrase("Nothing was received for a week; it is considered retired."),
            "gap": Phrase("Records arrive again."),
            "absence": Phrase("{what!c} resumed."),
            "fatal": Phrase("Occurred {often}, then stopped. From now on it counts as a known error."),
            "limit": Phrase("No longer near the limit; it peaked at {furthest}."),
            "shift": Phrase("Back to the old level."),
            "settled": Phrase("It lasts: this level is the expected one from now on."),
            "failures": Phrase("Back to normal after {counted} {fate} (normally {usually})."),
            "mean": Phrase("Back to normal after averaging {mean} (expected {usual})."),
            "rise": Phrase("Back to normal after peaking at {furthest} (expected {usual})."),
            "fall": Phrase("Back to normal after falling to {furthest} (expected {usual})."),
            "unmet": Phrase(
                "What was missing did not come, and its usual time is over: {furthest} (expected {usual})."
            ),
        }
    )
    ended_after: Phrase = Phrase("{ending} It ended {behind}.")
    share_of_all: Phrase = Phrase("share of the {name}")
    share_of_change: Phrase = Phrase("share of {whole} in {name}")
    more: Pair = ("more", "less")
    more_calls: Pair = ("more", "fewer")
    capacity: Pair = (" capacity", "")  # of what is counted in units of capacity, and of anything else
    by_calls: Phrase = Phrase("{calls} calls")  # also more
    by_use: Phrase = Phrase("{more}{capacity} per call")
    by_both: Phrase = Phrase("{calls} calls and {more}{capacity} per call")
    demand: str = "Spread as usual: demand"
    per_call: str = "More per call, not more calls"
    alone: Phrase = Phrase("This {kind} alone; the rest is as usual")
    carried: Phrase = Phrase("{share} from {number} {kind}{count:?|s}")
    stands_out: Phrase = Phrase("{kind!c} {label} accounts for {part}{basis}")  # a client or tenant
    alike: Phrase = Phrase("All {kind}s alike{basis}")  # clients or tenants
    of_requests: Phrase = Phrase(", of {requests} request{count:?|s}")  # the basis
    throttled_by: Phrase = Phrase("Throttled by: {reasons}")
    graded: Phrase = Phrase("{grade} · {harm}[ ({about})]")  # about: unless the message is about it
    about_in: Phrase = Phrase("{about}, in {lasted}")  # also during
    # what, share (of all, 0 if unknown), over (whether it is), left, times
    harms: Mapping[Harm, Phrase] = MappingProxyType(
        {
            Harm.ERRORS: Phrase("[{known} of ]{what} {over:?failed|fail}"),
            Harm.NO_REQUESTS: Phrase("no {what} {over:?were|are} seen"),
            Harm.THROTTLED: Phrase("[{known} of ]calls {over:?were|are} throttled"),
            Harm.LIMIT: Phrase("{left} of the capacity was left at the peak"),
            Harm.FEWER_REQUESTS: Phrase("[{known} of ]{what} {over:?were|are} missing"),
            Harm.SLOW: Phrase("responses {over:?took|take} {times} times as long"),
            Harm.USER_ERRORS: Phrase("[{known} of ]requests {over:?were|are} refused as user errors"),
            Harm.GROWTH: Phrase("growth, no limit is near"),
            Harm.LOAD: Phrase("load; errors and throttling have their own messages"),
        }
    )
    # where they differ without a share, or of all of it
    harms_unknown: Mapping[Harm, Phrase] = MappingProxyType(
        {
            Harm.LIMIT: Phrase("the limit was reached"),
            Harm.SLOW: Phrase("responses {over:?took|take} longer"),
        }
    )
    # also what, during
    reached: Phrase = Phrase(
        "{requests} {is_table:?call|request}{rounded:?|s} in {is_last:?its last |}{lasted}"
    )
    fewer: Phrase = Phrase("about {requests} {what} missing in {lasted}")  # also during; missing
    named_routes: Phrase = Phrase("{names}[ and {more} more route{more:?|s}]")
    against_errors: str = "Compared with every error seen there before"
    # of a level, and of anything else
    against_limit: Pair = ("Compared with its limit", "Compared with the configured limit")
    against_holidays: Phrase = Phrase(
        "Holiday: compared with the last {count:?holiday or Sunday|{count} holidays and Sundays}"
    )
    against_weeks: Phrase = Phrase("Compared with {weeks}")
    # what it is compared with, where there are no weeks
    against: Names = MappingProxyType(
        {
            "weeks": "No earlier week to compare with",
            "yesterday": "No earlier week to compare with; compared with yesterday",
            "minutes": "No earlier day to compare with; compared with the last few minutes",
        }
    )
    as_planned: Phrase = Phrase("{basis}, ×{factor} as planned")  # also event
    excluded: Phrase = Phrase("{basis} ({weeks} excluded)")
    excluded_holidays: Phrase = Phrase("{basis} ({count} more excluded)")
    last_week: str = "last week"
    weeks_ago: Phrase = Phrase("{weeks} weeks ago")
    week_joints: Pair = (" and ", ", ")  # before the last of several, and before any other
    pace: Phrase = Phrase("based on {days} days, {slow} to {fast} % a day")
    at_limit: Phrase = Phrase("*at its limit* · {basis}")
    until_limit: Phrase = Phrase("*limit in {days}* (80 %) · {basis}")
    also_affected: Phrase = Phrase("Also affected: {names}[ and {more} more]")  # other series
    whole_span: Phrase = Phrase("the whole incident {span}")
    rule: Phrase = Phrase("{times} times what pages (incidents.page.{setting})")  # that let its page out
    as_of: Phrase = Phrase("As of {when} · incident {incident}[ · reopened {reopened}×]")  # the small print
    seen_before: Phrase = Phrase("This happened before: {link}")  # the message of the previous time
    chart: Phrase = Phrase("Chart of {about}, {measure}, last {hours} hours: {shown}.")  # also subject
    chart_reached: Phrase = Phrase("reached {reached}, expected {expected}")
    chart_failing: Phrase = Phrase("{shown}")  # also now
    # about, name, size, headline, stands, severity, ending and others
    milestones: Mapping[Milestone, Phrase] = MappingProxyType(
        {
            Milestone.OPENED: Phrase("Opened: {about}, {size}[. {basis}]"),
            Milestone.ESCALATED: Phrase("Now {severity}: {about}, {size}"),
            Milestone.WORSENED: Phrase("Worsening: {stands}"),
            Milestone.EASED: Phrase("Easing: {stands}"),
            Milestone.SHIFTED: Phrase("New sustained level: {stands}"),
            Milestone.DEEPER: Phrase("Traced to {about}"),
            Milestone.CALLER: Phrase("New among the top callers: {name}"),
            Milestone.JOINED: Phrase("Also affected: {name}"),
            Milestone.REOPENED: Phrase("Reopened: {stands}"),
            Milestone.AMENDED: Phrase("Figures corrected by late data: {stands}"),
            Milestone.PRECEDED: Phrase("{preceded}"),
            Milestone.WITHDRAWN: Phrase("Withdrawn: what came later showed no anomaly"),
            Milestone.RESOLVED: Phrase("Resolved after {lasted}. {ending}"),
        }
    )
    closed: Phrase = Phrase("Closed. {ending}")  # resolved without data
    settled: Phrase = Phrase("The new level after {lasted}. {ending}")
    preceding: Phrase = Phrase("{behind}")
    preceding_joint: str = "; "
    preceded: Phrase = Phrase("Now known: it began {changes}")
    not_preceded: str = "A change before it does not count anymore"
    action_line: Phrase = Phrase("{verb}[ by {who}][ until {until}]{mark}[ · {why}]")
    note_line: Phrase | None = None  # the same of a memo
    silent: str = ": silent while it lasts"
    teaches: str = ", and what is like it must show more for some weeks"
    taught: str = ": what is like it must show more for some weeks"  # the same of what has ended
    behind: Phrase = Phrase("{lasted} after {change} of {of}[ by {by}]")
    beside: Phrase = Phrase("at about the same time as {change} of {of}[ by {by}]")  # at about the same time
    following: Phrase = Phrase("{behind!c}")
    more_changes: Phrase = Phrase("{count} more change{count:?|s} shortly before")
    memo: Phrase = Phrase("*{title}* ({when}, {who}): {text}")
    snooze_expired: str = "*Snooze expired*: the incident is still open"
    stands: Phrase = Phrase("{now} ({size})")
    stands_failing: Phrase = Phrase("{failing}: {now}")  # also size
    now: Phrase = Phrase("{now}{is_open:? now|}, {usual} expected")
    now_fatal: str = "never seen there before"
    now_limit: Phrase = Phrase("{now} at the peak, {headroom}")
    now_absent: Phrase = Phrase("{usual} expected")
    now_failing: Phrase = Phrase("{counted}, normally {usual}")  # also fate
    now_mean: Phrase = Phrase("{mean}, {usual} expected[, {now} now]")

    def title(self, of: Incident) -> str:
        """Return the title: verdict and state, what it is about, how large it is."""
        primary, size = of.primary, self.size(of.primary, of.peak)
        head, what = self.figures.verdict(of.verdict), f"{self.figures.about(primary.about)} · {size}"
        if of.verdict is Verdict.ABSENCE and not primary.is_empty:
            head = self.figures.verdict(Verdict.DROP)
        elif of.verdict is Verdict.ABSENCE and of.state != "resolved":
            head, what = size.upper(), self._absent(of)  # the size says it all: NO REQUESTS
        state: str = "reopened" if of.state == "open" and of.reopened else of.state
        state = _outcome(primary) or state if state == "resolved" else state
        lasted = "" if of.end is None else self._lasted(of)
        headline = self._headline(primary, of.peak)
        return self.titles[state](head=head, what=what, lasted=lasted, headline=headline)

    def _absent(self, of: Incident) -> str:
        """Return the absent scope; where nothing arrives, perhaps several accounts."""
        accounts = sum(finding.gap for finding in (of.primary, *of.members))
        return self.accounts(count=accounts) if accounts > 1 else self.figures.about(of.primary.about)

    def _headline(self, finding: Finding, value: float) -> str:
        """Return verdict, scope and size as one clause, in languages that write it so."""
        figures, kind = self.figures, finding.verdict.value
        if not self.headlines:
            return ""
        if finding.verdict is Verdict.LIMIT and (finding.growth is not None or not finding.limit):
            kind = "near"
        elif finding.verdict is Verdict.ABSENCE and not finding.is_empty:
            kind = Verdict.DROP.value
        elif finding.gap:
            kind = "gap"
        pace = figures.change(value, finding.expected, finding.measure)
        return self.headlines[kind](
            subject=figures.subject_of(finding),
            about=figures.about(finding.about),
            what=figures.what(finding.about),
            change=self._failing(finding) or self._change(finding, value),
            pace=pace if finding.growth is None else figures.per_day(finding.growth.per_day),
            share=figures.percent(value / (finding.limit or 1.0)),
            error=_error(finding),
            times=figures.times(finding.times),
        )

    def size(self, finding: Finding, value: float) -> str:
        """Return measure and size; ``value`` is what was observed, or the furthest from the expected."""
        figures, name = self.figures, self.figures.measure(finding.measure, finding.about)
        match finding.verdict:
            case Verdict.ABSENCE if finding.gap:
                return self.gap
            case Verdict.ABSENCE if finding.is_empty:
                is_table, what = finding.about.kind == TABLE, figures.what(finding.about)
                return self.absent(name=what if is_table else name, what=what)
            case Verdict.FATAL:
                return self.fatal(error=_error(finding), times=figures.times(finding.times))
            case Verdict.LIMIT | Verdict.GROWTH if finding.growth is not None:
                return f"{name} {figures.per_day(finding.growth.per_day)}"
            case Verdict.LIMIT if finding.limit:
                return self.of_limit(name=name, share=figures.percent(value / finding.limit))
        failing = self._failing(finding)
        sized = self.failing_size(name=name, failing=failing) if failing else ""
        size = sized or f"{name} {self._change(finding, value)}"
        return self.sustained(size=size) if finding.verdict is Verdict.SHIFT else size

    def _change(self, finding: Finding, value: float) -> str:
        value, expected = (value, finding.expected) if finding.added_up is None else finding.figures
        return self.figures.change(value, expected, finding.measure)

    def _failing(self, finding: Finding) -> str:
        """Return the failing part of requests: ``41 % of requests fail (backend errors)``; else nothing."""
        if finding.failures is None or finding.verdict in (Verdict.FATAL, Verdict.LIMIT):
            return ""
        part, what = self.figures.percent(finding.failures.share), self.figures.what(finding.about)
        if finding.measure not in _ERRORS:
            return self.failing(part=part, what=what, fate=self._fate(finding))
        name = self.figures.measure(finding.measure, finding.about)
        return self.failing_errors(part=part, what=what, ended=not finding.deviates, name=name)

    def _fate(self, finding: Finding) -> str:
        return self.fates.get(finding.measure, self.failed)

    def sentence(self, of: Incident, where: str, *, is_now: bool) -> str:
        """Return the whole story in one or two sentences, for notifications and screen readers.

        ``where`` is the place (``Phrases.place``); ``is_now``: its newest step is that of now.
        """
        primary, title = of.primary, self.title(of)
        if of.state == "resolved":
            return self.resolved_story(title=title, ending=self.ending(of), where=where)
        if of.state == "withdrawn":
            return self.withdrawn_story(title=title, where=where)
        story = self.open_story(title=title, now=self._now(primary, is_now=is_now), where=where)
        first = next((share for share in notable(primary).callers if share.scope.kind == FUNCTION), None)
        if first is None:
            return story
        part, caller = self.figures.percent(first.share), cut(clean(first.scope.label), NAME)
        return story + self.caller_story(caller=caller, part=part, whole=self._whole(primary))

    def _whole(self, finding: Finding) -> str:
        """Name what shares of a finding are parts of."""
        if finding.verdict in (Verdict.FATAL, Verdict.LIMIT):
            return self.whole
        return self.wholes[not finding.rises]

    def why(self, finding: Finding) -> str:
        """Explain the finding in a few sentences with the numbers used; in English it does so itself."""
        return finding.sentence

    def ending(self, of: Incident) -> str:
        """Return the sentence about its end."""
        ending = self._ending(of.primary, of.peak)
        if of.ended_after is None or _outcome(of.primary) or of.primary.unmet:
            return ending
        what, version, where, by = stated_texts(of.ended_after.change)
        behind = self._behind(of.ended_after.after, self.change(what, version), where, by)
        return self.ended_after(ending=ending, behind=behind)

    def _ending(self, finding: Finding, peak: float) -> str:
        figures, mean, failures = self.figures, finding.added_up, finding.failures
        kind, usual = finding.verdict.value, finding.expected if mean is None else mean.expected
        if outcome := _outcome(finding):
            kind = outcome
        elif finding.retired:
            kind = "retired"
        elif finding.verdict is Verdict.ABSENCE and finding.gap:
            kind = "gap"
        elif finding.unmet:
            kind = "unmet"
        elif kind not in self.endings:
            kind = "failures" if failures else "mean" if mean else "rise" if finding.rises else "fall"
        return self.endings[kind](
            what=figures.what(finding.about),
            often=figures.times(finding.times),
            furthest=figures.of_finding(peak, finding),
            counted="" if failures is None else figures.failures(failures, finding.about),
            fate=self._fate(finding),
            usually="" if failures is None else figures.usually(failures),
            mean="" if mean is None else figures.added_up(mean, finding),
            usual=numbers.of_measure(usual, finding.measure),
        )

    def share_of(self, finding: Finding) -> str:
        """Return the text after ``labels.callers``: the whole that the shares belong to."""
        name = self.figures.measure(finding.measure, finding.about)
        if finding.verdict in (Verdict.FATAL, Verdict.LIMIT):
            return self.share_of_all(name=name)
        return self.share_of_change(name=name, whole=self._whole(finding))

    def rests_on(self, finding: Finding) -> str:
        """Return how many requests the shares of a finding rest on, to go behind them; empty if unknown."""
        basis = finding.rests_on
        if basis is None:
            return ""
        return self.of_requests(requests=numbers.count(basis.requests), count=basis.requests)

    def all_alike(self, finding: Finding) -> str:
        """Say that all clients, or tenants, share it as they share the traffic; empty if that is unknown."""
        if finding.rests_on is None or not finding.rests_on.alike:
            return ""
        return self.alike(kind=self.figures.kind(finding.rests_on.alike), basis=self.rests_on(finding))

    def because(self, share: Share, finding: Finding) -> str:
        """Return whether a caller calls more often or uses more per call, in words; may be empty."""
        if not is_split(finding.verdict, finding.measure):
            return ""
        falls = not finding.rises
        words = {
            "more": self.more[falls],
            "calls": self.more_calls[falls],
            "capacity": self.capacity[finding.measure not in (Measure.RCU, Measure.WCU)],
        }
        if finding.measure is Measure.REQUESTS or share.more_calls >= _MOSTLY * share.share:
            return self.by_calls(**words)
        return self.by_use(**words) if share.more_per_call >= _MOSTLY * share.share else self.by_both(**words)

    def concentration(self, of: Concentration) -> str:
        """Return in a short phrase how the sources of a rise share it."""
        if of.cause is RiseCause.DEMAND:
            return self.demand
        if of.per_call:
            return self.per_call
        kind, count = self.figures.kind(of.kind), of.carriers
        if not count:
            return self.alone(kind=kind)
        number = self.count_names.get(count, str(count))
        return self.carried(share=self.figures.percent(of.share), count=count, number=number, kind=kind)

    def throttled(self, reasons: Sequence[str]) -> str:
        """Return the line about throttled calls."""
        return self.throttled_by(reasons=self.figures.comma.join(reasons))

    def link_name(self, suffix: str) -> str:
        """Name a link by the suffix of its kind: ``logs``, ``metrics``; others as they are."""
        return self.links.get(suffix, suffix.replace("_", " "))

    def grade(self, of: Grade) -> str:
        """Name how bad something is."""
        return self.grades.get(of, of.name)

    def severity_of(self, incident: Incident) -> str:
        """Return the severity of an incident, with the reason."""
        found = worst([incident.primary, *incident.members])
        over, is_table = incident.ended or not found.deviates, found.about.kind == TABLE
        about = "" if found.about == incident.primary.about else self.figures.about(found.about)
        if about and found.failures is not None:
            lasted = self.figures.duration(found.failures.seconds)
            about = self.about_in(about=about, lasted=lasted, during=self.figures.spanned(lasted))
        return self.severity(of_finding(found), about, over=over, is_table=is_table)

    def severity(self, of: Severity, about: str = "", *, over: bool, is_table: bool = False) -> str:
        """Return the severity, in the past tense once it is over, with the reason in one phrase.

        ``is_table`` is True if requests are calls of a table.
        """
        percent, part = self.figures.percent, of.share
        is_known = round(part, 1) > 1 if of.harm is Harm.SLOW else part < 1 if of.harm is Harm.LIMIT else part
        phrase = self.harms[of.harm]
        phrase = phrase if is_known else self.harms_unknown.get(of.harm, phrase)
        harm = phrase(
            what=self.figures.calls if is_table else self.figures.requests,
            over=over,
            share=percent(part),
            known=percent(part) if part else "",
            left=percent(1 - part),
            times=numbers.number(part),
        )
        return self.graded(grade=self.grade(of.level), harm=harm, about=about)

    def reached_by(self, requests: float, lasted: str, *, is_table: bool, is_last: bool) -> str:
        """Return the number of requests (of a table, calls) in a time, or in the last part of an incident."""
        counts = {"requests": numbers.count(requests), "rounded": round(requests), "is_table": is_table}
        return self.reached(**counts, **self._in(lasted, is_table=is_table), is_last=is_last)

    def missing(self, requests: float, lasted: str, *, is_table: bool) -> str:
        """Return the number of missing requests (of a table, calls) in a time."""
        return self.fewer(requests=numbers.count(requests), **self._in(lasted, is_table=is_table))

    def _in(self, lasted: str, *, is_table: bool) -> dict[str, str]:
        what = self.figures.calls if is_table else self.figures.requests
        return {"what": what, "lasted": lasted, "during": self.figures.spanned(lasted)}

    def routes(self, names: Sequence[str], more: int) -> str:
        """Name the routes that are hurt; empty without any."""
        return self.named_routes(names=self.figures.comma.join(names), more=more) if names else ""

    def compared(self, finding: Finding) -> str:
        """Return the basis of the comparison: the weeks used, and those excluded."""
        if finding.verdict is Verdict.FATAL:
            return self.against_errors
        if finding.verdict is Verdict.LIMIT:
            return self.against_limit[not finding.measure.level]
        used, left_out = finding.weeks_used, finding.weeks_left_out
        holiday = finding.compared_with == "holidays"
        if holiday:
            basis = self.against_holidays(count=len(used))
        elif used and finding.compared_with == "weeks":
            basis = self.against_weeks(weeks=self._weeks(used))
        else:
            basis = self.against[finding.compared_with]
        if (planned := finding.planned) is not None:
            event, factor = cut(clean(planned.name), NAME), numbers.number(planned.factor)
            basis = self.as_planned(basis=basis, event=event, factor=factor)
        if not left_out:
            return basis
        if holiday:
            return self.excluded_holidays(basis=basis, count=len(left_out))
        return self.excluded(basis=basis, weeks=self._weeks(left_out))

    def _weeks(self, weeks: list[int]) -> str:
        """Name weeks: ``last week``, ``1, 2 and 3 weeks ago``."""
        if weeks == [1]:
            return self.last_week
        *firsts, last = map(str, weeks)
        before_last, before = self.week_joints
        return self.weeks_ago(weeks=before_last.join([before.join(firsts), last] if firsts else [last]))

    def forecast(self, growth: Growth) -> str:
        """Return the days until the limit, in bold, with the basis of the forecast."""
        slow, fast = (f"{rate * 100:.1f}" for rate in (growth.per_day_lower, growth.per_day_upper))
        basis = self.pace(days=growth.days, slow=slow, fast=fast).replace("-", "−")
        if growth.days_to_limit is None:
            return basis
        if growth.days_to_limit <= 0:
            return self.at_limit(basis=basis)
        return self.until_limit(days=self.figures.days_to_limit(growth), basis=basis)

    def alt_text(self, finding: Finding, peak: float, hours: int) -> str:
        """Return the alternative text of a chart."""
        figures = self.figures
        reached, expected = (figures.of_finding(value, finding) for value in (peak, finding.figures[1]))
        shown = self._failing(finding) or self.chart_reached(reached=reached, expected=expected)
        if finding.failures is not None:
            shown = self.chart_failing(shown=shown, now=self._now(finding, is_now=False))
        return self.chart(
            about=figures.about(finding.about),
            measure=figures.measure(finding.measure, finding.about),
            subject=figures.subject_of(finding),
            hours=hours,
            shown=shown,
        )

    def milestone(self, what: str, of: Incident, detail: str, *, is_now: bool) -> str:
        """Return the thread line of a ``Milestone``; ``detail`` is a name from an event."""
        primary, kind, peak = of.primary, Milestone(what), of.peak
        shown = primary
        if kind is Milestone.ESCALATED and (severe := worst([primary, *of.members])) is not primary:
            shown, peak = severe, severe.observed if severe.peak is None else severe.peak
        about = self.figures.about(shown.about)
        line = self.milestones[kind]
        if kind is Milestone.RESOLVED:
            line = {"lost": self.closed, "settled": self.settled}.get(_outcome(primary), line)
        return line(
            about=about,
            name=detail or about,
            size=self.size(shown, peak),
            headline=self._headline(shown, peak),
            basis=self.compared(primary) if primary.young else "",
            stands=self._stands(primary, is_now=is_now),
            severity=self.severity_of(of),
            preceded=self._preceded(of),
            lasted=self._lasted(of),
            ending=self.ending(of),
        )

    def _stands(self, finding: Finding, *, is_now: bool) -> str:
        now, size = self._now(finding, is_now=is_now), self.size(finding, finding.observed)
        failing = self._failing(finding)
        if failing:
            return self.stands_failing(now=now, size=size, failing=failing)
        return self.stands(now=now, size=size)

    def _now(self, finding: Finding, *, is_now: bool) -> str:
        figures, mean = self.figures, finding.added_up
        now = figures.of_finding(finding.observed, finding)
        match finding.verdict:
            case Verdict.FATAL:
                return self.now_fatal
            case Verdict.LIMIT:
                return self.now_limit(now=now, headroom=figures.headroom(finding.observed, finding))
            case Verdict.ABSENCE:
                return self.now_absent(usual=figures.of_finding(finding.figures[1], finding))
            case _ if (failures := finding.failures) is not None:
                counted, usual = figures.failures(failures, finding.about), figures.usually(failures)
                return self.now_failing(counted=counted, fate=self._fate(finding), usual=usual)
            case _ if mean is not None and not finding.is_minute:
                usual, over = (
                    numbers.of_measure(mean.expected, finding.measure),
                    figures.added_up(mean, finding),
                )
                return self.now_mean(mean=over, usual=usual, now=now if is_now else "")
            case _:
                usual = numbers.of_measure(finding.expected, finding.measure)
                return self.now(now=now, is_open=is_now, usual=usual)

    def _preceded(self, of: Incident) -> str:
        behind = [self.preceding(behind=behind) for behind in self._all_behind(of, NAMED_CHANGES)]
        changes = self.preceding_joint.join(behind)
        return self.preceded(changes=changes) if changes else self.not_preceded

    def _lasted(self, of: Incident) -> str:
        begun, ended = of.primary_span
        return self.figures.duration(max(0, (ended or begun) - begun))

    def action(
        self, kind: CommandKind, who: str, until: str, why: str, *, ended: bool, teaches: bool = False
    ) -> str:
        """Return the line about a command, its verb in bold; all but ``kind`` may be empty.

        ``ended``: its incident is over, and silent anyway. ``teaches``: a mark of it asks more of the next
        one like it.
        """
        silent, taught = ("", self.taught) if ended else (self.silent, self.teaches)
        mark = silent + (taught if teaches else "") if kind in MARKS else ""
        line = self.note_line if kind is CommandKind.NOTE and self.note_line else self.action_line
        return line(verb=self.actions[kind], who=who, until=until, mark=mark, why=why)

    def change(self, what: str, version: str) -> str:
        """Name a change: ``deploy 42``; both may be empty, and hold what a source wrote."""
        named = self.changes.get(what.lower(), what) or self.some_change
        return " ".join(part for part in (named, version) if part)

    def after_change(self, after: int, change: str, of: str, by: str) -> str:
        """Return the seconds from a change to the begin, without claiming a cause; 0 is about the same time.

        ``by`` may be empty.
        """
        return self.following(behind=self._behind(after, change, of, by))

    def after_changes(self, of: Incident, most: int) -> list[str]:
        """Return the changes before an incident, the nearest first, as plain text."""
        return [self.following(behind=behind) for behind in self._all_behind(of, most)]

    def _all_behind(self, of: Incident, most: int) -> list[str]:
        found = []
        for preceding in of.changes[:most]:
            what, version, where, by = stated_texts(preceding.change)
            found.append(self._behind(preceding.after, self.change(what, version), where, by))
        return found

    def _behind(self, after: int, change: str, of: str, by: str) -> str:
        if after < _MINUTE:
            return self.beside(change=change, of=of, by=by)
        return self.behind(lasted=self.figures.duration(after), change=change, of=of, by=by)


def _error(finding: Finding) -> str:
    return cut(clean(finding.error_type), NAME)


def _outcome(finding: Finding) -> str:
    """Return the key of an end that is no return to the usual; empty of others."""
    return "lost" if finding.lost else "settled" if finding.settled else ""
