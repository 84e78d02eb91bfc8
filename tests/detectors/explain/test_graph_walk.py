"""The walk from a symptom finds a fault injected into a random call graph."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from detectors.explain.graph_walk import Behaviour, Ranked, Signal, follow, walk

NORMAL = 120  # windows
INCIDENT = np.array([0.0, 0.5, 1.0, 1.0, 1.0, 0.3])  # part of the fault in each window
Graph = dict[str, list[str]]


def tree(parents: list[int]) -> Graph:
    """Node ``n0`` is the front; ``parents[i]`` calls node ``i + 1``."""
    graph: Graph = {f"n{at}": [] for at in range(len(parents) + 1)}
    for at, parent in enumerate(parents):
        graph[f"n{parent % (at + 1)}"].append(f"n{at + 1}")
    return graph


TREES = st.lists(st.integers(0, 50), min_size=1, max_size=14).map(tree)


def above(graph: Graph, node: str) -> list[str]:
    """Return the node and its callers up to the front."""
    way = [node]
    while callers := [name for name, callees in graph.items() if way[-1] in callees]:
        way.append(callers[0])
    return way


def measured(
    graph: Graph, seed: int, fault: str, *, slower: float = 0.0, failing: float = 0.0, noise: float = 0.03
) -> tuple[dict[str, Behaviour], dict[str, Behaviour]]:
    """Return normal and incident: each call of a node makes one to three calls of each of its callees."""
    draw = np.random.default_rng(seed)
    each = {
        node: float(draw.integers(1, 4)) if node != "n0" else 1.0 for node in graph
    }  # calls per call of its caller
    own = {node: float(draw.uniform(2, 40)) for node in graph}
    struck = above(graph, fault)

    def period(windows: int, strength: np.ndarray) -> dict[str, Behaviour]:
        calls: dict[str, np.ndarray] = {"n0": draw.poisson(600, windows).astype(float)}
        for node in graph:  # callers before their callees
            for callee in graph[node]:
                calls[callee] = calls[node] * each[callee]
        latency: dict[str, np.ndarray] = {}
        for node in reversed(graph):
            itself = own[node] * np.exp(draw.normal(0, noise, windows))
            if node == fault:
                itself = itself + slower * strength
            below = sum((latency[callee] * each[callee] for callee in graph[node]), np.zeros(windows))
            latency[node] = itself + below
        bad = calls[fault] * failing * strength
        return {
            node: Behaviour(
                calls[node],
                latency[node],
                np.minimum(1, bad / calls[node])
                if node in struck
                else draw.binomial(calls[node].astype(int), 0.002) / calls[node],
            )
            for node in graph
        }

    return period(NORMAL, np.zeros(NORMAL)), period(len(INCIDENT), INCIDENT)


@settings(max_examples=60, derandomize=True)  # noise hides a fault once in a thousand draws
@given(TREES, st.integers(0, 2**32), st.data())
def test_a_slow_node_is_found(graph: Graph, seed: int, data: st.DataObject) -> None:
    fault = data.draw(st.sampled_from(sorted(graph)))
    normal, incident = measured(graph, seed, fault, slower=0.0)
    slower = 3 * float(np.median(normal["n0"].latency))  # well above the noise everywhere
    normal, incident = measured(graph, seed, fault, slower=slower)
    first = walk(graph, normal, incident, "n0", Signal.LATENCY)[0]
    assert first.node == fault
    assert first.score > 0.7


@settings(max_examples=60, derandomize=True)  # noise hides a fault once in a thousand draws
@given(TREES, st.integers(0, 2**32), st.data())
def test_a_failing_node_is_found(graph: Graph, seed: int, data: st.DataObject) -> None:
    fault = data.draw(st.sampled_from(sorted(graph)))
    depth = len(above(graph, fault))
    assume(depth <= 5)  # deeper, a front call makes so many calls that all of them fail
    normal, incident = measured(graph, seed, fault, failing=0.3 / 3 ** (depth - 1))
    assert walk(graph, normal, incident, "n0", Signal.ERRORS)[0].node == fault


@settings(max_examples=40, derandomize=True)
@given(TREES, st.integers(0, 2**32), st.data())
def test_a_node_without_measurements_is_passed_through(graph: Graph, seed: int, data: st.DataObject) -> None:
    fault = data.draw(st.sampled_from(sorted(graph)))
    between = above(graph, fault)[1:-1]
    assume(between)
    normal, incident = measured(graph, seed, fault)
    slower = 3 * float(np.median(normal["n0"].latency))
    normal, incident = measured(graph, seed, fault, slower=slower)
    hidden = data.draw(st.sampled_from(between))
    del normal[hidden], incident[hidden]
    assert walk(graph, normal, incident, "n0", Signal.LATENCY)[0].node == fault


AMOUNTS = st.floats(0, 100)


@given(
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=24),
    st.lists(st.one_of(st.none(), AMOUNTS), min_size=8, max_size=8),
    st.lists(AMOUNTS, min_size=8, max_size=8),
)
def test_scores_are_parts_of_one_whole_even_where_calls_go_in_circles(
    edges: list[tuple[int, int]], through: list[float | None], waited: list[float]
) -> None:
    graph = {f"n{at}": [f"n{to}" for frm, to in edges if frm == at] for at in range(8)}
    known = {f"n{at}": amount for at, amount in enumerate(through) if amount is not None}
    slow = {f"n{at}": amount for at, amount in enumerate(waited)}
    for more in ({}, {"waited": slow, "patience": dict.fromkeys(slow, 0.5)}):
        stays = [stay for stay, _ in follow(graph, known, "n0", **more).values()]
        assert min(stays) >= -1e-9
        assert sum(stays) == pytest.approx(1, abs=1e-6)


def chain(**shape: np.ndarray) -> tuple[Graph, dict[str, Behaviour], dict[str, Behaviour]]:
    """Return route → put → items, all calm except for the failed and slow calls in ``shape``."""
    draw = np.random.default_rng(3)
    usual = {"route": 60.0, "put": 50.0, "items": 6.0}

    def period(windows: int, *, struck: bool) -> dict[str, Behaviour]:
        return {
            name: Behaviour(
                np.full(windows, 200.0),
                ms * np.exp(draw.normal(0, 0.02, windows)) + (shape.get(f"slow_{name}", 0) if struck else 0),
                np.zeros(windows) + (shape.get(f"fail_{name}", 0) if struck else 0),
            )
            for name, ms in usual.items()
        }

    return {"route": ["put"], "put": ["items"]}, period(100, struck=False), period(6, struck=True)


def names(ranked: list[Ranked]) -> list[str]:
    return [node.node for node in ranked]


def test_failures_are_attributed_to_the_table_that_was_waited_for() -> None:
    slow = 400 * INCIDENT
    graph, normal, incident = chain(
        fail_route=0.3 * INCIDENT, fail_put=0.3 * INCIDENT, slow_put=slow, slow_items=slow, slow_route=slow
    )
    ranked = walk(graph, normal, incident, "route", Signal.ERRORS)
    assert names(ranked)[:2] == ["items", "put"]


def test_failures_that_take_no_longer_stay_where_they_were_made() -> None:
    graph, normal, incident = chain(fail_route=0.3 * INCIDENT, fail_put=0.3 * INCIDENT)
    ranked = walk(graph, normal, incident, "route", Signal.ERRORS)
    assert names(ranked)[0] == "put"
    assert ranked[0].score > 0.95


def test_more_calls_alone_do_not_make_a_table_the_cause() -> None:
    graph, normal, incident = chain(slow_route=300 * INCIDENT, slow_put=300 * INCIDENT)
    calls = incident["items"].calls * (1 + 20 * INCIDENT)
    incident["items"] = Behaviour(calls, normal["items"].latency[: len(INCIDENT)], incident["items"].failed)
    ranked = walk(graph, normal, incident, "route", Signal.LATENCY)
    assert names(ranked)[0] == "put"
    assert next(node for node in ranked if node.node == "items").calls > 5


def test_a_level_that_moved_for_another_reason_does_not_explain_an_incident() -> None:
    graph, normal, incident = chain(slow_route=30 * INCIDENT, slow_put=30 * INCIDENT)
    moved = incident["items"].latency + 3 * float(np.std(normal["items"].latency))
    incident["items"] = Behaviour(incident["items"].calls, moved, incident["items"].failed)
    assert names(walk(graph, normal, incident, "route", Signal.LATENCY))[0] == "put"


def test_an_incident_that_fills_every_window_is_explained_by_its_level() -> None:
    always = np.full(len(INCIDENT), 30.0)
    graph, normal, incident = chain(slow_route=always, slow_put=always, slow_items=always)
    assert names(walk(graph, normal, incident, "route", Signal.LATENCY))[0] == "items"


def test_gaps_and_unknown_calls_change_nothing_that_is_clear() -> None:
    slow = 300 * INCIDENT
    graph, normal, incident = chain(slow_route=slow, slow_put=slow, slow_items=slow)
    gap = np.where(np.arange(6) == 1, np.nan, 1.0)
    incident["items"] = Behaviour(
        np.full(6, np.nan), incident["items"].latency * gap, incident["items"].failed
    )
    assert names(walk(graph, normal, incident, "route", Signal.LATENCY))[0] == "items"


def test_a_symptom_without_measurements_is_represented_by_the_nodes_behind_it() -> None:
    slow = 300 * INCIDENT
    graph, normal, incident = chain(slow_put=slow, slow_items=slow)
    del normal["route"]
    assert names(walk(graph, normal, incident, "route", Signal.LATENCY))[0] == "items"


def test_where_nothing_is_known_everything_stays_at_the_symptom() -> None:
    ranked = walk({"route": ["put"]}, {}, {}, "route", Signal.LATENCY)
    assert [(node.node, round(node.score, 4)) for node in ranked] == [("route", 1.0), ("put", 0.0)]


def test_a_symptom_that_is_not_a_node_is_refused() -> None:
    with pytest.raises(ValueError, match="'nowhere' is not a node"):
        walk({"route": ["put"]}, {}, {}, "nowhere", Signal.LATENCY)


def test_another_unit_of_time_ranks_the_same() -> None:
    slow = 40 * INCIDENT
    graph, normal, incident = chain(slow_route=slow, slow_put=slow, slow_items=slow / 2)
    before, during = (
        {name: Behaviour(of.calls, of.latency / 1000, of.failed) for name, of in period.items()}
        for period in (normal, incident)
    )
    plain = walk(graph, normal, incident, "route", Signal.LATENCY)
    for node, other in zip(plain, walk(graph, before, during, "route", Signal.LATENCY), strict=True):
        assert node.node == other.node
        assert node.score == pytest.approx(other.score, abs=1e-9)
