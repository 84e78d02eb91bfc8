"""A backend on paper: what is called by whom, how often, at which cost. Nothing is drawn here."""

from collections.abc import Callable
from dataclasses import dataclass, field

from detectors.model.array_types import Floats

Shape = Callable[[Floats], Floats]
"""Seconds since the start (a Monday, 00:00 UTC) -> factor on the mean rate."""

HOUR, DAY, WEEK = 3600, 86400, 7 * 86400
START = 1_767_571_200  # Monday 2026-01-05 00:00 UTC: after the holidays


@dataclass(frozen=True)
class Call:
    """One call to a table in a request."""

    table: str
    op: str
    rcu: float = 0.0
    wcu: float = 0.0
    ms: float = 6.0


@dataclass(frozen=True)
class Path:
    """One way through the backend: a route (none for a queue or a clock), its function, its table calls."""

    service: str
    route: str
    function: str
    weight: float
    calls: tuple[Call, ...] = ()
    ms: float = 25.0  # median of the function's own code
    user_errors: float = 0.01
    backend_errors: float = 0.001
    account: str = "111122223333"
    region: str = "eu-west-1"


@dataclass(frozen=True)
class Client:
    """An application: versions with the day of their release; they are adopted over ``rollout`` days."""

    name: str
    weight: float
    versions: tuple[tuple[str, float], ...] = (("1.0.0", -100.0),)
    rollout: float = 3.0


@dataclass(frozen=True)
class Replacement:
    """Function ``new`` takes over the traffic of ``old`` from ``day`` on within ``days``."""

    old: str
    new: str
    day: float
    days: float


@dataclass(frozen=True)
class Source:
    """People or machines who bring requests to ``paths``: sessions of several requests each."""

    name: str
    rate: float  # mean requests a second
    paths: tuple[Path, ...]
    shape: Shape
    clients: tuple[Client, ...] = ()
    session: float = 4.0  # mean requests of a session
    pause: float = 8.0  # mean seconds between two of them
    wander: float = 0.12  # relative size of what comes and goes within the hour
    daily: float = 0.04  # and from day to day
    growth: float = 0.0  # a day


@dataclass(frozen=True)
class Clock:
    """A job that runs at fixed times and sends a batch to one path."""

    name: str
    path: Path
    every: float
    at: float  # seconds after the start of each period
    size: float  # requests of a run
    lasts: float  # seconds it takes
    wander: float = 0.15


@dataclass(frozen=True)
class Backend:
    """A whole backend, and how its log is kept."""

    name: str
    cloud: str
    weeks: int
    sources: tuple[Source, ...]
    clocks: tuple[Clock, ...] = ()
    tenants: int = 0  # customers, their sizes by Zipf's law
    replacements: tuple[Replacement, ...] = ()
    holidays: tuple[tuple[float, float], ...] = ()  # (day, factor)
    disorder: float = 0.0  # seconds by which records are out of order
    late: float = 0.0  # part of the records that is minutes late
    doubled: float = 0.0  # part of the records that is there twice
    missing: tuple[str, ...] = ()  # fields that are not written at all
    retries: float = 0.5  # part of the failed requests that is tried again
    limits: dict[str, dict[str, float]] = field(default_factory=dict)  # of tables, as configured

    @property
    def seconds(self) -> int:
        """How long the log is."""
        return self.weeks * WEEK
