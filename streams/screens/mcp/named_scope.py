"""Scopes as assistants name them, the addresses of their pages, and the page of one."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import quote

import msgspec
from pydantic import Field

from detectors.model.scope import ScopeAnswer
from streams.screens.board.scope_pages.scope_page import FoundScopes, ScopePage
from streams.screens.mcp.board_client import BoardAnswerError, BoardClient
from streams.screens.mcp.tool_answer import ToolPart
from streams.screens.mcp.untrusted_text import LONGEST_NAME, quoted, shown

_PARTS = ("cloud", "account", "region", "version")

ScopeArgument = Annotated[
    str,
    Field(
        min_length=3,
        max_length=400,
        description="kind:name, such as table:items; kinds are account, service, route, function, table, "
        "client, tenant. find_names finds names.",
    ),
]
PlaceArgument = Annotated[
    str, Field(max_length=300, description="only needed where several scopes have the name")
]
AccountArgument = Annotated[str, Field(max_length=300, description="id of an account; empty for all")]
RangeArgument = Annotated[
    Literal["4h", "1d", "1w", "5w", "13mo"],
    Field(description="range that ends now; since and until replace it"),
]
SinceArgument = Annotated[
    str,
    Field(
        max_length=40,
        description="its start: as answers have times, or 2026-11-27T09:00 in the daemon's zone",
    ),
]
UntilArgument = Annotated[
    str, Field(max_length=40, description="its end, in the same forms; without it, now")
]

_CHOICES = 10


class NamedScope(ToolPart):
    """A service, route, function, table, client, account or tenant; names are data from events."""

    scope: str = Field(description="kind:name, as other tools take it: table:items")
    cloud: str | None = None
    account: str | None = None
    region: str | None = None
    version: str | None = None

    @classmethod
    def of(cls, written: ScopeAnswer) -> "NamedScope":
        """Return a scope of the board; the name of an edge is both its ends.

        Examples
        --------
        >>> ios = ScopeAnswer(kind="client", cloud="", account="1", region="", name="ios", version="3.2.1")
        >>> NamedScope.of(ios).words
        'client «ios 3.2.1»'
        """
        name = written.name or f"{written.source or ''} → {written.target or ''}"
        given = {part: shown(getattr(written, part) or None, LONGEST_NAME) or None for part in _PARTS}
        return cls(scope=f"{shown(written.kind, 40)}:{shown(name, LONGEST_NAME)}", **given)

    @property
    def kind(self) -> str:
        """The kind alone."""
        return self.scope.partition(":")[0]

    @property
    def words(self) -> str:
        """Kind and name."""
        kind, _, name = self.scope.partition(":")
        return f"{kind} {quoted(f'{name} {self.version}' if self.version else name)}"

    @property
    def where(self) -> str:
        """Account and region; empty where neither is known."""
        places = (("account", self.account if self.kind != "account" else None), ("region", self.region))
        return ", ".join(f"{name} {quoted(value)}" for name, value in places if value)

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the board's address."""
        parts = {part: getattr(self, part) or "" for part in _PARTS}
        return {"scope": self.scope, **{name: value for name, value in parts.items() if value}}


class BoardPlaces:
    """Addresses of the board's pages."""

    def __init__(self, url: str) -> None:
        self._url = url

    def wall(self) -> str:
        """Return the address of the wall."""
        return f"{self._url}/"

    def incidents(self, **query: str) -> str:
        """Return the address of the list of incidents."""
        return f"{self._url}/?incidents{_more(query)}"

    def incident(self, name: str) -> str:
        """Return the address of one incident."""
        return f"{self._url}/?incident={quote(name, safe='')}"

    def scope(self, of: NamedScope, **query: str) -> str:
        """Return the address of a scope."""
        first, *rest = of.query.items()
        return f"{self._url}/?{first[0]}={quote(first[1], safe='')}{_more(dict(rest) | query)}"


def _more(query: Mapping[str, str]) -> str:
    return "".join(f"&{name}={quote(value, safe='')}" for name, value in query.items() if value)


class AskedPage(NamedTuple):
    """A scope and a range; empty strings leave a part out."""

    scope: str
    account: str = ""
    region: str = ""
    version: str = ""
    range: str = "4h"
    since: str = ""
    until: str = ""

    @property
    def times(self) -> dict[str, str]:
        """The range as parameters of an address."""
        if self.since or self.until:
            return {"from": self.since, "to": self.until}
        return {"range": self.range}


async def scope_page(board: BoardClient, asked: AskedPage, points: int | None = None) -> ScopePage:
    """Return the page of a scope, whose curves have at most some ``points``.

    Without, it is as the board shows it: sums over a range then end with a step, and not with ten minutes.

    Raises
    ------
    BoardAnswerError
        When there is no such scope or several have the name, or the daemon does not answer.
    """
    found: Any = await board.ask(
        "/board/scope",
        scope=asked.scope,
        account=asked.account,
        region=asked.region,
        version=asked.version,
        points="" if points is None else str(points),
        **asked.times,
    )
    if "scopes" in found:
        raise BoardAnswerError(_which(asked.scope, msgspec.convert(found, FoundScopes)))
    return msgspec.convert(found, ScopePage)


def _which(scope: str, found: FoundScopes) -> str:
    named = [NamedScope.of(choice.scope) for choice in found.scopes[:_CHOICES]]
    places = "; ".join(
        ", ".join(f"{name} {quoted(value)}" for name, value in scope.query.items() if name != "scope")
        for scope in named
    )
    return f"several scopes are called {shown(scope)}; name one by account, region or version: {places}"
