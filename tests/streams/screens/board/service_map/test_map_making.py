"""A large map is bounded; what is not sent one by one is added up, and nothing that is unwell is hidden."""

from hypothesis import given
from hypothesis import strategies as st

from detectors.model.scope import Scope
from streams.screens.board.service_map.map_figures import MapFigures
from streams.screens.board.service_map.map_making import bounded
from streams.screens.board.service_map.service_map import MapEdge, MapNode

AMOUNTS = st.integers(0, 1000).map(float)
NODE = st.builds(
    MapNode,
    kind=st.sampled_from(["client", "route", "function", "table", "service"]),
    cloud=st.just("aws"),
    account=st.sampled_from(["1", "2"]),
    scope=st.just({}),
    requests=AMOUNTS,
    failed=AMOUNTS,
    throttles=st.none() | AMOUNTS,
    verdict=st.sampled_from([None] * 9 + ["spike"]),
)


@st.composite
def maps(draw: st.DrawFn) -> MapFigures:
    nodes = draw(st.lists(NODE, min_size=1, max_size=60))
    services = [place for place, node in enumerate(nodes) if node.kind == "service"]
    place = st.integers(0, len(nodes) - 1)
    ends = draw(st.lists(st.tuples(place, place), unique=True, max_size=120))
    edges = [
        MapEdge(source=source, target=target, requests=draw(AMOUNTS), failed=draw(AMOUNTS))
        for source, target in ends
    ]
    if services:
        nodes = [
            MapNode(
                **{name: getattr(node, name) for name in MapNode.__struct_fields__} | {"service": services[0]}
            )
            if node.kind == "function"
            else node
            for node in nodes
        ]
    return MapFigures(nodes, edges)


@given(maps(), st.integers(20, 60), st.integers(1, 120))
def test_a_bounded_map_has_all_amounts_and_all_that_is_unwell(
    figures: MapFigures, most_nodes: int, most_edges: int
) -> None:
    shown, folded, left_out = bounded(figures, most_nodes, most_edges)
    assert len(shown.nodes) <= most_nodes
    assert len(shown.edges) <= most_edges
    assert sum(node.members for node in shown.nodes) == len(figures.nodes)
    assert folded == sum(node.members for node in shown.nodes if node.scope is None)
    for name in ("requests", "failed", "throttles"):
        before, after = (
            sum(getattr(node, name) or 0 for node in nodes) for nodes in (figures.nodes, shown.nodes)
        )
        assert before == after
    unwell = [node for node in figures.nodes if node.verdict]
    if len(unwell) + 10 + sum(node.kind == "service" for node in figures.nodes) <= most_nodes:
        assert len([node for node in shown.nodes if node.verdict]) == len(unwell)
    if not left_out:
        assert sum(edge.requests for edge in shown.edges) == sum(edge.requests for edge in figures.edges)
    for edge in shown.edges:
        assert max(edge.source, edge.target) < len(shown.nodes)
    for node in shown.nodes:
        assert node.service is None or shown.nodes[node.service].kind == "service"


def test_a_small_map_is_sent_as_it_is() -> None:
    orders = Scope("table", "aws", "1", "", "orders").as_answer()
    nodes = [MapNode(kind="table", cloud="aws", account="1", scope=orders, requests=1.0) for _ in range(3)]
    figures = MapFigures(nodes, [MapEdge(source=0, target=1), MapEdge(source=1, target=2)])
    assert bounded(figures, 3, 2) == (figures, 0, 0)
