"""The data of the wall, as the page receives them: the JSON of ``GET /board/wall`` and of the event ``step``.

Times are epoch seconds of event time. Whatever is not known is None, never 0: a scope without latency, a week
before that was not recorded, a limit that nobody gave. Lists of values run from old to new, one value per
step, and their newest value is that of the step that ends at ``at``; gaps are None.

Names come from events and may hold anything: they are data, and the page writes them as text.

A ``verdict`` is that of the worst open finding about a series, None while there is none.
"""

from typing import Literal

import msgspec

from alerting.messages.incident_answer import IncidentAnswer
from detectors.model.finding import Verdict
from detectors.model.scope import ScopeAnswer

WallState = Literal["well", "attention", "learning", "stale"]
"""``attention`` while an incident is open for which people are called, or any threshold is exceeded;
``learning`` while nothing is old enough to be judged; ``stale`` when steps have stopped to come."""

WallThreshold = Literal["warning", "critical"] | None
"""Which of the configured thresholds a value exceeds."""

WallNumberId = Literal["requests", "errors_user", "errors_backend", "errors_fatal", "throttles"]
WallLayerId = Literal["api", "function", "code", "auth", "table"]
WallUnit = Literal["1/s", "share", "1"]


class WallAccount(msgspec.Struct, frozen=True):
    """An account that is watched. ``name`` is what people call it; its id where nobody named it."""

    cloud: str
    account: str
    name: str


class WallNumber(msgspec.Struct, frozen=True, kw_only=True):
    """One of the big numbers, over all accounts.

    ``value``, ``expected``, ``lower``, ``upper``, ``week_before`` and both trends have the same ``unit``:
    ``1/s`` per second; ``share`` of requests, from 0 to 1; ``1`` a count in the step. ``expected`` with its
    interval is that of the judge. A share has an expected one only where at least one of them is expected in
    the step: the usual count of what is rarer is zero, its share is not. ``week_before`` is the same step a
    week before; ``hour`` and ``hour_week_before`` are of the hour that ends with these, which can be
    compared. Where several accounts are watched, ``verdict_of`` names those that the verdict is about: their
    sum may show nothing of it.
    ``incident`` is the id of the one that ``verdict`` is of. ``scope`` has most of it in the newest step,
    None where nothing has any.
    """

    id: WallNumberId
    unit: WallUnit
    value: float | None = None
    expected: float | None = None
    lower: float | None = None
    upper: float | None = None
    week_before: float | None = None
    hour: float | None = None
    hour_week_before: float | None = None
    verdict: Verdict | None = None
    verdict_of: str | None = None
    incident: str | None = None
    scope: ScopeAnswer | None = None
    threshold: WallThreshold = None
    trend: list[float | None] = []
    trend_week_before: list[float | None] = []


class WallLayer(msgspec.Struct, frozen=True, kw_only=True):
    """The times of one layer over the last five minutes, milliseconds; ``expected`` is that of ``p95``.

    ``incident`` is the id of the one that ``verdict`` is of.
    """

    id: WallLayerId
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    expected: float | None = None
    verdict: Verdict | None = None
    incident: str | None = None
    threshold: WallThreshold = None


class DaysLeft(msgspec.Struct, frozen=True, kw_only=True):
    """A forecast of the days until a limit is reached, None where no day is named.

    Four in five times it is between ``days_left_early`` and ``days_left_late``.
    """

    days_left: float | None = None
    days_left_early: float | None = None
    days_left_late: float | None = None


class WallTable(DaysLeft, frozen=True, kw_only=True):
    """The hottest table of an account.

    ``account`` is the name of its account; ``measure`` is what comes nearest to its limit. ``used`` and
    ``limit`` are capacity units a second, ``share`` is one by the other, ``trend`` has values of ``used``.
    ``incident`` is the id of the one that ``verdict`` is of.
    """

    scope: ScopeAnswer
    label: str
    account: str
    measure: Literal["rcu", "wcu"]
    used: float | None = None
    limit: float | None = None
    share: float | None = None
    verdict: Verdict | None = None
    incident: str | None = None
    threshold: WallThreshold = None
    trend: list[float | None] = []


class WallHolder(msgspec.Struct, frozen=True):
    """A function, and its share of the concurrency of its account, from 0 to 1."""

    label: str
    share: float
    scope: ScopeAnswer | None = None


