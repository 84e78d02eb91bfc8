"""Service maps of an invented backend: of the wall's, and of any size; the same for the same arguments."""

from collections import defaultdict
from itertools import pairwise
from typing import Any, Final

from msgspec.structs import replace

from detectors.model.scope import Scope
from streams.screens.board.service_map.service_map import MapEdge, MapKind, MapNode, ServiceMap

PROD, SHOP, DATA = ("aws", "123456789012"), ("aws", "210987654321"), ("gcp", "acme-analytics")
ACCOUNTS: Final = [(*PROD, "game-prod"), (*SHOP, "shop-prod"), (*DATA, "acme-analytics")]

_CALLS: Final = (
    # account, service, route, function, table, requests a second of each client
    (PROD, "inventory", "POST /items/{id}", "inventory-put-item", "items", (96.0, 41.0, 11.0)),
    (PROD, "inventory", "GET /items/{id}", "inventory-get-item", "items", (70.0, 38.0, 14.0)),
    (PROD, "guilds", "GET /guilds/{guild}/members", "guild-members", "guilds", (18.0, 9.0, 4.0)),
    (PROD, "ranking", "GET /ranking/weekly", "ranking-weekly", "scores", (6.0, 3.0, 0.4)),
    (PROD, "sessions", "POST /sessions", "session-open", "sessions", (8.0, 4.1, 0.6)),
    (PROD, "mail", "GET /mail", "mail-list", "mail", (3.0, 1.5, 0.2)),
    (SHOP, "cart", "POST /cart/checkout", "cart-checkout", "orders", (16.0, 12.0, 10.4)),
    (SHOP, "cart", "GET /cart", "cart-get", "carts", (21.0, 13.0, 15.0)),
    (DATA, "events", "POST /collect", "collect", "raw_events", (120.0, 88.0, 31.0)),
)
_CLIENTS: Final = (("ios", "3.2.1", 0.6), ("ios", "3.2.0", 0.4), ("android", "3.2.0", 1.0), ("web", "", 1.0))
_CLIENT_OF: Final = (0, 0, 1, 2)
_COST: Final = 2e-6  # US dollars a request
_REGIONS: Final = {PROD: "eu-west-1", SHOP: "eu-west-1", DATA: "europe-west1"}


class MapGiven:
    """Collects nodes and edges, then is a map."""

    def __init__(self) -> None:
        self._nodes: dict[Scope, dict[str, Any]] = {}
        self._calls: dict[tuple[Scope, Scope], float] = defaultdict(float)

    def node(self, kind: MapKind, account: tuple[str, str], name: str, **more: Any) -> Scope:
        """Return a node, which is on the map from now on."""
        region = "" if kind == "client" else _REGIONS.get(account, "eu-west-1")
        scope = Scope(kind, *account, region, name, more.pop("version", ""))
        self._nodes.setdefault(scope, {"requests": 0.0}).update(more)
        return scope

    def called(self, *path: Scope, requests: float) -> None:
        """Add requests a second along a path of nodes."""
        for scope in path:
            self._nodes[scope]["requests"] += requests
        for ends in pairwise(path):
            self._calls[ends] += requests

    def map(self, at: int) -> ServiceMap:
        """Return the map: of all requests, one in a thousand failed."""
        order = sorted(self._nodes, key=lambda scope: (scope.kind == "service", scope))
        places = {scope: place for place, scope in enumerate(order)}
        kinds: dict[str, MapKind] = {
            "client": "client",
            "route": "route",
            "function": "function",
            "table": "table",
            "service": "service",
        }
        nodes = []
        for scope in order:
            of = self._nodes[scope]
            service = of.pop("service", None)
            failed = None if scope.kind == "table" else of["requests"] / 1000
            fields: dict[str, Any] = {"failed": failed, "cost": of["requests"] * _COST} | of
            nodes.append(
                MapNode(
                    kind=kinds[scope.kind],
                    cloud=scope.cloud,
                    account=scope.account,
                    scope=scope.as_answer(),
                    label=scope.label,
                    service=None if service is None else places[service],
                    **fields,
                )
            )
        edges = [
            MapEdge(
                source=places[source],
                target=places[target],
                requests=requests,
                failed=None if target.kind == "table" else requests / 1000,
                wcu=requests * 1.5 if target.kind == "table" else None,
                cost=requests * _COST,
            )
            for (source, target), requests in sorted(self._calls.items())
        ]
        accounts = [row for row in ACCOUNTS if any((node.cloud, node.account) == row[:2] for node in nodes)]
        return ServiceMap(at=at, nodes=nodes, edges=edges, accounts=accounts)


