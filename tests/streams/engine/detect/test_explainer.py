"""Which series of an edge are attributed, in whatever order they begin."""

import numpy as np
import pytest

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
    explainer = Explainer(history, STEP)
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
    explainer = Explainer(history, STEP)
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