class WallConcurrency(DaysLeft, frozen=True, kw_only=True):
    """Executions at the same time in an account, against what it allows; ``trend`` has values of ``used``."""

    account: str
    scope: ScopeAnswer | None = None
    used: float | None = None
    limit: float | None = None
    share: float | None = None
    holders: list[WallHolder] = []
    threshold: WallThreshold = None
    trend: list[float | None] = []


class WallQuota(msgspec.Struct, frozen=True, kw_only=True):
    """A level that was sampled with its limit, in the unit of the sample."""

    label: str
    account: str
    scope: ScopeAnswer | None = None
    used: float | None = None
    limit: float | None = None
    share: float | None = None
    threshold: WallThreshold = None


class WallCalls(msgspec.Struct, frozen=True, kw_only=True):
    """The requests of the last four hours, per second: value *i* is of the step from ``start + i * step``."""

    start: int
    step: int
    observed: list[float | None] = []
    week_before: list[float | None] = []
    lower: list[float | None] = []
    upper: list[float | None] = []


class WallMonth(msgspec.Struct, frozen=True, kw_only=True):
    """Requests a second from the first day of the month, and of the month before from its first day.

    ``start`` is the first moment of the month in the configured zone, ``step`` in seconds (an hour, say).
    Both lists have one value per step since the first of their own month; ``before`` runs to the end of its
    month.
    """

    start: int
    step: int
    observed: list[float | None] = []
    before: list[float | None] = []


class WallRanked(msgspec.Struct, frozen=True, kw_only=True):
    """One place of a ranking."""

    scope: ScopeAnswer
    label: str
    value: float
    unit: Literal["1/s", "ms"]


class WallRankings(msgspec.Struct, frozen=True, kw_only=True):
    """Routes by use, and by their worst time (p95 of their worst five minutes); the first is the highest."""

    used_4h: list[WallRanked] = []
    used_week: list[WallRanked] = []
    slowest_4h: list[WallRanked] = []
    slowest_week: list[WallRanked] = []


class WallValue(msgspec.Struct, frozen=True, kw_only=True):
    """Sums of a business value.

    ``day`` is the sum of the last 24 hours, ``day_before`` that of the 24 hours before; ``month`` that since
    the first of the month, ``month_before`` that of the same part of the month before. ``day_known`` and
    ``month_known`` are the parts of both times that are known, from 0 to 1; what is to be compared is None
    where either time is not known as a whole. ``trend`` has a value an hour, for 24 hours.
    """

    key: str
    day: float | None = None
    day_known: float = 1.0
    day_before: float | None = None
    month: float | None = None
    month_known: float = 1.0
    month_before: float | None = None
    trend: list[float | None] = []


class WallLearning(msgspec.Struct, frozen=True):
    """Nothing is judged yet: ``days`` of the ``of`` days that a baseline needs are there.

    ``seen`` counts the scopes so far: routes, functions, tables and clients. Events are posted to ``post``, a
    path of this board's address, or written to the Kafka topic ``topic``.
    """

    days: float
    of: int
    seen: dict[str, int] = {}
    post: str | None = None
    topic: str | None = None


class Wall(msgspec.Struct, frozen=True, kw_only=True):
    """All that the wall shows of one step.

    ``at`` is the end of the newest judged step, None before the first; ``now`` the wall clock when this was
    made; ``step`` the length of a step in seconds. Data are called stale when ``at`` is older than
    ``stale_after`` seconds. ``zone`` is an IANA name, ``language`` that of messages.

    ``incidents`` are those that have not ended, as in ``GET /incidents``. The wall turns red for those whose
    ``sent`` is ``page``, and amber when they have ``acknowledged`` (``{"by", "at"}``); those of the digest
    and those that are held are counted. ``last`` is the newest that has ended, in the same form.
    Where another process has them, ``incidents_until`` is the event time up to which it has told of
    them, 0 if it never has.
    """

    now: int
    zone: str
    language: Literal["en", "ja"]
    state: WallState
    at: int | None = None
    step: int = 60
    stale_after: int = 180
    accounts: list[WallAccount] = []
    numbers: list[WallNumber] = []
    layers: list[WallLayer] = []
    tables: list[WallTable] = []
    concurrency: list[WallConcurrency] = []
    quotas: list[WallQuota] = []
    calls: WallCalls | None = None
    month: WallMonth | None = None
    rankings: WallRankings = WallRankings()
    values: list[WallValue] = []
    learning: WallLearning | None = None
    incidents: list[IncidentAnswer] = []
    last: IncidentAnswer | None = None
    incidents_until: int | None = None
