"""The measures of a scope, how each behaves and where it is judged; a series is one measure of one scope."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from detectors.model.scope import (
    ACCOUNT,
    CLIENT,
    FUNCTION,
    ROUTE,
    SERVICE,
    TABLE,
    TENANT,
    Edge,
    Scope,
    ScopeOrEdge,
)


class Nature(StrEnum):
    """How a measure behaves, which determines how it is compared."""

    COUNT = "count"  # a number of independent events: its noise is at least Poisson noise
    AMOUNT = "amount"  # a sum of sizes (capacity units, seconds) in any unit, or a level over time
    LATENCY = "latency"  # a quantile in milliseconds, undefined without calls


_VALUE: Final = "value:"
_LEVEL: Final = "level:"
_NO_BRACKETS: Final = str.maketrans("[]", "()")


class Measure(StrEnum):
    """One measure of a scope. All but latencies are sums over a bucket.

    The members are those that every event may have. In addition there is one for each key of ``values``, and
    one for each level that samples state, made on first use: ``Measure("value:sales")``,
    ``Measure("level:lambda.iterator_age[ms]")``. A level is kept as the level times the seconds of the
    bucket, as concurrency is: per second it is itself.
    """

    REQUESTS = "requests"  # at a table: calls to it
    COLD_STARTS = "cold_starts"
    ERRORS_USER = "errors_user"
    ERRORS_BACKEND = "errors_backend"
    ERRORS_FATAL = "errors_fatal"
    THROTTLES = "throttles"
    READS = "reads"  # calls to a table that read from it
    WRITES = "writes"  # calls to a table that wrote to it
    RCU = "rcu"
    WCU = "wcu"
    BUSY = "busy"  # seconds spent inside functions; per second of time this is concurrency
    COST = "cost"  # US dollars; only where something is billed
    LATENCY = "latency"  # p95 in milliseconds, from the histogram beside the sums
    LATENCY_CODE = "latency_code"  # of the code of a function, without the runtime
    LATENCY_AUTH = "latency_auth"  # of the authorizer in front of a route

    @classmethod
    def _missing_(cls, value: object) -> "Measure | None":
        """Make the measure of a value or a level, one object per name, as ``Flag`` makes its combinations."""
        if not isinstance(value, str) or not value.startswith((_VALUE, _LEVEL)) or value in (_VALUE, _LEVEL):
            return None
        made = str.__new__(cls, value)
        made._name_ = made._value_ = value
        known = cls._value2member_map_.setdefault(value, made)
        return known if isinstance(known, cls) else None

    @property
    def key(self) -> str:
        """The key of ``values`` that this sums up; empty for the members."""
        return self[len(_VALUE) :] if self.startswith(_VALUE) else ""

    @property
    def level(self) -> str:
        """The name of a level; empty for any other measure."""
        return self._named[0]

    @property
    def unit(self) -> str:
        """The unit of a level, empty if it is a mere number and for any other measure."""
        return self._named[1]

    @property
    def _named(self) -> tuple[str, str]:
        if not self.startswith(_LEVEL):
            return "", ""
        name, bracket, unit = self[len(_LEVEL) :].removesuffix("]").partition("[")
        return (name, unit) if bracket and self.endswith("]") and name else (self[len(_LEVEL) :], "")

    # Enum's hash is Python code that reads the name; there is one look-up for every series.
    __hash__ = str.__hash__


def value_of(key: str) -> Measure:
    """Return the measure of a key of ``values``.

    Examples
    --------
    >>> value_of("sales").key, value_of("sales") is value_of("sales"), Measure.WCU.key
    ('sales', True, '')
    """
    return Measure(_VALUE + key)


def text_of_level(name: str, unit: str = "") -> str:
    """Return the text of the measure of a level that samples state, in the notation of UCUM for units.

    Unlike the measure, it may be one of any number.

    Examples
    --------
    >>> text_of_level("reads", "1/s"), text_of_level("queue", "{messages}"), text_of_level("used", "1")
    ('level:reads[/s]', 'level:queue[messages]', 'level:used')
    """
    shown = unit.removeprefix("{").removesuffix("}")
    shown = shown.removeprefix("1") if shown == "1" or shown.startswith("1/") else shown
    shown = shown.translate(_NO_BRACKETS)
    return f"{_LEVEL}{name.translate(_NO_BRACKETS)}" + (f"[{shown}]" if shown else "")


T = TypeVar("T")


class _WithValues(dict[Measure, T]):
    """A property of every measure, the same for all business values and, if they have it, for all levels."""

    def __init__(self, of_members: Mapping[Measure, T], of_values: T, *, levels: bool = True) -> None:
        super().__init__(of_members)
        self._of_values = of_values
        self._levels = levels

    def __missing__(self, measure: Measure) -> T:
        if measure.key or (self._levels and measure.level):
            return self._of_values
        raise KeyError(measure)

    def __contains__(self, measure: object) -> bool:
        if super().__contains__(measure):
            return True
        return isinstance(measure, Measure) and bool(measure.key or (self._levels and measure.level))


LOADS: Final = (Measure.REQUESTS, Measure.RCU, Measure.WCU, Measure.BUSY, Measure.COST)
"""What callers decide: how often something is called, and what that uses."""

LATENCIES: Final = (Measure.LATENCY, Measure.LATENCY_CODE, Measure.LATENCY_AUTH)
"""The measures that are not sums."""

SUMMED: Final = tuple(measure for measure in Measure if measure not in (*LATENCIES, Measure.COST))
"""The columns of every sums matrix, in order."""

COLUMN: Final[dict[Measure, int]] = {measure: index for index, measure in enumerate(SUMMED)}

CALLING_REQUESTS: Final = Measure.COLD_STARTS
SQUARED_CALLS: Final = Measure.ERRORS_USER
"""What the columns of these hold of calls to a table, which have neither: the requests that made them, each
once, and the sum of the squares of how many each made. Calls of one request are no independent evidence.
Calls that are told apart from their request count for themselves, and for no request."""

MOST_SQUARED: Final = 2.0**16
"""Calls of one request from which on more count the same, so that sums of squares are exact."""

_AMOUNTS = (Measure.RCU, Measure.WCU, Measure.BUSY, Measure.COST)

NATURE: Final = _WithValues(
    {
        **dict.fromkeys(Measure, Nature.COUNT),
        **dict.fromkeys(_AMOUNTS, Nature.AMOUNT),
        **dict.fromkeys(LATENCIES, Nature.LATENCY),
    },
    Nature.AMOUNT,
)

GROWS: Final = _WithValues(
    dict.fromkeys(
        (Measure.REQUESTS, Measure.RCU, Measure.WCU, Measure.BUSY, Measure.COST, Measure.LATENCY), True
    ),
    of_values=True,
)
"""The measures whose growth is reported: those that capacity is planned for. Few errors drift by chance."""

COUNTED_BY: Final = _WithValues(
    {
        Measure.RCU: Measure.READS,
        Measure.WCU: Measure.WRITES,
        Measure.BUSY: Measure.REQUESTS,
        Measure.COST: Measure.REQUESTS,
    },
    Measure.REQUESTS,
    levels=False,
)
"""The measure that counts the calls of an amount: an amount of few calls is noisy. Nothing counts a level."""

_ERRORS = (Measure.ERRORS_USER, Measure.ERRORS_BACKEND, Measure.ERRORS_FATAL)

RATIO_OF: Final = dict.fromkeys((*_ERRORS, Measure.THROTTLES, Measure.COLD_STARTS), Measure.REQUESTS)
"""The measure that each of these is a part of: more of them with more requests is not notable."""

RISES: Final = frozenset((*RATIO_OF, Measure.COST))
"""The measures of which only a rise is reported: nobody has to deal with fewer errors, or with savings."""

JUDGED: Final = {
    ACCOUNT: (
        Measure.REQUESTS,
        Measure.ERRORS_BACKEND,
        Measure.ERRORS_FATAL,
        Measure.THROTTLES,
        Measure.BUSY,
    ),
    SERVICE: (Measure.REQUESTS, *_ERRORS, Measure.THROTTLES, Measure.LATENCY),
    ROUTE: (Measure.REQUESTS, *_ERRORS, Measure.LATENCY, Measure.LATENCY_AUTH),
    FUNCTION: (
        Measure.REQUESTS,
        *_ERRORS,
        Measure.THROTTLES,
        Measure.BUSY,
        Measure.LATENCY,
        Measure.LATENCY_CODE,
    ),
    TABLE: (Measure.REQUESTS, Measure.THROTTLES, Measure.RCU, Measure.WCU, Measure.LATENCY),
    # requests of builds rise and fall with every release
    CLIENT: (Measure.ERRORS_USER, Measure.ERRORS_FATAL),
    TENANT: (),  # too many to judge one by one: tenants explain findings only
}
"""The measures on which a scope of each kind is judged."""

SUPPORTING: Final = {TABLE: (Measure.READS, Measure.WRITES), CLIENT: (Measure.REQUESTS,)}
"""Measures of series that are not judged: amounts are counted by them, errors are a part of them."""

KEPT_ON_EDGES: Final = {
    ACCOUNT: (Measure.REQUESTS, *_ERRORS, Measure.THROTTLES, Measure.BUSY),
    SERVICE: (Measure.REQUESTS, *_ERRORS, Measure.THROTTLES),
    ROUTE: (Measure.REQUESTS, *_ERRORS),
    FUNCTION: (Measure.REQUESTS, *_ERRORS, Measure.THROTTLES, Measure.BUSY),
    TABLE: (Measure.REQUESTS, Measure.THROTTLES, Measure.READS, Measure.WRITES, Measure.RCU, Measure.WCU),
}
"""The measures of every edge into a scope of this kind, by which findings are attributed."""

COSTS_JUDGED: Final = frozenset((ACCOUNT, SERVICE, FUNCTION, TABLE))
"""The kinds of scope whose cost is judged; every scope and edge that costs something has a series of it.

The cost of a route or a client follows its requests, as releases have it.
"""

SOURCES_INTO: Final = {
    TABLE: (FUNCTION, ROUTE, CLIENT, TENANT),
    FUNCTION: (ROUTE, CLIENT, TENANT),
    ROUTE: (CLIENT, TENANT),
    SERVICE: (FUNCTION, CLIENT),
    ACCOUNT: (SERVICE,),
}
"""The edges that are rolled up: the kinds of sources for each kind of target (docs/adr/0002)."""


@dataclass(frozen=True, slots=True)
class Series:
    """One row of a judge.

    A series with ``judged=False`` has a past and an expectation but never a verdict: amounts are counted
    by it. Floors and limit are per second (milliseconds for latency).
    """

    about: ScopeOrEdge
    measure: Measure
    judged: bool = True
    floor_absolute: float = 0.0
    floor_relative: float = 0.0
    limit: float | None = None

    @property
    def place(self) -> Scope:
        """The scope that the series belongs to: an edge belongs to its target."""
        return self.about.target if isinstance(self.about, Edge) else self.about
