"""Faults, and the incidents that are made of them with the expected alert of each."""

from dataclasses import dataclass, field

import numpy as np
from backends.arrivals import Arrivals, Names, joined
from backends.backend import DAY, Floats, Path

from detectors.model.array_types import Bools


@dataclass(frozen=True)
class Where:
    """Which requests are struck; what is empty is not asked for."""

    function: str = ""
    route: str = ""
    service: str = ""
    account: str = ""
    table: str = ""  # only for what is done to table calls
    client: str = ""  # name and version, as in ``ios 3.2.0``
    tenant: int = -1

    @property
    def parts(self) -> tuple[object, ...]:
        """Return what of an account is struck: all of it, if nothing is true."""
        return self.function, self.route, self.service, self.table, self.client, self.tenant >= 0

    def rows(self, events: Arrivals, names: Names) -> Bools:
        """Return which requests these are."""
        wanted = np.array(
            [
                (not self.function or path.function == self.function)
                and (not self.route or path.route == self.route)
                and (not self.service or path.service == self.service)
                and (not self.account or path.account == self.account)
                and (not self.table or any(call.table == self.table for call in path.calls))
                for path in names.paths
            ]
        )
        found: Bools = wanted[events.path]
        if self.client:
            found &= events.client == [" ".join(client) for client in names.clients].index(self.client)
        if self.tenant >= 0:
            found &= events.tenant == self.tenant
        return found


@dataclass(frozen=True)
class Fault:
    """One thing that is done between ``start`` and ``end`` (seconds since the start of the log).

    ``effect`` is one of

    - ``more``: ``size`` times as many requests (at least as if ``least`` a second were usual), ``ramp``
      seconds after its start; with ``grow``, ``size`` is the growth a day
    - ``fewer``: only this fraction of the requests comes
    - ``calls``: every request makes ``size`` times as many table calls
    - ``dear``: a call to the table takes ``size`` times the capacity
    - ``slow table``, ``slow code``: milliseconds times ``size``
    - ``fail``, ``refuse``, ``crash``: this fraction ends in a backend error, a user error, a fatal one
    - ``throttle``: this fraction of the calls to the table is throttled, with ``text`` as the reason
    """

    effect: str
    where: Where
    start: float
    end: float
    size: float = 1.0
    least: float = 0.0
    ramp: float = 0.0
    grow: bool = False
    text: str = ""

    def during(self, ts: Floats) -> Bools:
        """Return which times it covers."""
        found: Bools = (ts >= self.start) & (ts < self.end)
        return found


@dataclass(frozen=True)
class Incident:
    """An incident, and the contents of a good alert about it."""

    kind: str
    start: float
    end: float
    faults: tuple[Fault, ...]
    verdicts: tuple[str, ...]
    scopes: tuple[tuple[str, str], ...]  # (kind, name) that the page may be about
    caller: tuple[str, str] | None = None  # (kind, name) that should be on top of the callers
    suspect: str = ""  # ``ios 3.2.0`` or a tenant
    expect: str = "page"  # or "digest"
    small: bool = False  # so small or short that a miss is no shame
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def cause(self) -> str:
        """``demand`` if everything is called more, ``defect`` if a part or a call is; else empty."""
        if not self.faults or any(fault.effect not in LOADS or fault.grow for fault in self.faults):
            return ""
        shared = all(fault.effect == "more" and not any(fault.where.parts) for fault in self.faults)
        return "demand" if shared else "defect"


LOADS = ("more", "calls", "dear")
"""Effects by which something is used more."""


Struck = tuple[str, Where, float, dict[str, object]]
"""Effect, where, size, and what else a ``Fault`` has."""


def incident(kind: str, start: float, minutes: float, faults: list[Struck], **more: object) -> Incident:
    """Return an incident whose faults all last as long as it does."""
    end = start + 60 * minutes
    made = tuple(Fault(effect, where, start, end, size, **more) for effect, where, size, more in faults)  # type: ignore[arg-type]
    return Incident(kind, start, end, made, **more)  # type: ignore[arg-type]


def scopes_of(*paths: Path) -> tuple[tuple[str, str], ...]:
    """Return (kind, name) of all that these paths touch: what a page about them may be about."""
    named: list[tuple[str, str]] = []
    for path in paths:
        named += [("account", path.account), ("service", path.service), ("function", path.function)]
        named += [("route", path.route)] * bool(path.route) + [("table", call.table) for call in path.calls]
    return tuple(dict.fromkeys(named))


def struck_traffic(
    events: Arrivals, faults: list[Fault], names: Names, draw: np.random.Generator
) -> Arrivals:
    """Apply the faults that change who comes."""
    for fault in faults:
        if fault.effect == "more":
            events = _more(events, fault, names, draw)
        elif fault.effect == "fewer":
            struck = fault.where.rows(events, names) & fault.during(events.ts)
            events = events.at(~(struck & (draw.random(len(events)) >= fault.size)))
    return events


def _more(events: Arrivals, fault: Fault, names: Names, draw: np.random.Generator) -> Arrivals:
    matching = fault.where.rows(events, names)
    rows = np.flatnonzero(matching & fault.during(events.ts))
    if fault.grow:
        extra = (1 + fault.size) ** ((events.ts[rows] - fault.start) / DAY) - 1
        picked = np.repeat(rows, draw.poisson(extra))
        more = events.at(picked)
        more.ts = more.ts + draw.normal(0, 60, len(picked))
        return joined([events, more.at((more.ts >= fault.start) & (more.ts < fault.end))])
    seconds = fault.end - fault.start
    usual = max(len(rows), fault.least * seconds)
    pool = rows if len(rows) >= 10 else np.flatnonzero(matching)  # noqa: PLR2004 - too few to draw from
    count = int(draw.poisson((fault.size - 1) * usual))
    when = draw.random(count) * seconds
    if len(rows) >= 10 and seconds > DAY:  # noqa: PLR2004
        picked = draw.choice(rows, count)
        when = np.clip(events.ts[picked] - fault.start + draw.normal(0, 120, count), 0, seconds - 1)
    else:
        picked = draw.choice(pool, count)
    kept = draw.random(count) * max(fault.ramp, 1e-9) < when
    more = events.at(picked[kept])
    more.ts = fault.start + when[kept]
    return joined([events, more])
