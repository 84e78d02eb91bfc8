import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detectors.state.past_values import EXPECTED, LOWER, UPPER, PastExpectations

BOUND = st.floats(-1e5, 1e5, width=32)


def kept(*numbers: float) -> list[float]:
    recent = PastExpectations(60)
    recent.add(1)
    recent.extend(0, *(np.full((1, 1), number) for number in numbers))
    return [float(recent.pick(layer, [0], 0, 1)[0, 0]) for layer in (EXPECTED, LOWER, UPPER)]


@given(BOUND, st.integers(0, 65_536), st.sampled_from([0, 1e-3, -1e-3]))
def test_bounds_are_rounded_so_that_no_count_changes_sides(bound: float, observed: int, apart: float) -> None:
    bound = float(np.float32(observed + apart)) if apart else bound
    _, lower, upper = kept(1.0, bound, bound)
    assert (observed < lower) == (observed < bound)
    assert (observed > upper) == (observed > bound)


@given(st.floats(width=32, allow_infinity=False))
def test_bounds_are_kept_to_a_part_in_thirty_thousand_and_the_expected_value_exactly(number: float) -> None:
    number = float(np.clip(number, -1e38, 1e38).astype(np.float32))
    expected, lower, upper = kept(number, number, number)
    assert np.array_equal(expected, number, equal_nan=True)
    assert np.allclose([lower, upper], number, rtol=1 / 30_000, atol=4e-43, equal_nan=True)
    assert np.isnan(number) or upper <= number <= lower
