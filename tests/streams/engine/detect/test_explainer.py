"""Which series of an edge are attributed, in whatever order they begin."""

import numpy as np
import pytest

from detectors.explain.calling_requests import CallingRequests
from detectors.explain.edge_totals import EdgeTotals
from detectors.model.finding import RiseCause
from detectors.model.measures import KEPT_ON_EDGES, Measure, Series
from detectors.model.scope import ACCOUNT, TABLE, Edge, Scope
from streams.engine.detect.explainer import Explainer

STEP, T0 = 60, 1_760_000_400
OWNER = Scope("account", "aws", "1", "", "1")
SHOP = Scope("service", "aws", "1", "eu-west-1", "shop")


def test_an_edge_that_costs_something_before_a_request_goes_along_it_is_attributed_by_both() -> None:
    history = EdgeTotals(STEP, 4)
    explainer = Explainer(history, CallingRequests(STEP), STEP)
    edge = Edge(SHOP, OWNER)
    later = [Series(edge, measure) for measure in KEPT_ON_EDGES[ACCOUNT]]
    history.grow(1)
    explainer.add([Series(edge, Measure.COST)])
    history.append(T0, np.array([0.5]), explainer.leading_to([]))
    history.grow(len(later))
    explainer.add(later)
    values = np.array([0.25, *range(10, 10 + len(later))], float)
    history.append(T0 + STEP, values, explainer.leading_to([]))
    for measure, amount in ((Measure.COST, 0.75), (Measure.REQUESTS, 10.0), (Measure.ERRORS_USER, 11.0)):
        found = explainer.consumption(Series(OWNER, measure), T0, T0 + 2 * STEP)
        assert [(caller.scope, caller.observed) for caller in found.callers] == [
            (SHOP, amount / (2 * STEP))
        ], measure


@pytest.mark.parametrize(
    ("times", "cause"), [((5.0, 5.0), RiseCause.DEMAND), ((9.0, 1.0), RiseCause.DEFECT), ((1.0, 1.0), None)]
)
def test_a_rise_of_a_table_is_demand_or_a_defect_by_how_its_functions_share_it(
    times: tuple[float, float], cause: RiseCause | None
) -> None:
    table, *functions = (
        Scope(kind, "aws", "1", "eu-west-1", name)
        for kind, name in (("table", "carts"), ("function", "put"), ("function", "get"))
    )
    kept = KEPT_ON_EDGES[TABLE]
    edges = [Series(Edge(function, table), measure) for function in functions for measure in kept]
    history = EdgeTotals(STEP, 4)
    explainer = Explainer(history, CallingRequests(STEP), STEP)
    history.grow(len(edges))
    explainer.add(edges)
    calls = np.array([40.0 if series.measure is Measure.REQUESTS else 0.0 for series in edges])
    more = np.repeat(times, len(kept))
    for step in range(130):
        amount = calls * more if step >= 120 else calls
        history.append(T0 + step * STEP, amount, explainer.leading_to([]))
    since, until = T0 + 120 * STEP, T0 + 130 * STEP
    ratio = sum(times) / len(times)
    found = explainer.explain(Series(table, Measure.REQUESTS), since, until, ratio).concentration
    assert (None if found is None else found.cause) == cause


WEB, ANDROID, NIGHT, OLD, NEW, LATEST = (
    Scope("client", "aws", "1", "", name, version)
    for name, version in (
        ("web", "1"),
        ("android", "5"),
        ("export", "1"),
        ("ios", "1"),
        ("ios", "2"),
        ("android", "6"),
    )
)
HOURS = 24 * 9 + 14  # until the afternoon of the excess
RELEASED = HOURS - 50


def called(hour: int) -> list[float]:
    """Return the calls a minute: the night has an export, ios 2 replaces ios 1, and web and android go on."""
    by_day = 40.0 if 8 <= hour % 24 < 20 else 0.0
    ios = [0.0, by_day] if hour >= RELEASED else [by_day, 0.0]
    return [by_day, by_day / 2, 400.0 if hour % 24 < 4 else 0.0, *ios, 0.0]


@pytest.mark.parametrize("guilty", [LATEST, WEB], ids=lambda client: client.name)
def test_the_client_that_exceeds_its_own_expectation_is_named_and_no_other(guilty: Scope) -> None:
    clients = [WEB, ANDROID, NIGHT, OLD, NEW, LATEST]
    kept = KEPT_ON_EDGES[SHOP.kind]
    edges = [Series(Edge(client, SHOP), measure) for client in clients for measure in kept]
    history = EdgeTotals(STEP, 4)
    explainer = Explainer(history, CallingRequests(STEP), STEP)
    history.grow(len(edges))
    explainer.add(edges)
    counted = np.array([series.measure is Measure.REQUESTS for series in edges])
    start = T0 - T0 % 86400
    for hour in range(HOURS):
        calls = np.repeat(called(hour), len(kept)) * counted
        history.append_steps(start + hour * 3600, np.tile(calls, (60, 1)))
    since = start + HOURS * 3600
    calls = called(HOURS)
    calls[clients.index(guilty)] += 60.0
    for step in range(20):
        history.append(since + step * STEP, np.repeat(calls, len(kept)) * counted, explainer.leading_to([]))
    found = explainer.explain(Series(SHOP, Measure.REQUESTS), since, since + 20 * STEP, 1.6)
    assert [(suspect.scope, round(suspect.share, 1)) for suspect in found.suspects] == [(guilty, 1.0)]
    assert {share.scope for share in found.callers if abs(share.share) >= 0.05} == {guilty}
