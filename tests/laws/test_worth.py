"""Laws of what is worth a page: concentration depends on no cut of sources, size follows the excess."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from alerting.incidents.worth import size
from config.settings import Settings
from detectors.explain.concentration import Mixture, concentration, spread
from detectors.model.finding import Failures, RiseCause, Verdict
from detectors.model.measures import Measure
from detectors.model.scope import FUNCTION
from tests.alerting.given import PUT, finding

USUAL = st.lists(st.integers(2_000, 4_000), min_size=4, max_size=12)
"""Calls of each source, of which chance makes little."""


def mixture(calls: list[tuple[float, float]]) -> Mixture:
    now, then = (np.array(column, float) for column in zip(*calls, strict=True))
    return Mixture(now, then, now, then)


@given(usual=USUAL, more=st.lists(st.floats(1, 9), min_size=12, max_size=12), at=st.data())
def test_concentration_is_the_same_when_a_function_is_split_in_two(
    usual: list[int], more: list[float], at: st.DataObject
) -> None:
    calls = [(then * (2 + times), float(then)) for then, times in zip(usual, more, strict=False)]
    split_at = at.draw(st.integers(0, len(calls) - 1))
    part = at.draw(st.floats(0.05, 0.95))
    now, then = calls[split_at]
    halves = [(now * part, then * part), (now * (1 - part), then * (1 - part))]
    split = mixture([*calls[:split_at], *halves, *calls[split_at + 1 :]])
    before, after = spread(mixture(calls)), spread(split)
    assert before is not None
    assert after is not None
    times_all = sum(observed for observed, _ in calls) / sum(expected for _, expected in calls)
    # whoever has its usual share, to a percent, may count among the carriers or not
    if all(abs(observed / (expected * times_all) - 1) > 1e-2 for observed, expected in calls):
        assert abs(before.moved - after.moved) < 1e-2
    causes = [concentration({FUNCTION: given}, []) for given in (mixture(calls), split)]
    named = {None if found is None else found.cause for found in causes}
    assert not named >= {RiseCause.DEMAND, RiseCause.DEFECT}


@given(usual=USUAL, times=st.floats(5, 50), at=st.data(), part=st.floats(0.1, 0.9))
def test_what_one_of_many_carries_is_a_defect_however_it_is_split(
    usual: list[int], times: float, at: st.DataObject, part: float
) -> None:
    which = at.draw(st.integers(0, len(usual) - 1))
    calls = [(then * (times if row == which else 1.0), float(then)) for row, then in enumerate(usual)]
    now, then = calls[which]
    halves = [(now * part, then * part), (now * (1 - part), then * (1 - part))]
    whole = concentration({FUNCTION: mixture(calls)}, [])
    split = concentration({FUNCTION: mixture([*calls[:which], *halves, *calls[which + 1 :]])}, [])
    assert whole is not None
    assert split is not None
    assert whole.cause is split.cause is RiseCause.DEFECT
    assert whole.carriers == 1
    assert split.carriers <= 2


@given(usual=USUAL, times=st.floats(3, 50))
def test_what_all_have_more_of_alike_is_demand(usual: list[int], times: float) -> None:
    found = concentration({FUNCTION: mixture([(then * times, float(then)) for then in usual])}, [])
    assert found is not None
    assert found.cause is RiseCause.DEMAND


@given(
    expected=st.floats(0.01, 1e4),
    excesses=st.tuples(st.floats(0, 1e4), st.floats(0, 1e4)),
    cause=st.sampled_from(RiseCause),
    measure=st.sampled_from((Measure.REQUESTS, Measure.WCU, Measure.LATENCY, Measure.BUSY)),
    limit=st.none() | st.floats(0.1, 1e5),
)
def test_size_never_falls_when_the_excess_rises(
    expected: float, excesses: tuple[float, float], cause: RiseCause, measure: Measure, limit: float | None
) -> None:
    less, more = (
        finding(PUT, measure=measure, observed=expected + excess, expected=expected, limit=limit)
        for excess in sorted(excesses)
    )
    sizes = Settings().incidents.page
    assert size(less, cause, sizes).times <= size(more, cause, sizes).times


@given(expected=st.floats(0.01, 1e4), left=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_size_never_falls_when_less_is_left(expected: float, left: tuple[float, float]) -> None:
    more, less = (
        finding(PUT, verdict=Verdict.DROP, observed=part * expected, expected=expected)
        for part in sorted(left, reverse=True)
    )
    sizes = Settings().incidents.page
    assert size(more, RiseCause.DEFECT, sizes).times <= size(less, RiseCause.DEFECT, sizes).times + 1e-9


@given(failed=st.tuples(st.integers(0, 500), st.integers(0, 500)))
def test_size_never_falls_when_more_requests_fail(failed: tuple[int, int]) -> None:
    less, more = (
        finding(
            PUT,
            measure=Measure.ERRORS_BACKEND,
            failures=Failures(failed=count, requests=500, seconds=600),
        )
        for count in sorted(failed)
    )
    sizes = Settings().incidents.page
    assert size(less, RiseCause.DEFECT, sizes).times <= size(more, RiseCause.DEFECT, sizes).times