def map_given(kind: str, at: int) -> ServiceMap:
    """Return the map behind ``wall_given``: some thirty nodes; of a busy one, some are not well."""
    made = MapGiven()
    for account, service, route, function, table, requests in _CALLS:
        owner = made.node("service", account, service)
        path = (
            made.node("route", account, route, service=owner, latency=84.0),
            made.node("function", account, function, service=owner, latency=61.0),
            made.node("table", account, table, service=owner, latency=6.2, share=0.31),
        )
        for (name, version, part), of in zip(_CLIENTS, _CLIENT_OF, strict=True):
            client = made.node("client", account, name, version=version)
            made.called(client, *path, requests=part * requests[of])
        made.called(owner, requests=sum(requests))
    shown = made.map(at)
    return _busy(shown) if kind == "busy" else shown


def _busy(calm: ServiceMap) -> ServiceMap:
    changes: dict[str, dict[str, Any]] = {
        "items": {
            "verdict": "spike",
            "threshold": "critical",
            "share": 0.994,
            "throttles": 5.2,
            "latency": 48.0,
        },
        "inventory-put-item": {"threshold": "warning", "latency": 412.0, "failed": 6.1},
        "ranking-weekly": {"verdict": "growth"},
        "ranking": {"threshold": "warning", "latency": 960.0},
        "mail-list": {"verdict": "absence", "requests": 0.0, "failed": 0.0},
    }
    nodes = [replace(node, **changes.get(node.label, {})) for node in calm.nodes]
    places = {node.label: place for place, node in enumerate(nodes)}
    blamed = {
        (places["inventory-put-item"], places["items"]): {
            "verdict": "spike",
            "excess": 0.91,
            "throttles": 5.2,
        },
        (places["POST /items/{id}"], places["inventory-put-item"]): {"threshold": "warning", "failed": 6.1},
    }
    edges = [replace(edge, **blamed.get((edge.source, edge.target), {})) for edge in calm.edges]
    return replace(calm, nodes=nodes, edges=edges)


def map_of(nodes: int, at: int, *, unwell: int = 3, services: int = 24) -> ServiceMap:
    """Return a map of so many nodes: a tenth clients, then routes, functions and tables of some services."""
    made = MapGiven()
    clients = [made.node("client", PROD, f"client-{number:02d}") for number in range(max(1, nodes // 10))]
    accounts = (PROD, SHOP, DATA)
    rest = nodes - len(clients)
    routes, tables = rest * 2 // 5, rest // 5
    functions = rest - routes - tables
    owners = [
        made.node("service", accounts[number % 3], f"service-{number:02d}") for number in range(services)
    ]

    def of(kind: MapKind, number: int, **more: Any) -> Scope:
        owner = owners[number % services]
        name = (
            f"/api/v2/{owner.name}/{number:03d}" if kind == "route" else f"{owner.name}-{kind}-{number:03d}"
        )
        return made.node(kind, owner.cloud_account, name, service=owner, latency=20.0 + number % 80, **more)

    for number in range(max(routes, functions, tables)):
        route, function = of("route", number % routes), of("function", number % functions)
        table = of("table", (number + services * (number % 3)) % tables)
        for shift in range(1 + number % 3):
            client = clients[(number * 7 + shift * 3) % len(clients)]
            made.called(client, route, function, table, requests=1.0 + number % 50)
    shown = made.map(at)
    broken = [place for place, node in enumerate(shown.nodes) if node.kind == "table"][:unwell]
    return replace(
        shown,
        nodes=[
            replace(node, verdict="spike") if place in broken else node
            for place, node in enumerate(shown.nodes)
        ],
    )
