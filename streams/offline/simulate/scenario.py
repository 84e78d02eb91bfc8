"""A scenario: the backend that ``uneri simulate`` imitates, with its traffic, growth and incidents.

docs/simulate.md explains the YAML by example.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AwareDatetime, ConfigDict, Field, field_validator

from config.settings import Section
from streams.offline.simulate.scenario_incidents import Incident, Length, Target

Name = Annotated[str, Field(min_length=1, max_length=256)]
Rate = Annotated[float, Field(ge=0, le=1e6)]
Chance = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(gt=0)]
Millis = Annotated[float, Field(gt=0, le=900_000)]
Spread = Annotated[float, Field(ge=0, le=3, description="sigma of the logarithm")]
Version = Annotated[str, Field(min_length=1)]


class Account(Section):
    """The cloud account and region of a service."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    cloud: str = "aws"
    account: Name
    region: str = ""


class ScenarioCall(Section):
    """The calls of a function to a table."""

    table: Name
    op: str = "GetItem"
    per_request: Annotated[float, Field(ge=0, le=1000)] = Field(1.0, description="mean calls per request")
    rcu: Annotated[float, Field(ge=0)] = Field(0.0, description="mean read units per call")
    wcu: Annotated[float, Field(ge=0)] = Field(0.0, description="mean write units per call")
    spread: Spread = 0.3
    ms: Millis = Field(6.0, description="median latency of a call")
    ms_spread: Spread = 0.35


class Errors(Section):
    """The share of requests that fail on an ordinary day."""

    user: Chance = 0.01
    backend: Chance = 0.001
    fatal: Chance = 0.0


class Function(Section):
    """A function: its own time and the tables it calls."""

    code_ms: Millis = Field(15.0, description="median of its own code, without table calls")
    code_spread: Spread = 0.4
    cold: Chance = Field(0.005, description="share of cold starts")
    cold_ms: Millis = 350.0
    auth_ms: Millis = 4.0
    errors: Errors = Errors()
    calls: tuple[ScenarioCall, ...] = ()


class Amount(Section):
    """A business value that every request of a route carries."""

    mean: Annotated[float, Field(gt=0)]
    spread: Spread = 0.5


class ScenarioRoute(Section):
    """A route: the function behind it and its mean rate."""

    function: Name
    rate: Rate = Field(description="requests per second, mean over a week")
    values: dict[Name, Amount] = Field(default_factory=dict)


class Service(Section):
    """A service: an account it runs in and its routes."""

    account: Name
    routes: dict[Name, ScenarioRoute] = Field(min_length=1)
    clients: list[Name] | None = Field(None, description="the clients that use it; all when absent")


class ScenarioClient(Section):
    """A client: its share of the traffic, split over its versions."""

    share: Weight = 1.0
    versions: dict[Version, Weight] = Field(min_length=1)


class DailyShape(Section):
    """The shape of a day: a cosine."""

    peak: str = Field(
        "20:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="local time of the peak, quoted"
    )
    depth: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.6, description="peak = 1 + depth, trough = 1 - depth"
    )


class Weekly(Section):
    """The shape of a week."""

    weekend: Annotated[float, Field(gt=0, le=10)] = Field(
        1.0, description="traffic on Saturday and Sunday relative to a weekday"
    )


class Noise(Section):
    """Random variation of the rate; requests are Poisson distributed around it."""

    drift: Spread = Field(0.04, description="sigma of the slow lognormal drift of a service")
    hours: Annotated[float, Field(gt=0)] = Field(8.0, description="time constant of the drift")
    disorder: Annotated[float, Field(ge=0, le=60)] = Field(0.0, description="mean delay of a record, seconds")


class ScenarioGrowth(Target):
    """Growth that compounds daily."""

    table: Name | None = None
    per_day: Annotated[float, Field(gt=-0.5, le=1)] = Field(description="0.025 is 2.5 % per day")
    by: str = Field(
        "calls",
        pattern="^(calls|capacity)$",
        description="calls: more calls to the table or, without one, more requests; capacity: more per call",
    )
    at: Length = 0
    for_: Length | None = Field(
        None, alias="for", description="duration, after which the level stays; until the end when absent"
    )


class Scenario(Section):
    """The whole scenario."""

    start: AwareDatetime | int = Field(
        description="RFC 3339 with an offset, or whole days relative to now, such as -22"
    )
    length: Length = Field(gt=0, description="such as 22d or 21d3h")
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    time_zone: str = "UTC"
    shape: str | None = Field(
        None, description="CSV with timestamp,value that traffic follows, relative to this file"
    )
    daily: DailyShape = DailyShape()
    weekly: Weekly = Weekly()
    noise: Noise = Noise()
    accounts: dict[Name, Account] = Field(min_length=1)
    clients: dict[Name, ScenarioClient] = Field(min_length=1)
    tenants: dict[Name, Weight] = Field(default_factory=dict)
    functions: dict[Name, Function] = Field(min_length=1)
    services: dict[Name, Service] = Field(min_length=1)
    growth: tuple[ScenarioGrowth, ...] = ()
    incidents: tuple[Incident, ...] = ()

    @field_validator("start")
    @classmethod
    def _start_is_a_moment(cls, start: datetime | int) -> datetime | int:
        if isinstance(start, int) and start > 0:
            raise ValueError("must be RFC 3339 with an offset, or 0 or a negative number of days")
        return start

    @field_validator("time_zone")
    @classmethod
    def _zone_is_known(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("not an IANA time zone; write one such as Asia/Tokyo") from None
        return zone

    def moved(self, start: float) -> Self:
        """Return the same scenario with another start (epoch seconds)."""
        return self.model_copy(update={"start": datetime.fromtimestamp(start, ZoneInfo(self.time_zone))})

    def wrong_names(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Yield the path of every name that is used but not defined, with a message."""
        known = {
            "account": set(self.accounts),
            "service": set(self.services),
            "route": {path for service in self.services.values() for path in service.routes},
            "function": set(self.functions),
            "client": set(self.clients),
            "version": {build for client in self.clients.values() for build in client.versions},
            "table": {call.table for function in self.functions.values() for call in function.calls},
        }
        for place, kind, name in (*self._named_by_services(), *self._named_by_changes(known)):
            if name not in known[kind]:
                yield place, f"unknown {kind} {name!r}"

    def _named_by_services(self) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        for name, service in self.services.items():
            yield ("services", name, "account"), "account", service.account
            for place, client in enumerate(service.clients or ()):
                yield ("services", name, "clients", place), "client", client
            for path, route in service.routes.items():
                yield ("services", name, "routes", path, "function"), "function", route.function

    def _named_by_changes(self, kinds: Iterable[str]) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        for section, entries in (("growth", self.growth), ("incidents", self.incidents)):
            for place, entry in enumerate(entries):
                for kind in kinds:
                    name = getattr(entry, kind, None)
                    if name is not None:
                        yield (section, place, kind), kind, name
