"""The data of a scope's page, as the page receives them: the JSON of ``GET /board/scope`` and ``/scopes``.

Times are epoch seconds of event time. Values are per second, milliseconds of a latency, of a level itself.
Whatever is not known is None, never 0. Lists of values run from old to new, one value a point.

Names come from events and may hold anything: they are data, and the page writes them as text.
"""

import msgspec

from alerting.commands.memo import MemoAnswer
from alerting.incidents.answers import ChangeAnswer
from alerting.incidents.incident import Sent, State
from alerting.messages.incident_answer import ExampleAnswer, WhoAnswer
from detectors.model.finding import Verdict
from detectors.model.scope import ScopeAnswer
from streams.screens.board.wall.wall import DaysLeft, WallThreshold

Points = list[float | None]


class ScopeVerdict(msgspec.Struct, frozen=True):
    """A verdict of the judge, from the begin of its first point to the end of its last."""

    verdict: Verdict
    start: int
    end: int


class ScopeCurve(msgspec.Struct, frozen=True, kw_only=True):
    """A measure over the range, a value a point.

    ``observed`` is the mean of a point. ``least`` and ``most`` are the extremes of the steps (of ten minutes,
    where the range is long) within each; both are empty where a point is one step. ``before`` is what was
    observed a week before; it is empty where a point is a day or longer. ``verdicts`` are those that were
    open within the range, the first of each point.
    """

    observed: Points
    least: Points = []
    most: Points = []
    expected: Points = []
    lower: Points = []
    upper: Points = []
    before: Points = []
    verdicts: list[ScopeVerdict] = []


class ScopeMeasure(msgspec.Struct, frozen=True, kw_only=True):
    """One measure.

    ``value``, ``expected``, ``lower`` and ``upper`` are of the newest step within the range,
    ``week_before`` of the step a week before it; a latency is of the newest 200 calls, as in
    ``docs/detection.md``. ``mean`` and ``mean_before`` are over the range and over the same one a week
    before, of ranges up to a week. ``most`` is the highest step within the range, at ``most_at``. ``p50``
    and ``p99`` are those of a latency beside it, which is a p95. ``incident`` is the open one that names
    this measure.
    """

    measure: str
    value: float | None = None
    expected: float | None = None
    lower: float | None = None
    upper: float | None = None
    week_before: float | None = None
    mean: float | None = None
    mean_before: float | None = None
    most: float | None = None
    most_at: int | None = None
    p50: float | None = None
    p99: float | None = None
    verdict: Verdict | None = None
    threshold: WallThreshold = None
    incident: str | None = None
    reasons: dict[str, float] = {}  # of throttles: how many in the range
    curve: ScopeCurve


class ScopeLimit(DaysLeft, frozen=True, kw_only=True):
    """What is used of a limit in the newest step, and the forecast of the days until it is reached."""

    measure: str
    used: float | None
    limit: float
    share: float | None
    verdict: Verdict | None = None
    threshold: WallThreshold = None


class ScopeAmount(msgspec.Struct, frozen=True):
    """One measure of what a neighbour calls, in ranges up to a week, and a week before.

    ``share`` is its part of the whole, from 0 to 1. ``calls`` are those that the amount is counted by: the
    amount by the calls is what each takes.
    """

    value: float
    before: float | None
    share: float | None
    calls: float
    calls_before: float | None


class ScopeNeighbour(msgspec.Struct, frozen=True):
    """Who calls the scope, or whom it calls."""

    scope: ScopeAnswer
    label: str
    amounts: dict[str, ScopeAmount]  # by measure


class ScopeNeighbours(msgspec.Struct, frozen=True, kw_only=True):
    """Neighbours of one kind, those with the most first.

    Only those with the most in the last hour of the range are here; ``more`` counts the others. ``measures``
    are those that any of them has, the one that matters most first.
    """

    kind: str
    measures: list[str]
    neighbours: list[ScopeNeighbour]
    more: int = 0


class ScopeIncident(msgspec.Struct, frozen=True, kw_only=True):
    """An incident that involves the scope in the range; ``measures`` are those of its findings about it.

    An account has those of all that is in it, a service those of its functions, routes and tables. ``share``
    is the part of an excess elsewhere (``of``) that is due to it, where it is only a caller; where that
    ``falls``, of what is missing there. ``acknowledged`` once somebody deals with it. ``sentences`` has the
    sentence in other languages, by locale.
    """

    id: str
    verdict: Verdict
    state: State
    sent: Sent
    start: int
    end: int | None
    sentence: str
    sentences: dict[str, str] = {}
    of: ScopeAnswer
    measures: list[str] = []
    share: float | None = None
    falls: bool = False
    acknowledged: WhoAnswer | None = None


class ScopeExample(ExampleAnswer, frozen=True, kw_only=True):
    """A request of an incident about the scope, and the id of that incident."""

    incident: str


class ScopeLink(msgspec.Struct, frozen=True):
    """Where else it can be looked at, over the range: ``kind`` is that of ``links.templates``."""

    kind: str
    url: str


class ScopePage(msgspec.Struct, frozen=True, kw_only=True):
    """All that the page of a scope shows.

    ``at`` is the end of the newest step. A range that ends before it has no verdicts and no limits: those are
    of now. ``since`` is where the history begins, at the earliest. Point *i* of a curve is of the time from
    ``start + i * step``.
    """

    scope: ScopeAnswer
    label: str
    account: str  # what people call its account
    at: int
    range: str  # the name of the range; empty where from and to were given
    first: int
    end: int
    since: int | None = None
    start: int
    step: int
    points: int
    verdict: Verdict | None = None
    limits: list[ScopeLimit] = []
    measures: list[ScopeMeasure] = []
    callers: list[ScopeNeighbours] = []
    callees: list[ScopeNeighbours] = []
    incidents: list[ScopeIncident] = []
    changes: list[ChangeAnswer] = []
    memos: list[MemoAnswer] = []
    examples: list[ScopeExample] = []
    links: list[ScopeLink] = []


class FoundScope(msgspec.Struct, frozen=True):
    """A scope that a name may mean."""

    scope: ScopeAnswer
    label: str
    account: str  # what people call its account


class FoundScopes(msgspec.Struct, frozen=True):
    """The scopes that a name may mean, those that fit best first; ``more`` counts the others."""

    scopes: list[FoundScope]
    more: int = 0
