"""The page of a scope, as an assistant asks for it."""

from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from pydantic import Field

from streams.screens.board.scopes.scope_page import FoundScopes, ScopePage
from streams.screens.mcp.board_client import BoardAnswerError, BoardClient
from streams.screens.mcp.named_scope import NamedScope
from streams.screens.mcp.untrusted_text import quoted, shown

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
        """Return the range as parameters of an address."""
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
    named = [NamedScope.of(one.scope) for one in found.scopes[:_CHOICES]]
    places = "; ".join(
        ", ".join(f"{name} {quoted(value)}" for name, value in one.query.items() if name != "scope")
        for one in named
    )
    return f"several scopes are called {shown(scope)}; name one by account, region or version: {places}"
