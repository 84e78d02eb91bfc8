"""One request as a person may see it: a few of them illustrate an incident."""

from collections.abc import Iterator
from typing import Final

import msgspec

from detectors.model.scope import (
    ACCOUNT,
    CLIENT,
    FUNCTION,
    ROUTE,
    SERVICE,
    TABLE,
    TENANT,
    Scope,
    scope_named,
)

MOST_CALLS: Final = 10
"""Kinds of table calls of one request that are kept, those that consumed most."""


class ExampleClient(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Its sender."""

    name: str | None = None
    version: str | None = None
    tenant: str | None = None


class ExampleLayers(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Milliseconds in each layer."""

    total: float | None = None
    function: float | None = None
    code: float | None = None
    auth: float | None = None


class ExampleCall(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Its calls of one table and operation: how many, the units of all, the time of the longest."""

    name: str = ""
    op: str | None = None
    ms: float | None = None
    rcu: float | None = None
    wcu: float | None = None
    throttled: str | None = None
    calls: int = 1

    @property
    def units(self) -> float:
        """The capacity that they consumed."""
        return (self.rcu or 0.0) + (self.wcu or 0.0)


class RequestExample(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One request as docs/event.md has it: its fields that people read, redacted."""

    ts: float = 0.0
    id: str | None = None
    trace: str | None = None
    cloud: str | None = None
    account: str | None = None
    region: str | None = None
    service: str | None = None
    route: str | None = None
    function: str | None = None
    client: ExampleClient | None = None
    status: int | None = None
    error: str | None = None
    error_type: str | None = None
    throttled: str | None = None
    ms: ExampleLayers | None = None
    tables: tuple[ExampleCall, ...] | None = None
    sample: str | None = None

    @property
    def scopes(self) -> Iterator[Scope]:
        """The scopes that it passed: account, service, route, function, client, tenant and tables."""
        client = self.client or ExampleClient()
        for kind, name in (
            (ACCOUNT, self.account),
            (SERVICE, self.service or self.function),
            (ROUTE, self.route),
            (FUNCTION, self.function),
            (CLIENT, client.name),
            (TENANT, client.tenant),
            *((TABLE, table) for table in {call.name: None for call in self.tables or ()}),
        ):
            if name:
                found = scope_named(kind, self.cloud or "", self.account or "", self.region or "", name)
                yield found._replace(version=client.version or "") if kind == CLIENT else found

    @property
    def ms_total(self) -> float | None:
        """Milliseconds from end to end, or else in the function."""
        layers = self.ms or ExampleLayers()
        return layers.function if layers.total is None else layers.total

    @property
    def order(self) -> tuple[float, bytes]:
        """A total order of examples: by time, then by all they hold."""
        return self.ts, msgspec.json.encode(self)
