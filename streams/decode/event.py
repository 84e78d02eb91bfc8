"""The event: one request as it was measured, with the table calls it made (DESIGN section 4)."""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

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

Milliseconds = Annotated[float, Meta(ge=0, le=LARGEST)]
Units = Annotated[float, Meta(ge=0, le=LARGEST)]
Status = Annotated[int, Meta(ge=0, le=999)]
ErrorClass = Literal["user", "backend", "fatal"]


class EventClient(msgspec.Struct, frozen=True, gc=False):
    """The calling application, its version, and the customer."""

    name: str | None = None
    version: str | None = None
    tenant: str | None = None


class Layers(msgspec.Struct, gc=False):
    """Milliseconds in each layer that was measured."""

    total: Milliseconds | None = None
    function: Milliseconds | None = None
    code: Milliseconds | None = None
    auth: Milliseconds | None = None


class TableCall(msgspec.Struct, gc=False):
    """One call of one table. ``throttled`` is the reason given by the store."""

    name: str
    op: str | None = None
    ms: Milliseconds | None = None
    rcu: Units | None = None
    wcu: Units | None = None
    throttled: str | None = None


class Event(msgspec.Struct, gc=False):
    """One request. ``ts`` and one of ``service``, ``route``, ``function`` are required.

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
