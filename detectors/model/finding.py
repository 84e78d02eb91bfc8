"""A finding: one verdict about one series over one interval, with the evidence."""

from enum import StrEnum
from typing import Literal

import msgspec

from detectors.model.measures import Measure
from detectors.model.scope import Edge, Scope, ScopeOrEdge


class Verdict(StrEnum):
    """The kind of thing a finding is (DESIGN section 6)."""

    SPIKE = "spike"
    DROP = "drop"
    SHIFT = "shift"
    GROWTH = "growth"
    LIMIT = "limit"
    ABSENCE = "absence"
    FATAL = "fatal"


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """The part of an excess that one scope carries.

    ``share`` is a fraction of the finding's excess; over all sources of one kind the shares add up to 1
    (sources that fell while others rose have negative shares). ``more_calls`` and ``more_per_call``
    add up to ``share``.
    """

    scope: Scope
    share: float
    more_calls: float
    more_per_call: float
    observed: float  # per second, over the finding's interval so far
    expected: float  # per second

    def to_json(self) -> dict[str, object]:
        """Return the form of ``callers`` and ``suspects`` in ``findings.jsonl``."""
        written = {"kind": self.scope.kind, "name": self.scope.name}
        if self.scope.version:
            written["version"] = self.scope.version
        return {
            **written,
            "share": round(self.share, 4),
            "more_calls": round(self.more_calls, 4),
            "more_per_call": round(self.more_per_call, 4),
        }


class CallRate(msgspec.Struct, frozen=True, kw_only=True):
    """Calls that one scope makes, per second: who waits for a latency."""

    scope: Scope
    calls: float


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """What lies behind a finding: the deepest other finding that explains ``score`` of it, in [0, 1]."""

    scope: Scope
    measure: Measure
    score: float

    def to_json(self) -> dict[str, object]:
        """Return the form of ``causes`` in ``findings.jsonl``."""
        return {**self.scope.to_json(), "measure": self.measure.value, "score": round(self.score, 4)}


State = Literal["open", "update", "end", "withdrawn"]
"""It begins, its evidence changed, it is over, or late data showed that there was nothing."""

ComparedWith = Literal["weeks", "holidays", "yesterday", "minutes"]
"""What a value is compared with: earlier weeks, on a holiday the last of its kind, else what there is."""


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """What a chart of a finding shows: the last hours, last week's same hours, the expected band.

    Every list has one value a ``step`` (seconds), the first at ``start`` (epoch seconds), in the
    measure's own unit per second (milliseconds for latency); None where there was nothing to measure.
    """

    start: int
    step: int
    now: list[float | None]
    last_week: list[float | None]
    lower: list[float | None]
    upper: list[float | None]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What was planned for the time of a finding: its expectation has it in."""

    name: str  # of the events
    factor: float  # load expected, in times the usual


class Growth(msgspec.Struct, frozen=True, kw_only=True):
    """How fast a level rises: fractions a day with a confidence interval, and when it meets a limit."""

    per_day: float
    per_day_lower: float
    per_day_upper: float
    days: int  # days the estimate rests on
    days_to_limit: float | None = None
    days_to_limit_lower: float | None = None
    days_to_limit_upper: float | None = None


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One verdict about one series over one interval.

    A finding is told more than once: ``open`` when it begins, ``update`` when its evidence changed, ``end``
    when it is over, ``withdrawn`` when late data showed that there was nothing. ``id`` stays, ``revision``
    counts from 0; the pair identifies the telling, so that what is told again after a crash is
    recognised. All times are epoch seconds of event time; all
    rates are per second (milliseconds for latency).
    """

    id: str
    revision: int
    state: State
    verdict: Verdict
    scope: Scope | None = None
    edge: Edge | None = None  # exactly one of scope and edge is set
    measure: Measure
    start: int
    seen: int  # the watermark at which this was told
    end: int | None = None
    observed: float
    expected: float
    lower: float
    upper: float
    score: float
    completeness: float = 1.0
    weeks_used: list[int] = []  # 1 = last week
    weeks_left_out: list[int] = []
    compared_with: ComparedWith = "weeks"  # what the expectation rests on
    planned: Plan | None = None  # events under way
    limit: float | None = None  # configured capacity per second, where one is known
    near: bool = False  # of a limit: it is met now or tomorrow, somebody must act
    callers: list[Share] = []  # what calls it, functions first, largest share first
    suspects: list[Share] = []  # client versions and tenants that stand out
    throttle_reasons: dict[str, float] = {}
    touches: list[Scope] = []  # scopes that carry a part of this: what makes findings one incident
    calls: float = 0.0  # of a latency: calls per second, 0 where no caller is known
    traffic: list[CallRate] = []  # of a latency: those of them that each of ``touches`` makes
    causes: list[Cause] = []  # of latency and errors: what lies behind, known once findings have met
    growth: Growth | None = None
    error_type: str = ""  # of a fatal finding: the signature that was never seen before
    times: int = 0  # of a fatal finding: how often it came
    missed: float = 0.0  # of an absence: requests that were expected since the last one
    minutes: int = 0  # of a limit: ``observed`` is the largest mean over so many
    throttled: bool = False  # of a limit: calls are refused already
    sentence: str
    trace: Trace | None = None

    @property
    def about(self) -> ScopeOrEdge:
        """The scope or edge this finding is about."""
        about = self.scope or self.edge
        if about is None:  # refused by the only maker of findings; kept for the type
            raise ValueError(f"finding {self.id} is about nothing")
        return about
