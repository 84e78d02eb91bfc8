"""The incidents of a scenario: one class per kind."""

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from config.settings import Section
from detectors.model.array_types import Bools, Floats

CELL = 10  # seconds, the width of a bucket: rates and incidents change only at multiples of it

_UNIT = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _seconds(written: object) -> int:
    if isinstance(written, int) and not isinstance(written, bool):
        seconds = written
    elif isinstance(written, str) and re.fullmatch(r"(\d+[smhd])+", written.replace(" ", "")):
        seconds = sum(int(number) * _UNIT[unit] for number, unit in re.findall(r"(\d+)([smhd])", written))
    else:
        raise ValueError("write a duration such as 25m, 1h30m or 21d12h")
    if seconds < 0 or seconds % CELL:
        raise ValueError(f"must be a multiple of {CELL} seconds and not negative")
    return seconds


Length = Annotated[int, BeforeValidator(_seconds), Field(description="such as 25m, 1h30m or 21d12h")]
Times = Annotated[float, Field(gt=0, le=10_000)]
Part = Annotated[float, Field(gt=0, le=1)]


class Target(Section):
    """The affected part of a scenario, by names; an absent name does not narrow it."""

    service: str | None = None
    route: str | None = None
    function: str | None = None
    client: str | None = None
    version: str | None = Field(None, coerce_numbers_to_str=True, description="build of the client")


class Timed(Target):
    """Something that happens for a time."""

    at: Length = Field(description="when it begins, after the start of the scenario")
    for_: Length = Field(alias="for", gt=0, description="how long it lasts")

    def touches(self, first: float, last: float) -> bool:
        """Return whether it overlaps first to last (seconds after the start of the scenario)."""
        return self.at <= last and first < self.at + self.for_

    def during(self, seconds: Floats) -> Bools:
        """Mark the moments (seconds after the start of the scenario) that it covers."""
        return (seconds >= self.at) & (seconds < self.at + self.for_)


class Hammer(Timed):
    """A function makes ``times`` as many calls to a table per request."""

    kind: Literal["hammer"]
    function: str
    table: str
    times: Times


class Heavier(Timed):
    """Every call to a table consumes ``times`` the capacity."""

    kind: Literal["heavier"]
    table: str
    times: Times


class Spike(Timed):
    """``times`` the traffic."""

    kind: Literal["spike"]
    times: Annotated[float, Field(gt=1, le=10_000)]


class Drop(Timed):
    """A fraction of the traffic remains."""

    kind: Literal["drop"]
    times: Annotated[float, Field(gt=0, lt=1)]


class Absence(Timed):
    """No traffic at all."""

    kind: Literal["absence"]


class Failing(Timed):
    """A share of the requests fails."""

    share: Part


class Outage(Failing):
    """A share of the requests fails in the backend."""

    kind: Literal["outage"]
    share: Part = 0.5


class BadClient(Failing):
    """A share of the requests of a client fails as user errors."""

    kind: Literal["bad_client"]
    client: str
    share: Part = 0.6


class Fatal(Failing):
    """A share of the requests ends in an exception that was never seen before."""

    kind: Literal["fatal"]
    error_type: str = Field("Runtime.OutOfMemory", min_length=1)
    share: Part = 0.05


class HotKey(Timed):
    """A share of the calls to a table is throttled because one key range is too hot."""

    kind: Literal["hot_key"]
    table: str
    share: Part = 0.3


class Slow(Timed):
    """``times`` the latency: of calls to the table if one is named, else of the functions' own code."""

    kind: Literal["slow"]
    table: str | None = None
    times: Times


class LateRecords(Timed):
    """A share of the records arrives late, by ``by``."""

    kind: Literal["late"]
    by: Length = Field(gt=0, le=86400)
    share: Part = 1.0


class DuplicateRecords(Timed):
    """A share of the records arrives a second time, some seconds later."""

    kind: Literal["duplicates"]
    share: Part = 0.2


def _current_name(incident: object) -> object:
    """Accept the name that the kind ``absence`` had until version 0.1."""
    if isinstance(incident, dict) and incident.get("kind") == "silence":
        return incident | {"kind": "absence"}
    return incident


Incident = Annotated[
    Hammer
    | Heavier
    | Spike
    | Drop
    | Absence
    | Outage
    | BadClient
    | Fatal
    | HotKey
    | Slow
    | LateRecords
    | DuplicateRecords,
    Field(discriminator="kind"),
    BeforeValidator(_current_name),
]

EXPECTED: dict[str, tuple[str | None, str | None]] = {
    "hammer": ("spike", "wcu"),
    "heavier": ("spike", "wcu"),
    "spike": ("spike", "requests"),
    "drop": ("drop", "requests"),
    "absence": ("absence", "requests"),
    "outage": ("spike", "errors_backend"),
    "bad_client": ("spike", "errors_user"),
    "fatal": ("fatal", "errors_fatal"),
    "hot_key": ("spike", "throttles"),
    "slow": ("spike", "latency"),
    "late": (None, None),
    "duplicates": (None, None),
    "growth": ("growth", None),
}
"""The expected verdict and measure of each kind; None: nothing should be reported."""
