"""A finding: one verdict about one series over one interval, with the evidence."""

from collections.abc import Sequence
from enum import StrEnum
from math import isclose
from typing import Final, Literal, NamedTuple

import msgspec

from detectors.model.measures import LATENCIES, RATIO_OF, Measure
from detectors.model.scope import Edge, Scope, ScopeOrEdge

RETIRED_SECONDS: Final = 7 * 86400
"""After an absence this long a scope is considered retired, while others have traffic."""

NOTABLE: Final = 0.05
"""A caller or suspect with a smaller part is noise."""


class Verdict(StrEnum):
    """The kind of a finding."""

    SPIKE = "spike"
    DROP = "drop"
    SHIFT = "shift"
    GROWTH = "growth"
    LIMIT = "limit"
    ABSENCE = "absence"
    FATAL = "fatal"


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """The part of an excess that is due to one scope.

    ``share`` is a fraction of the finding's excess; the shares of all sources of one kind add up to 1 (those
    of sources that fell while others rose are negative). ``more_calls`` and ``more_per_call`` add up to
    ``share``.
    """

    scope: Scope
    share: float
    more_calls: float
    more_per_call: float
    observed: float  # per second, over the finding's interval so far
    expected: float  # per second


class CallRate(msgspec.Struct, frozen=True, kw_only=True):
    """Calls per second from one scope, which waits for a latency."""

    scope: Scope
    calls: float


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """The cause of a finding: the deepest other finding, which explains a part ``score`` of it, in [0, 1]."""

    scope: Scope
    measure: Measure
    score: float


class Affected(msgspec.Struct, frozen=True, kw_only=True):
    """The harm: requests that reached a scope while it deviated."""

    requests: float  # of a table, calls
    seconds: int  # the time that they were counted in: all of it, or the last hours
    routes: list[Scope]  # that they came by, those with the most first
    more_routes: int = 0


State = Literal["open", "update", "end", "withdrawn"]
"""It starts, its evidence changed, it ended, or late data showed that nothing was wrong."""

