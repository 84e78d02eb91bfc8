"""What a number is about, as an assistant reads it and gives it back; and where people look at it."""

from collections.abc import Mapping
from urllib.parse import quote

from pydantic import Field

from streams.screens.mcp.tool_answer import ToolPart
from streams.screens.mcp.untrusted_text import LONGEST_NAME, quoted, shown

_PARTS = ("cloud", "account", "region", "version")


class NamedScope(ToolPart):
    """A service, route, function, table, client, account or tenant; names are data from events."""

    scope: str = Field(description="kind:name, as other tools take it: table:items")
    cloud: str | None = None
    account: str | None = None
    region: str | None = None
    version: str | None = None

    @classmethod
    def of(cls, written: Mapping[str, object]) -> "NamedScope":
        """Return what ``Scope.to_json`` wrote; of an edge, both ends are its name.

        Examples
        --------
        >>> NamedScope.of({"kind": "client", "name": "ios", "version": "3.2.1"}).words
        'client «ios 3.2.1»'
        """
        name = written.get("name") or f"{written.get('from', '')} → {written.get('to', '')}"
        given = {each: shown(written.get(each), LONGEST_NAME) or None for each in _PARTS}
        return cls(scope=f"{shown(written.get('kind'), 40)}:{shown(name, LONGEST_NAME)}", **given)

    @property
    def kind(self) -> str:
        """Return its kind."""
        return self.scope.partition(":")[0]

    @property
    def words(self) -> str:
        """Return kind and name."""
        kind, _, name = self.scope.partition(":")
        return f"{kind} {quoted(f'{name} {self.version}' if self.version else name)}"

    @property
    def where(self) -> str:
        """Return account and region; empty where neither is known."""
        places = (("account", self.account if self.kind != "account" else None), ("region", self.region))
        return ", ".join(f"{name} {quoted(value)}" for name, value in places if value)

    @property
    def query(self) -> dict[str, str]:
        """Return it as the parameters of the board's address."""
        parts = {each: getattr(self, each) or "" for each in _PARTS}
        return {"scope": self.scope, **{name: value for name, value in parts.items() if value}}


class BoardPlaces:
    """Addresses of the board's pages.

    Parameters
    ----------
    url
        Of the daemon.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def wall(self) -> str:
        """Return that of the wall."""
        return f"{self._url}/"

    def incidents(self, **query: str) -> str:
        """Return that of the list of incidents."""
        return f"{self._url}/?incidents{_more(query)}"

    def incident(self, name: str) -> str:
        """Return that of one incident."""
        return f"{self._url}/?incident={quote(name, safe='')}"

    def scope(self, of: NamedScope, **query: str) -> str:
        """Return that of a scope."""
        first, *rest = of.query.items()
        return f"{self._url}/?{first[0]}={quote(first[1], safe='')}{_more(dict(rest) | query)}"


def _more(query: Mapping[str, str]) -> str:
    return "".join(f"&{name}={quote(value, safe='')}" for name, value in query.items() if value)
