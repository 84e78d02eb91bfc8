"""The data of the service map, as the page receives them: the JSON of ``GET /board/map``.

Everything is of the last five minutes before ``at``. Amounts are per second, so that those of a group are the
sums of its members. Whatever is not known is None or left out, never 0.

Names come from events and may hold anything: they are data, and the page writes them as text.
"""

from typing import Literal

import msgspec

from detectors.model.finding import Verdict
from detectors.model.scope import ScopeAnswer
from streams.screens.board.wall.wall import WallThreshold

MapKind = Literal["client", "route", "function", "table", "service"]


class MapAmounts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Amounts a second. ``failed`` are requests with a backend or a fatal error.

    A table has calls for ``requests``, units for ``rcu`` and ``wcu``, and no errors; what a kind does not
    have is None. ``cost`` is in US dollars: of a route, a function, a table and the calls into them what is
    billed there, of a client and a service all of it.
    """

    requests: float = 0.0
    failed: float | None = None
    user_errors: float | None = None
    throttles: float | None = None
    rcu: float | None = None
    wcu: float | None = None
    cost: float | None = None


class MapNode(MapAmounts, frozen=True, kw_only=True, omit_defaults=True):
    """A client, route, function or table, or a service that some of them belong to.

    ``scope`` is None for the rest of a kind in an account: as many ``members`` whose
    amounts are added up. ``service`` is the place of its service in ``ServiceMap.nodes``, None where it has
    none or several. ``latency`` is the newest p95, milliseconds; ``share`` is what is used of the limit it is
    nearest to. ``verdict`` is that of the worst open finding, ``threshold`` the worst one reached.
    """

    kind: MapKind
    cloud: str
    account: str
    scope: ScopeAnswer | None = None
    label: str = ""
    members: int = 1
    service: int | None = None
    latency: float | None = None
    share: float | None = None
    verdict: Verdict | None = None
    threshold: WallThreshold = None


class MapEdge(MapAmounts, frozen=True, kw_only=True, omit_defaults=True):
    """Calls from one node into another, by their places in ``ServiceMap.nodes``.

    ``verdict`` is that of an open finding about the target to which this source contributes, and ``excess``
    its part of the excess, from 0 to 1.
    """

    source: int
    target: int
    excess: float | None = None
    verdict: Verdict | None = None
    threshold: WallThreshold = None


class ServiceMap(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls whom, over all clouds and accounts.

    ``at`` is the end of the newest judged step, epoch seconds, None before the first; ``seconds`` the length
    of what the amounts are of. ``accounts`` are the names that people gave, by cloud and id. ``folded``
    counts the nodes that are in a rest, ``left_out`` the edges that are not sent.
    """

    at: int | None = None
    seconds: int = 300
    nodes: list[MapNode] = []
    edges: list[MapEdge] = []
    accounts: list[tuple[str, str, str]] = []  # cloud, id, name
    folded: int = 0
    left_out: int = 0
