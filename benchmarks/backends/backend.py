"""A backend on paper: what is called by whom, how often, at which cost, and its incidents.

Nothing is drawn here. ``NAME.yaml`` describes one; it shares nothing with ``uneri simulate``.
"""

from pathlib import Path as File
from typing import Any, Final, Literal

import numpy as np
from msgspec import Struct, convert
from ruamel.yaml import YAML

from detectors.model.array_types import Floats

HOUR, DAY = 3600, 86400
START: Final = 1_767_571_200  # Monday 2026-01-05 00:00 UTC: after the holidays
SATURDAY: Final = 5
CLOSED: Final = 0.01  # less is nothing
FIRST_TROUBLE: Final = 21  # day of it
NAMES: Final = tuple(sorted(file.stem for file in File(__file__).parent.glob("*.yaml")))


class Call(Struct, frozen=True):
    """One call to a table in a request."""

    table: str
    op: str
    rcu: float = 0.0
    wcu: float = 0.0
    ms: float = 6.0


class Path(Struct, frozen=True):
    """One way through the backend: a route (none for a queue or a clock), its function, its table calls."""

    service: str
    function: str
    account: str
    region: str
    calls: tuple[Call, ...]
    route: str = ""
    weight: float = 0.0
    ms: float = 25.0  # median of the function's own code
    user_errors: float = 0.01
    backend_errors: float = 0.001


class Client(Struct, frozen=True):
    """An application: versions with the day of their release; they are adopted over ``rollout`` days."""

    name: str
    weight: float
    versions: tuple[tuple[str, float], ...]
    rollout: float


class Shape(Struct, frozen=True):
    """Traffic over the hours of a week, in local time; its mean is about 1."""

    kind: Literal["consumer", "office"]
    night: float = 0.15
    weekend: float = 0.7
    shift: float = 0.0  # hours

    def at(self, seconds: Floats) -> Floats:
        """Return the factor on the mean rate."""
        hour = (seconds / HOUR + self.shift) % 24
        off = ((seconds / HOUR + self.shift) / 24).astype(int) % 7 >= SATURDAY
        if self.kind == "office":  # a lunch dip; nothing at night and on weekends
            work = 1 / (1 + np.exp(-(hour - 8.2) / 0.35)) - 1 / (1 + np.exp(-(hour - 17.6) / 0.5))
            work = np.maximum(work - 0.35 * _bump(hour, 12.6, 0.6), 0.0)
            return np.where(off | (work < CLOSED), 0.0, work) / 0.27
        week = 0.9 * _bump(hour, 12.5, 2.2) + 1.5 * _bump(hour, 20.0, 2.6) + 0.4 * _bump(hour, 8, 1.2)
        rest = 1.1 * _bump(hour, 15.0, 4.0) + 1.0 * _bump(hour, 21.0, 3.0)
        found: Floats = np.where(off, self.weekend * (self.night + rest), self.night + week) / 0.72
        return found


def _bump(hour: Floats, centre: float, width: float) -> Floats:
    bump: Floats = np.exp(-0.5 * (((hour - centre + 12) % 24 - 12) / width) ** 2)
    return bump


class Source(Struct, frozen=True):
    """People who bring requests to ``paths``: sessions of several requests each."""

    rate: float  # mean requests a second
    paths: tuple[Path, ...]
    shape: Shape
    session: float  # mean requests of one
    pause: float  # mean seconds between two of them
    wander: float  # relative size of what comes and goes within the hour
    daily: float  # and from day to day
    growth: float = 0.0  # a day


class Clock(Struct, frozen=True):
    """A job that runs at fixed times and sends a batch to one path."""

    path: Path
    every: float
    at: float  # seconds after the start of each period
    size: float  # requests of a run
    lasts: float  # seconds it takes
    wander: float = 0.15


class Replacement(Struct, frozen=True):
    """Function ``new`` takes over the traffic of ``old`` from ``day`` on within ``days``."""

    old: str
    new: str
    day: float
    days: float


