"""What a number is about: a scope, or an edge between two scopes."""

from typing import Final, NamedTuple

ACCOUNT: Final = "account"
SERVICE: Final = "service"
ROUTE: Final = "route"
FUNCTION: Final = "function"
TABLE: Final = "table"
CLIENT: Final = "client"
TENANT: Final = "tenant"

KINDS: Final = (ACCOUNT, SERVICE, ROUTE, FUNCTION, TABLE, CLIENT, TENANT)


class Scope(NamedTuple):
    """One account, service, route, function, table, client or tenant.

    ``version`` is the build of a client and empty for every other kind. An account scope carries the
    account id as its ``name`` too. Every string may be empty when the event did not say.
    """

    kind: str
    cloud: str
    account: str
    region: str
    name: str
    version: str = ""

    def to_json(self) -> dict[str, object]:
        """Return the form that findings are written in.

        Examples
        --------
        >>> Scope("table", "aws", "1", "eu-west-1", "items").to_json()
        {'kind': 'table', 'cloud': 'aws', 'account': '1', 'region': 'eu-west-1', 'name': 'items'}
        """
        written: dict[str, object] = {
            "kind": self.kind,
            "cloud": self.cloud,
            "account": self.account,
            "region": self.region,
            "name": self.name,
        }
        if self.version:
            written["version"] = self.version
        return written

    @property
    def label(self) -> str:
        """What a person calls it: ``items``, ``ios 3.2.1``."""
        return f"{self.name} {self.version}" if self.version else self.name


class Edge(NamedTuple):
    """Calls from ``source`` into ``target``: a function into a table, a client into a route.

    An edge lives in the shard of its target, so a target and everything that calls it are judged and
    attributed in one place.
    """

    source: Scope
    target: Scope

    @property
    def kind(self) -> str:
        """``function→table`` and the like."""
        return f"{self.source.kind}→{self.target.kind}"

    @property
    def account(self) -> str:
        """The account of the target: it is the one that is loaded."""
        return self.target.account

    def to_json(self) -> dict[str, object]:
        """Return the form that findings are written in: ``from`` and ``to`` in the place of ``name``."""
        return {
            "kind": self.kind,
            "cloud": self.target.cloud,
            "account": self.target.account,
            "region": self.target.region,
            "from": self.source.label,
            "to": self.target.label,
        }


ScopeOrEdge = Scope | Edge
