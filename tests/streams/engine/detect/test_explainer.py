"""Which series of an edge are attributed, in whatever order they begin."""

import numpy as np

from detectors.explain.edge_totals import EdgeTotals
from detectors.model.measures import KEPT_ON_EDGES, Measure, Series
from detectors.model.scope import ACCOUNT, Edge, Scope
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