class Fault(Struct, frozen=True):
    """One thing that is done to some requests; what of ``function`` to ``tenant`` is empty is not asked for.

    ``effect`` is one of

    - ``more``: ``size`` times as many requests (at least as if ``least`` a second were usual); with ``grow``,
      ``size`` is the growth a day
    - ``fewer``: only this fraction of the requests comes
    - ``calls``: every request makes ``size`` times as many table calls
    - ``dear``: a call to the table takes ``size`` times the capacity
    - ``slow table``, ``slow code``: milliseconds times ``size``
    - ``fail``, ``refuse``, ``crash``: this fraction ends in a backend error, a user error, a fatal one
    - ``throttle``: this fraction of the calls to the table is throttled, with ``text`` as the reason
    """

    effect: str
    start: float  # seconds since the start of the log
    end: float
    size: float
    function: str = ""
    route: str = ""
    account: str = ""
    table: str = ""
    client: str = ""  # name and version, as in ``ios 3.2.0``
    tenant: int = -1
    least: float = 0.0
    grow: bool = False
    text: str = ""


class Incident(Struct, frozen=True):
    """An incident, and the contents of a good alert about it."""

    kind: str
    start: float
    end: float
    verdicts: tuple[str, ...]
    scopes: tuple[str, ...]  # ``table items``: what the page may be about
    faults: tuple[Fault, ...] = ()
    caller: str = ""  # ``function put-item``: should be on top of the callers
    suspect: str = ""  # ``ios 3.2.0`` or a tenant
    account: str = ""  # that the page is about
    expect: Literal["page", "digest"] = "page"
    small: bool = False  # so small or short that a miss is no shame

    @property
    def is_defect(self) -> bool:
        """Whether something is used more by a part, or by more a call, which no demand does."""
        loads = {fault.effect for fault in self.faults if not fault.grow}
        return bool(loads) and loads <= {"more", "calls", "dear"}


class Backend(Struct, frozen=True):
    """A whole backend, and how its log is kept."""

    name: str
    cloud: str
    days: int
    clients: tuple[Client, ...]
    sources: tuple[Source, ...]
    incidents: tuple[Incident, ...]
    clocks: tuple[Clock, ...] = ()
    tenants: int = 0  # customers, their sizes by Zipf's law
    replacements: tuple[Replacement, ...] = ()
    disorder: float = 0.0  # seconds by which records are out of order
    late: float = 0.0  # part of the records that is minutes late
    limits: dict[str, dict[str, float]] = {}  # of tables, as configured

    @property
    def seconds(self) -> int:
        """How long the log is."""
        return self.days * DAY

    @property
    def faults(self) -> list[Fault]:
        """All that is done to its requests."""
        return [fault for incident in self.incidents for fault in incident.faults]


def read(name: str, rate: float = 1.0, days: int | None = None) -> Backend:
    """Return a backend with ``rate`` times its traffic; if asked, so many days up to its first troubles."""
    given: dict[str, Any] = YAML(typ="safe").load(File(__file__).with_name(f"{name}.yaml"))
    earlier = 0 if days is None else FIRST_TROUBLE + 1 - days
    given |= {"name": name, "days": days or given["days"]}
    for source in given["sources"]:
        source["rate"] *= rate
        source["paths"] = [_placed(path, source.get("place") or given["place"]) for path in source["paths"]]
    for clock in given.get("clocks", ()):
        clock["path"] = _placed(clock["path"], clock.get("place") or given["place"])
    for incident in given["incidents"]:
        day, hour = incident["at"]
        incident["start"] = (day - earlier) * DAY + hour * HOUR
        incident["end"] = incident["start"] + incident["minutes"] * 60
        for fault in incident.get("faults", ()):
            fault |= {"start": incident["start"], "end": incident["end"]}
    given["incidents"] = [
        incident for incident in given["incidents"] if 0 <= incident["start"] < given["days"] * DAY
    ]
    return convert(given, Backend)


def _placed(path: dict[str, Any], place: dict[str, str]) -> dict[str, Any]:
    return path | place | {"function": path["function"] + place.get("tag", "")}
