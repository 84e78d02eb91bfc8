"""The records of docs/event.md: a request with its table calls, calls alone, a sample, and a change."""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from streams.engine.decode.rejected import RejectReason

MAX_BYTES: Final = 1 << 20
"""Longer records are rejected."""

MAX_NAME_BYTES: Final = 256
"""Longer names, in UTF-8, are cut."""

MOST_TABLES: Final = 1000
"""Tables of one request that are kept apart; its calls of others count as calls of ``other``.

A store allows an account a few thousand tables in all, and one request uses some. Where there are more, names
hold keys, and each would take a series.
"""

LARGEST: Final = 1e9
"""The largest duration (ms) or capacity (units) of one request: above it, the sender's unit is wrong."""

LARGEST_LEVEL: Final = 1e18
"""The largest value of a sample, positive or negative."""

MOST_WEIGHT: Final = 1e6
"""Requests that one may stand for."""

_COUNTED: Final = "(account|service|route|function|table|client)"
COUNTS: Final = f"^{_COUNTED}(,{_COUNTED})*(<{_COUNTED}(,{_COUNTED})*)?$"
"""Kinds of scope that a record counts, separated by commas; behind ``<``, those that edges come from."""

Milliseconds = Annotated[float, Meta(ge=0, le=LARGEST)]
Units = Annotated[float, Meta(ge=0, le=LARGEST)]
Status = Annotated[int, Meta(ge=0, le=999)]
Weight = Annotated[float, Meta(ge=1, le=MOST_WEIGHT)]
Counts = Annotated[str, Meta(pattern=COUNTS)]
Amount = Annotated[float, Meta(ge=0, le=LARGEST)]
ErrorClass = Literal["user", "backend", "fatal"]
Kind = Literal["request", "call"]
ScopeKind = Literal["account", "service", "route", "function", "table", "client", "tenant"]


class EventClient(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The calling application, its version, and the customer."""

    name: str | None = None
    version: str | None = None
    tenant: str | None = None


class Layers(msgspec.Struct, gc=False, omit_defaults=True):
    """Milliseconds in each layer that was measured."""

    total: Milliseconds | None = None
    function: Milliseconds | None = None
    code: Milliseconds | None = None
    auth: Milliseconds | None = None


LONG_MS: Final = 30_000.0
"""A request that takes longer counts when it ended: nobody knows of it before, and it would be late."""

LONGEST_MS: Final = 3_600_000.0
"""What claims to take longer counts when it began."""


class TableCall(msgspec.Struct, gc=False, omit_defaults=True):
    """One call of one table. ``throttled`` is the reason given by the store."""

    name: str
    op: str | None = None
    ms: Milliseconds | None = None
    rcu: Units | None = None
    wcu: Units | None = None
    throttled: str | None = None


class Event(msgspec.Struct, gc=False, omit_defaults=True):
    """One request, or table calls alone. ``ts`` and one of ``service``, ``route``, ``function`` are required.

    ``ts`` may be absent here so that its absence has its own reason. An explicit null as ``error`` (no error,
    whatever the status) differs from an absent one (the class follows from the status).
    """

    ts: float | str | None = None
    id: str | None = None
    cloud: str | None = None
    account: str | None = None
    region: str | None = None
    service: str | None = None
    route: str | None = None
    function: str | None = None
    client: EventClient | None = None
    status: Status | None = None
    error: ErrorClass | UnsetType | None = UNSET
    error_type: str | None = None
    ms: Layers | None = None
    cold_start: bool | None = None
    throttled: str | None = None
    tables: tuple[TableCall, ...] | None = None
    values: dict[str, float] | None = None
    kind: Kind | None = None  # none is a request
    weight: Weight | None = None  # how many requests this one stands for, if its source samples
    counts: Counts | None = None  # the kinds of scope that this record counts; none is all that it names
    joins: str | None = None  # keys, separated by a space, that other sources of the same request have too
    trace: str | None = None  # its trace, for a link
    sample: str | None = None  # for people to see, at most 2 KiB
    memory_mb: Amount | None = None
    billed_ms: Milliseconds | None = None


class ScopeName(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The scope of a sample or a change."""

    kind: ScopeKind
    name: str


class SampleRecord(msgspec.Struct, gc=False, omit_defaults=True, tag_field="kind", tag="sample"):
    """A level that requests do not show, perhaps with its limit."""

    ts: float | str | None = None
    id: str | None = None
    cloud: str | None = None
    account: str | None = None
    region: str | None = None
    of: ScopeName | None = None
    name: str | None = None  # lambda.concurrent_executions
    value: float | None = None
    limit: float | None = None
    unit: str | None = None


class ChangeRecord(msgspec.Struct, gc=False, omit_defaults=True, tag_field="kind", tag="change"):
    """Something was deployed or configured."""

    ts: float | str | None = None
    id: str | None = None
    cloud: str | None = None
    account: str | None = None
    region: str | None = None
    of: ScopeName | None = None
    what: str | None = None  # deploy, config, ...
    version: str | None = None
    by: str | None = None
    url: str | None = None


class RefusedRecord(msgspec.Struct, gc=False, tag_field="kind", tag="refused"):
    """A part of a payload that a receiver refused: kept with the records until it is dead-lettered."""

    reason: RejectReason
    detail: str
    sample: bytes  # its first kilobyte


class Stated(Event, gc=False):
    """A sample or a change in the place of an event: it has a time, and counts nothing."""

    record: SampleRecord | ChangeRecord | None = None


def stated(record: SampleRecord | ChangeRecord) -> Stated:
    """Return a sample or a change in the place of an event."""
    kind = "sample" if isinstance(record, SampleRecord) else "change"
    return Stated(
        ts=record.ts, id=record.id, cloud=record.cloud, account=record.account, region=record.region,
        kind=kind, record=record,  # type: ignore[arg-type] # no event that is read has this kind
    )  # fmt: skip