ComparedWith = Literal["weeks", "holidays", "yesterday", "minutes"]
"""The basis of an expectation: earlier weeks, the last holidays on a holiday, otherwise the days known."""


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """The chart of a finding: the last hours, the same hours last week, the expected band.

    Every list has one value per ``step`` (seconds) from ``start`` (epoch seconds) on, in the measure's unit
    per second (milliseconds for latency); None where nothing was measured.
    """

    start: int
    step: int
    now: list[float | None]
    last_week: list[float | None]
    lower: list[float | None]
    upper: list[float | None]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The planned events during a finding; its expectation includes them."""

    name: str  # of the events
    factor: float  # load expected, in times the usual


class Growth(msgspec.Struct, frozen=True, kw_only=True):
    """How fast a level rises, as a fraction per day with an interval, and when it reaches a limit.

    Of the days to the limit, four in five lie between ``lower`` and ``upper``; 0 when it is reached already,
    None beyond what can be foreseen.
    """

    per_day: float
    per_day_lower: float
    per_day_upper: float
    days: int  # that the estimate is based on
    days_to_limit: float | None = None
    days_to_limit_lower: float | None = None
    days_to_limit_upper: float | None = None


OTHER_KINDS: Final = "other"

KINDS_SECONDS: Final = 3600
"""Kinds are counted in the last hour of a deviation at most."""


class FailureKind(msgspec.Struct, frozen=True, kw_only=True):
    """How some of the requests failed: the status and the type of their error."""

    kind: str  # ``OTHER_KINDS`` for all that are not named
    times: float
    new: bool = False  # it was never seen before the finding


class Failures(msgspec.Struct, frozen=True, kw_only=True):
    """How many of the requests failed (or were throttled) that a finding of failures is about."""

    failed: float
    requests: float  # of the same scope in the same time, not fewer than ``failed``
    seconds: int  # the time that both were counted in
    usual: float = 0.0  # share of the requests that was expected to fail, in [0, 1]
    kinds: list[FailureKind] = []  # of the last hour at most, the most frequent first; none if unknown

    @property
    def share(self) -> float:
        """The share of the requests that failed, in [0, 1]."""
        return self.failed / self.requests if self.requests > 0 else 0.0


class AddedUp(msgspec.Struct, frozen=True, kw_only=True):
    """Means over the span of a deviation, without the calm minutes in which its end is awaited."""

    observed: float
    expected: float
    seconds: int
    until: int = 0  # the end of these seconds; 0 in old states


class RiseCause(StrEnum):
    """Why more is used."""

    DEMAND = "demand"  # all sources call more, as they share the traffic
    DEFECT = "defect"  # a few carry it, or calls use more


class Concentration(msgspec.Struct, frozen=True, kw_only=True):
    """How the sources of a rise share it."""

    cause: RiseCause
    share: float  # of demand, what is spread as usual; of a defect, what its carriers have or calls use more
    kind: str = ""  # of the carriers; of demand, of the sources that tell
    carriers: int = 0  # the fewest that carry most of it
    per_call: bool = False  # calls use more

    @property
    def alone(self) -> bool:
        """Whether the rest of the account does not rise."""
        return self.cause is RiseCause.DEFECT and not self.carriers and not self.per_call


class RestsOn(msgspec.Struct, frozen=True, kw_only=True):
    """The independent requests that the shares of an excess rest on, from ``since`` to ``until``."""

    requests: int  # of a table, those that called it, however often; of errors, those that failed
    since: int
    until: int
    alike: str = ""  # client or tenant: so many show that all of these share it as they share the traffic


class AccountTraffic(NamedTuple):
    """Requests of an account a second."""

    observed: float
    expected: float


class ServedRequests(NamedTuple):
    """Requests of a fall that are no errors of callers: what falls otherwise, callers do by themselves."""

    observed: float
    expected: float


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One verdict about one series over one interval.

    A finding is emitted several times: ``open`` when it starts, ``update`` when its evidence changed, ``end``
    when it ended, ``withdrawn`` when late data showed that nothing was wrong. ``id`` stays the same,
    ``revision`` counts from 0; together they identify what is emitted again after a crash. All times are
    epoch seconds of event time, all rates per second (milliseconds for latency).
    """

    id: str
    revision: int
    state: State
    verdict: Verdict
    scope: Scope | None = None
    edge: Edge | None = None  # exactly one of scope and edge is set
    measure: Measure
    start: int
    seen: int  # the watermark at which this was emitted
    end: int | None = None  # of the deviation itself: ``seen`` is when that was certain
    observed: float
    expected: float
    lower: float
    upper: float
    score: float
    completeness: float = 1.0
    weeks_used: list[int] = []  # 1 = last week
    weeks_left_out: list[int] = []
    compared_with: ComparedWith = "weeks"
    planned: Plan | None = None
    limit: float | None = None  # configured capacity per second, where one is known
    near: bool = False  # of a limit: it is reached now or tomorrow, and a person must act
    callers: list[Share] = []  # functions first, largest share first
    suspects: list[Share] = []  # client versions and tenants that stand out
    throttle_reasons: dict[str, float] = {}
    touches: list[Scope] = []  # scopes that carry a part of this, by which findings become one incident
    services: list[str] = []  # of the functions and routes that carry this, or of all that call its scope
    affected: Affected | None = None  # unknown of an edge, of growth, and in old states
    calls: float = 0.0  # of a latency: calls per second, 0 if no caller is known
    traffic: list[CallRate] = []  # of a latency: the calls from each of ``touches``
    causes: list[Cause] = []  # of latency and errors: known once findings have met
    growth: Growth | None = None
    error_type: str = ""  # of a fatal finding: the new signature
    times: int = 0  # of a fatal finding: number of occurrences
    missed: float = 0.0  # of an absence: requests that were expected in its span
    gap: bool = False  # of an absence: no record arrived at all, so the pipeline is what to check first
    settled: bool = False  # it ended because its level is the expected one from then on
    lost: bool = False  # it ended because nothing was measured any longer: its outcome is unknown
    minutes: int = 0  # of a limit: ``observed`` is the newest mean over this many, ``peak`` the largest
    throttled: bool = False  # of a limit: calls are already refused
    failures: Failures | None = None  # of errors and throttles: the requests among which they are
    peak: float | None = None  # the step furthest up (of a fall, down) since ``start``; None if unknown
    sentence: str
    trace: Trace | None = None
    costs: float | None = None  # US dollars an hour that its scope costs more than expected; None if unknown
    early: bool = False  # found before its step was judged, which confirms it or takes it back
    added_up: AddedUp | None = None  # of a deviation: its span; ``observed`` is that of one minute
    concentration: Concentration | None = None  # of a rise of counts and amounts; None if sources do not tell
    account: AccountTraffic | None = None  # in its first quarter of an hour; None if unknown
    served: ServedRequests | None = None  # of a fall of requests; None if unknown
    rests_on: RestsOn | None = None  # of a rise; None if unknown, and in old states
    unmet: bool = False  # a fall that ended because no more was expected: what was missing did not come

    @property
    def about(self) -> ScopeOrEdge:
        """The scope or edge that the finding is about."""
        about = self.scope or self.edge
        if about is None:  # never made; for the type checker
            raise ValueError(f"finding {self.id} is about nothing")
        return about

    @property
    def figures(self) -> tuple[float, float]:
        """The observed and the expected value to show: means over the span, where it is known."""
        if self.added_up is None:
            return self.observed, self.expected
        return self.added_up.observed, self.added_up.expected

    @property
    def rises(self) -> bool:
        """Whether it is a rise, for all of its life: the newest minute may be on the other side."""
        match self.verdict:
            case Verdict.DROP | Verdict.ABSENCE:
                return False
            case Verdict.SHIFT:
                observed, expected = self.figures
                return observed >= expected
            case _:
                return True

    @property
    def until(self) -> int:
        """The end of the span that its figures are of: of a deviation that may be over, its last minute."""
        if self.end is not None:
            return self.end
        return (self.added_up.until if self.added_up is not None else 0) or self.seen

    @property
    def is_empty(self) -> bool:
        """Whether this is an absence in which nothing came: some end with what comes again."""
        return self.verdict is Verdict.ABSENCE and self.came < 0.5  # noqa: PLR2004  less rounds to none

    @property
    def came(self) -> float:
        """How much of what is counted came in its span; 0 if that is unknown."""
        return 0.0 if self.added_up is None else self.added_up.observed * self.added_up.seconds

    @property
    def is_open(self) -> bool:
        """Whether it was open when this was emitted."""
        return self.state in ("open", "update")

    @property
    def deviates(self) -> bool:
        """Whether its newest minute belongs to it: its end may be awaited."""
        return self.is_open and self.until >= self.seen

    @property
    def is_minute(self) -> bool:
        """Whether its figures are those of its newest minute."""
        added = self.added_up
        if added is None:
            return True
        same = zip(self.figures, (self.observed, self.expected), strict=True)  # single precision is kept
        return added.until == self.seen and all(isclose(mean, value, rel_tol=1e-4) for mean, value in same)

    @property
    def retired(self) -> bool:
        """Whether this is an absence that ended without a request: its scope is considered retired."""
        long = self.end is not None and self.end - self.start >= RETIRED_SECONDS
        return self.verdict is Verdict.ABSENCE and self.end == self.seen and long

    @property
    def young(self) -> bool:
        """Whether no more than a week is behind the expectation."""
        if self.compared_with == "holidays" or self.verdict in (Verdict.FATAL, Verdict.LIMIT, Verdict.GROWTH):
            return False
        return len(self.weeks_used) + len(self.weeks_left_out) <= 1


