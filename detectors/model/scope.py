"""Scopes, and edges between two of them: the subjects of all numbers."""

from typing import Final, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

ACCOUNT: Final = "account"
SERVICE: Final = "service"
ROUTE: Final = "route"
FUNCTION: Final = "function"
TABLE: Final = "table"
CLIENT: Final = "client"
TENANT: Final = "tenant"

KINDS: Final = (ACCOUNT, SERVICE, ROUTE, FUNCTION, TABLE, CLIENT, TENANT)


class ScopeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A scope; of calls between two of them, ``from`` and ``to`` in place of ``name``."""

    kind: str
    cloud: str
    account: str
    region: str
    name: str | UnsetType = UNSET
    version: str | UnsetType = UNSET
    source: str | UnsetType = msgspec.field(name="from", default=UNSET)
    target: str | UnsetType = msgspec.field(name="to", default=UNSET)


class Scope(NamedTuple):
    """One account, service, route, function, table, client or tenant.

    ``version`` is the build of a client and empty for every other kind. The ``name`` of an account is its id.
    Every string may be empty if the event lacks it.
    """

    kind: str
    cloud: str
    account: str
    region: str
    name: str
    version: str = ""

    def as_answer(self) -> ScopeAnswer:
        """Return it as programs receive it.

        Examples
        --------
        >>> msgspec.to_builtins(Scope("table", "aws", "1", "eu-west-1", "items").as_answer())
        {'kind': 'table', 'cloud': 'aws', 'account': '1', 'region': 'eu-west-1', 'name': 'items'}
        """
        return ScopeAnswer(
            kind=self.kind,
            cloud=self.cloud,
            account=self.account,
            region=self.region,
            name=self.name,
            version=self.version or UNSET,
        )

    @property
    def cloud_account(self) -> tuple[str, str]:
        """Cloud and account id, which together identify an account."""
        return self.cloud, self.account

    @property
    def label(self) -> str:
        """The name people use: ``items``, ``ios 3.2.1``."""
        return f"{self.name} {self.version}" if self.version else self.name


def scope_named(kind: str, cloud: str, account: str, region: str, name: str) -> Scope:
    """Return the scope of these names. An account, a client and a tenant span regions.

    Examples
    --------
    >>> scope_named("account", "aws", "1", "eu-west-1", "1").region
    ''
    """
    return Scope(kind, cloud, account, "" if kind in (ACCOUNT, CLIENT, TENANT) else region, name)


class Edge(NamedTuple):
    """Calls from ``source`` into ``target``: a function into a table, a client into a route.

    An edge belongs to the shard of its target, so that a target and all its callers are judged and
    attributed in one place.
    """

    source: Scope
    target: Scope

    @property
    def kind(self) -> str:
        """Both kinds, as in ``function→table``."""
        return f"{self.source.kind}→{self.target.kind}"

    @property
    def account(self) -> str:
        """The account of the target, which carries the load."""
        return self.target.account

    def as_answer(self) -> ScopeAnswer:
        """Return it as programs receive it."""
        return ScopeAnswer(
            kind=self.kind,
            cloud=self.target.cloud,
            account=self.target.account,
            region=self.target.region,
            source=self.source.label,
            target=self.target.label,
        )


ScopeOrEdge = Scope | Edge
