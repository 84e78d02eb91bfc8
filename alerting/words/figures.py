"""Numbers, names and times, of which all other phrases are made."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from zoneinfo import ZoneInfo

import msgspec

from alerting.words import numbers
from alerting.words.mrkdwn import clean, cut
from alerting.words.phrase import NOTHING, Names, Phrase
from detectors.model.finding import (
    KINDS_SECONDS,
    OTHER_KINDS,
    AddedUp,
    FailureKind,
    Failures,
    Finding,
    Growth,
    Verdict,
)
from detectors.model.measures import LATENCIES, Measure
from detectors.model.scope import TABLE, Edge, ScopeOrEdge
from detectors.model.sentence import has_multiple, usually_failed, whole_days

NAME = 60  # characters of a name


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """How a language writes numbers, names and times.

    Methods that take a scope or a finding return plain text that may hold names from events.
    """

    comma: str = ", "  # between the items of a list
    kinds: Names = {}  # of scopes
    verdicts: Mapping[Verdict, str] = {}  # in titles
    states: Names = {}  # of an incident
    stages: Names = MappingProxyType({"size": "too small to page"})  # of the notification pipeline
    # their names, and units with the space before them
    measures: Mapping[Measure, tuple[str, str]] = MappingProxyType(
        {
            Measure.REQUESTS: ("requests", " requests/s"),
            Measure.COLD_STARTS: ("cold starts", " cold starts/s"),
            Measure.ERRORS_USER: ("user errors", " user errors/s"),
            Measure.ERRORS_BACKEND: ("backend errors", " backend errors/s"),
            Measure.ERRORS_FATAL: ("fatal errors", " fatal errors/s"),
            Measure.THROTTLES: ("throttles", " throttles/s"),
            Measure.READS: ("reads", " reads/s"),
            Measure.WRITES: ("writes", " writes/s"),
            Measure.RCU: ("rcu", " rcu/s"),
            Measure.WCU: ("wcu", " wcu/s"),
            Measure.BUSY: ("concurrency", " concurrent"),
            Measure.COST: ("cost", " USD/h"),
            Measure.LATENCY: ("latency p95", " ms"),
            Measure.LATENCY_CODE: ("code latency p95", " ms"),
            Measure.LATENCY_AUTH: ("authorizer latency p95", " ms"),
        }
    )
    calls_measure: tuple[str, str] = ("calls", " calls/s")  # the same of a table's requests
    calls: str = "calls"
    requests: str = "requests"
    a_second: str = "/s"  # after the name of what is counted
    glued: str = "/"  # how units of levels begin that follow a number without a space
    new: str = "new"  # a kind of failure
    other_kinds: str = OTHER_KINDS
    unnamed_account: str = "unnamed account"
    none: str = "none"  # of what was expected
    during: str = ""  # the end of a duration as a span of time
    weekdays: str = ""
    joint: str = " "  # between hours and minutes

    averaged: Phrase = Phrase("{value} over {lasted}")  # also during
    ratio: Phrase = Phrase("{ratio}×")
    per_cent: Phrase = Phrase("{number} %")
    # also now; ``rate`` is ``now`` without the name of its unit
    up_from: Phrase = Phrase("up from {before} to {rate}")
    failed: Phrase = Phrase("{failed:,.0f} of {requests:,.0f} {what} in {lasted}")  # also during
    # ``total`` of the first kind alone
    failure_kind: Phrase = Phrase("{name} ({times:,.0f}[ of {total:,.0f}][, {new}])")
    last_kinds: Phrase = Phrase("{kinds} in its last hour")
    usual: Phrase = Phrase("{usual}")  # ``number`` without its percent sign
    a_day: Phrase = Phrase("{rate} % a day")
    days: Phrase = Phrase("{first} day{first:?|s}")
    days_or_more: Phrase = Phrase("{first} day{first:?|s} or more")
    days_between: Phrase = Phrase("{first} to {last} days")
    in_seconds: Phrase = Phrase("{number} s")
    in_minutes: Phrase = Phrase("{number} min")
    in_hours: Phrase = Phrase("{number} h")
    in_days: Phrase = Phrase("{number} d")
    often: Phrase = Phrase("{count:?once|{count:,} times}")
    zoned: Phrase = Phrase("{at:%Y-%m-%d %H:%M %Z}")
    dated: Phrase = Phrase("{at:%b} {at.day}, {at:%Y %H:%M}")
    day: Phrase = Phrase("{at:%a %d %b %Y}")  # also weekday
    named_account: Phrase = Phrase("{name} ({account})")
    between: Phrase = Phrase("{expected} ({lower} – {upper})")
    measured: Phrase = Phrase("{about} ({measure})")
    left: Phrase = Phrase("{part} left of {limit}")
    none_left: Phrase = Phrase("none left of {limit}")
    costs_more: Phrase = Phrase("{money} USD an hour more")
    costs_less: Phrase = Phrase("{money} USD an hour less")
    complete: Phrase = Phrase("{share} complete")
    counted: Phrase = Phrase("{what}: {number:,}")
    and_more: Phrase = Phrase("and {count:,} more")  # the entries that are not shown
    # those that are only in the attached file
    more_in_file: Phrase = Phrase("and {count:,} more in the file attached to this thread")
    subject: Phrase = NOTHING  # about, name: the subject of a sentence

    def kind(self, of: str) -> str:
        """Name a kind of scope: ``table``."""
        return self.kinds.get(of, of)

    def about(self, scope: ScopeOrEdge) -> str:
        """Name a scope or edge: ``table items``, ``function put → table items``."""
        if isinstance(scope, Edge):
            return f"{self.about(scope.source)} → {self.about(scope.target)}"
        return f"{self.kind(scope.kind)} {cut(scope.label, NAME)}"

    def verdict(self, of: Verdict) -> str:
        """Name a verdict, as titles do."""
        return self.verdicts.get(of, of.value.upper())

    def what(self, about: ScopeOrEdge) -> str:
        """Name what arrives at a scope: requests, or the calls of a table."""
        return self.calls if about.kind == TABLE else self.requests

    def measure(self, of: Measure, about: ScopeOrEdge | None = None) -> str:
        """Name a measure; the requests of a table are calls."""
        return of.key or of.level or self._name_and_unit(of, about)[0]

    def unit(self, of: Measure, about: ScopeOrEdge | None = None) -> str:
        """Return the unit that values of a measure are shown in."""
        if of.level:
            return self._unit_of_level(of) or of.level
        if of.key:
            return f"{of.key}{self.a_second}"
        name, unit = self._name_and_unit(of, about)
        return unit.strip() or name

    def quantity(self, value: float, of: Measure, about: ScopeOrEdge | None = None) -> str:
        """Return a value with its unit."""
        shown = numbers.of_measure(value, of)
        if of.level:
            unit = self._unit_of_level(of)
            return f"{shown}{unit}" if unit[:1] in self.glued else f"{shown} {unit}"
        return f"{shown} {of.key}{self.a_second}" if of.key else f"{shown}{self._name_and_unit(of, about)[1]}"

    def _name_and_unit(self, of: Measure, about: ScopeOrEdge | None) -> tuple[str, str]:
        of_table = about is not None and about.kind == TABLE
        return self.calls_measure if of_table and of is Measure.REQUESTS else self.measures[of]

    def _unit_of_level(self, of: Measure) -> str:
        return of.unit.removesuffix("/s") + self.a_second if of.unit.endswith("/s") else of.unit

    def of_finding(self, value: float, finding: Finding) -> str:
        """Return a value of what a finding measures, with its unit."""
        return self.quantity(value, finding.measure, finding.about)

    def added_up(self, of: AddedUp, finding: Finding) -> str:
        """Return the mean over some minutes: ``0.33 requests/s over 13 min``."""
        lasted = self.duration(of.seconds)
        return self.averaged(
            value=self.of_finding(of.observed, finding), lasted=lasted, during=self.spanned(lasted)
        )

    def change(self, observed: float, expected: float, of: Measure) -> str:
        """Return the change from ``expected`` to ``observed``: ``+412 %``; from next to nothing, both."""
        if observed <= expected:
            return self.times_or_percent(observed / expected) if expected > 0 else self.none
        if has_multiple(of, observed, expected):
            return self.times_or_percent(observed / expected)
        now = rate = self.quantity(observed, of)
        if not of.level and of is not Measure.COST:
            unit = " ms" if of in LATENCIES else "" if of is Measure.BUSY else "/s"
            rate = f"{numbers.number(observed)}{unit}"
        return self.up_from(before=numbers.of_measure(expected, of), now=now, rate=rate)

    def times_or_percent(self, ratio: float) -> str:
        """Return a change as a ratio, as ``20×``, or in percent, as ``+412 %``, whichever reads better."""
        if ratio >= numbers.MANY:
            return self.ratio(ratio=numbers.number(ratio))
        return self.per_cent(number=numbers.signed_percent(ratio))

    def failures(self, of: Failures, about: ScopeOrEdge) -> str:
        """Return the count of failed requests: ``40 of 98 requests in 10 min``."""
        lasted = self.duration(of.seconds)
        return self.failed(
            failed=of.failed,
            requests=of.requests,
            what=self.what(about),
            lasted=lasted,
            during=self.spanned(lasted),
        )

    def failure_kinds(self, of: Failures) -> str:
        """Return how they failed: ``502 Timeout (40 of 52), 500 KeyError (12, new)``; empty if unknown."""
        kinds = self.comma.join(self._failure_kind(kind, of) for kind in of.kinds)
        is_part = kinds and of.seconds > KINDS_SECONDS
        return self.last_kinds(kinds=kinds) if is_part else kinds

    def _failure_kind(self, kind: FailureKind, of: Failures) -> str:
        total = sum(other.times for other in of.kinds) if kind is of.kinds[0] else 0
        name = self.other_kinds if kind.kind == OTHER_KINDS else cut(clean(kind.kind), NAME)
        return self.failure_kind(name=name, times=kind.times, total=total, new=self.new if kind.new else "")

    def usually(self, of: Failures) -> str:
        """Return the usual share of failures: ``0`` or ``2 %``."""
        usual = usually_failed(of)
        return self.usual(usual=usual, number=usual.removesuffix(" %"))

    def percent(self, share: float) -> str:
        """Return a share, rounded so that only the whole is 100 %."""
        return self.per_cent(number=numbers.percent(share))

    def per_day(self, fraction: float) -> str:
        """Return a rate of growth: ``+3.1 % a day``."""
        return self.a_day(rate=numbers.signed(fraction))

    def days_to_limit(self, growth: Growth) -> str:
        """Return the range of days until a limit is reached; empty where no day is named."""
        if growth.days_to_limit is None:
            return ""
        middle, lower, upper = growth.days_to_limit, growth.days_to_limit_lower, growth.days_to_limit_upper
        first, last = whole_days(middle, lower, upper)
        if last is None:
            return self.days_or_more(first=first)
        return self.days(first=first) if first == last else self.days_between(first=first, last=last)

    def duration(self, seconds: int) -> str:
        """Return a duration in at most two units: ``2 h 5 min``."""
        if seconds < 60:  # noqa: PLR2004  a minute
            return self.in_seconds(number=seconds)
        if seconds < 3600:  # noqa: PLR2004  an hour
            return self.in_minutes(number=round(seconds / 60))
        days, hours, minutes = seconds // 86400, seconds % 86400 // 3600, seconds % 3600 // 60
        units = ((days, self.in_days), (hours, self.in_hours), (0 if days else minutes, self.in_minutes))
        return self.joint.join(unit(number=number) for number, unit in units if number)

    def spanned(self, lasted: str) -> str:
        """Return a duration in words as a span of time, which some languages tell from a duration."""
        return lasted if lasted.endswith(self.during) else f"{lasted}{self.during}"

    def times(self, count: int) -> str:
        """Return the number of occurrences in words."""
        return self.often(count=count)

    def clock(self, epoch: int, zone: ZoneInfo) -> str:
        """Return a time in the channel's zone, with the zone: ``2025-10-09 17:53 JST``."""
        return self.zoned(at=datetime.fromtimestamp(epoch, zone))

    def slack_time(self, epoch: int, zone: ZoneInfo, *, day: bool = True) -> str:
        """Return a time as Slack shows it to a reader of this language, with or without its day."""
        at = datetime.fromtimestamp(epoch, zone)
        return self.dated(at=at) if day else f"{at:%H:%M}"

    def date(self, at: datetime) -> str:
        """Return a date with its day of the week."""
        return self.day(at=at, weekday=self.weekdays[at.weekday() :][:1])

    def account(self, account: str, name: str) -> str:
        """Return the id of an account, after its name if that is known: ``game-prod (123456789012)``."""
        return self.named_account(name=name, account=account) if name else account

    def place(self, scope: ScopeOrEdge, name: str) -> str:
        """Return cloud, account and region; ``name`` is that of the account, empty if it has none."""
        target = scope.target if isinstance(scope, Edge) else scope
        where = clean(f"{target.cloud} {self.account(target.account, name)}").strip() or self.unnamed_account
        return f"{where} · {target.region}" if target.region else where

    def interval(self, finding: Finding) -> str:
        """Return the expected value with its interval."""
        lower, upper = (
            numbers.of_measure(bound, finding.measure) for bound in (finding.lower, finding.upper)
        )
        return self.between(expected=self.of_finding(finding.expected, finding), lower=lower, upper=upper)

    def series(self, finding: Finding) -> str:
        """Name the series of a finding: its scope and measure."""
        name = self.measure(finding.measure, finding.about)
        return self.measured(about=self.about(finding.about), measure=name)

    def subject_of(self, finding: Finding) -> str:
        """Name the series of a finding as the subject of a sentence."""
        verbatim = finding.measure.key or finding.measure.level
        name = f" {verbatim} " if verbatim else self.measure(finding.measure, finding.about)
        return self.subject(about=self.about(finding.about), name=name)

    def headroom(self, value: float, finding: Finding) -> str:
        """Return the part of the known limit that is left at ``value``."""
        limit = finding.limit or 0.0
        of = self.of_finding(limit, finding)
        if limit <= value:
            return self.none_left(limit=of)
        return self.left(part=self.percent(1 - value / limit), limit=of)

    def costs(self, an_hour: float) -> str:
        """Return the costs of a deviation, in US dollars an hour more than expected, or less."""
        money = numbers.money(abs(an_hour))
        return self.costs_more(money=money) if an_hour >= 0 else self.costs_less(money=money)

    def completeness(self, share: float) -> str:
        """Return the completeness of the data."""
        return self.complete(share=self.percent(share))

    def count(self, what: str, number: int) -> str:
        """Return ``what: number``."""
        return self.counted(what=what, number=number)

    def state(self, state: str) -> str:
        """Name the state an incident is in."""
        return self.states.get(state, state)

    def stage(self, of: str) -> str:
        """Name a stage of the notification pipeline."""
        return self.stages.get(of, of.replace("_", " "))