class Shares(NamedTuple):
    """The callers and the suspects of a finding."""

    callers: list[Share]
    suspects: list[Share]


def shares_of_whole(finding: Finding) -> Shares:
    """Return the shares as parts of all that rose (of a fall: that fell), by kind of scope.

    Where one client fell while others rose, the shares of the others exceed the excess that is left: 60 % and
    55 % of it, less 15 %. As parts of what rose they add up to the whole.

    Examples
    --------
    >>> ios, android, web = (Scope("client", "aws", "1", "", name) for name in ("ios", "android", "web"))
    >>> given = {"more_calls": 0.0, "more_per_call": 0.0, "observed": 1.0, "expected": 1.0}
    >>> parts = ((ios, 0.6), (android, 0.55), (web, -0.15))
    >>> shares = [Share(scope=of, share=part, **given) for of, part in parts]
    >>> finding = Finding(id="a", revision=0, state="open", verdict=Verdict.SPIKE, scope=ios,
    ...                   measure=Measure.REQUESTS, start=0, seen=60, observed=3.0, expected=1.0, lower=0.5,
    ...                   upper=1.5, score=0.9, callers=shares, suspects=shares[:2], sentence="")
    >>> [round(share.share, 2) for share in shares_of_whole(finding).suspects]
    [0.52, 0.48]
    """
    parts: dict[str, dict[object, float]] = {}
    for share in (*finding.callers, *finding.suspects):
        of_kind = parts.setdefault(share.scope.kind, {})
        of_kind[share.scope] = max(share.share, of_kind.get(share.scope, 0.0))
    whole = {kind: max(sum(of_kind.values()), 1.0) for kind, of_kind in parts.items()}

    def scaled(shares: Sequence[Share]) -> list[Share]:
        return [_divided(share, whole[share.scope.kind]) for share in shares]

    return Shares(scaled(finding.callers), scaled(finding.suspects))


def is_split(verdict: str, measure: str) -> bool:
    """Return whether an excess divides into calls and what each takes: not usage, failures, slowness."""
    return verdict not in (Verdict.FATAL, Verdict.LIMIT) and measure not in (*LATENCIES, *RATIO_OF)


def notable(finding: Finding) -> Shares:
    """Return the shares of ``shares_of_whole`` that are more than noise."""
    callers, suspects = shares_of_whole(finding)
    return Shares(*([share for share in held if share.share >= NOTABLE] for held in (callers, suspects)))


def _divided(share: Share, by: float) -> Share:
    if by == 1.0:
        return share
    calls, price = share.more_calls / by, share.more_per_call / by
    return msgspec.structs.replace(share, share=share.share / by, more_calls=calls, more_per_call=price)
