"""Makes the service map of a moment: the hottest nodes and what is not well; the rest is added up."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final

from msgspec.structs import asdict, replace

from config.settings import Settings
from streams.record.history.history_reader import HistoryView
from streams.screens.board.open_verdicts import OpenVerdicts
from streams.screens.board.service_map.map_figures import MAP_SECONDS, MapFigures, MapSeries, map_figures
from streams.screens.board.service_map.service_map import MapAmounts, MapEdge, MapKind, MapNode, ServiceMap

MOST_NODES: Final = 2_000
MOST_EDGES: Final = 5_000

_AMOUNTS: Final = MapAmounts.__struct_fields__


def service_map(
    view: HistoryView, series: MapSeries, verdicts: OpenVerdicts, settings: Settings
) -> ServiceMap:
    """Return the nodes and edges of the last five minutes, bounded; empty before a step."""
    at, step = view.end, settings.time.step
    if at is None:
        return ServiceMap()
    figures = map_figures(view, series, at, verdicts, settings)
    shown, folded, left_out = bounded(figures)
    named = {key: account.name for key, account in settings.accounts.items() if account.name}
    accounts = sorted({(node.cloud, node.account) for node in shown.nodes})
    return ServiceMap(
        at=at,
        seconds=max(1, MAP_SECONDS // step) * step,
        nodes=shown.nodes,
        edges=shown.edges,
        accounts=[(cloud, account, named.get(account, account)) for cloud, account in accounts],
        folded=folded,
        left_out=left_out,
    )


def sums_of(things: Iterable[MapAmounts]) -> dict[str, float | None]:
    """Return the amounts of some nodes or edges, added up; what none of them has stays None.

    Examples
    --------
    >>> sums_of([MapAmounts(requests=1, failed=0.5), MapAmounts(requests=2)])["failed"]
    0.5
    """
    added: dict[str, float | None] = dict.fromkeys(_AMOUNTS)
    added["requests"] = 0.0
    for thing in things:
        for name in _AMOUNTS:
            value = getattr(thing, name)
            if value is not None:
                added[name] = value + (added[name] or 0.0)
    return added


def _rank(thing: MapNode | MapEdge) -> tuple[bool, float]:
    """Return a key that sorts the most important first."""
    return thing.verdict is None and thing.threshold is None, -thing.requests


def bounded(
    figures: MapFigures, most_nodes: int = MOST_NODES, most_edges: int = MOST_EDGES
) -> tuple[MapFigures, int, int]:
    """Return at most so many nodes, with a rest a kind and account beyond, and edges.

    Nothing is lost of the amounts of nodes: those of the rest are its members', added up. Edges of its
    members are its edges.

    Returns
    -------
    figures, folded, left_out
        What is sent, how many nodes are in a rest, and how many edges are left out.
    """
    nodes, folded = figures.nodes, 0
    edges: Sequence[MapEdge] = figures.edges
    if len(nodes) > most_nodes:
        nodes, edges, folded = _with_rest(figures, most_nodes)
    kept = sorted(edges, key=_rank)[:most_edges]
    return MapFigures(nodes, sorted(kept, key=_ends)), folded, len(edges) - len(kept)


def _ends(edge: MapEdge) -> tuple[int, int]:
    return edge.source, edge.target


def _with_rest(figures: MapFigures, most: int) -> tuple[list[MapNode], list[MapEdge], int]:
    nodes = figures.nodes
    apart = len({_rest_of(node) for node in nodes}) <= most // 2

    def rest_of(node: MapNode) -> tuple[MapKind, str, str]:
        return _rest_of(node) if apart else (node.kind, "", "")

    order = sorted(
        range(len(nodes)), key=lambda place: (nodes[place].kind != "service", *_rank(nodes[place]))
    )
    rests: dict[tuple[MapKind, str, str], list[int]] = defaultdict(list)
    stay = set(order[:most])
    for place in order[most:]:
        rests[rest_of(nodes[place])].append(place)
    for place in reversed(order[:most]):  # rests take places, too
        if len(stay) + len(rests) <= most:
            break
        stay.discard(place)
        rests[rest_of(nodes[place])].append(place)
    staying = sorted(stay)
    places = {old: new for new, old in enumerate(staying)}
    made: list[MapNode] = []
    for (kind, cloud, account), members in sorted(rests.items()):
        places |= dict.fromkeys(members, len(staying) + len(made))
        amounts: Any = sums_of(nodes[member] for member in members)
        made.append(MapNode(**amounts, kind=kind, cloud=cloud, account=account, members=len(members)))
    kept = [_moved(nodes[place], places, len(staying)) for place in staying]
    return kept + made, _merged(figures.edges, places), len(nodes) - len(staying)


def _rest_of(node: MapNode) -> tuple[MapKind, str, str]:
    return node.kind, node.cloud, node.account


def _moved(node: MapNode, places: dict[int, int], own: int) -> MapNode:
    """Return a node with the new place of its service, none if that is in a rest."""
    if node.service is None:
        return node
    place = places[node.service]
    return replace(node, service=place if place < own else None)


def _merged(edges: Iterable[MapEdge], places: dict[int, int]) -> list[MapEdge]:
    """Return the edges between new places: those with the same ends become one."""
    found: dict[tuple[int, int], list[MapEdge]] = defaultdict(list)
    for edge in edges:
        found[places[edge.source], places[edge.target]].append(edge)
    merged = []
    for (source, target), some in found.items():
        worst = min(some, key=_rank)
        fields: Any = asdict(worst) | sums_of(some) | {"source": source, "target": target}
        merged.append(MapEdge(**fields))
    return merged
