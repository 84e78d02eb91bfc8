"""What is compressed comes back, and is the same bytes however it was made."""

from collections.abc import Callable
from types import ModuleType
from typing import Final

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detectors.model.array_types import Float32s, Floats
from detectors.state import compress as compress_module
from detectors.state.compress import compress, decompress
from tests.detectors.state.plain_compress import plain_compress

STEPS: Final = 15
ODD: Final = (
    np.nan,
    np.inf,
    -np.inf,
    0.0,
    -0.0,
    0.5,
    1.0,
    -1.0,
    127.0,
    127.5,
    128.5,
    254.0,
    255.0,
    256.0,
    1e38,
)
MAKERS: Final[tuple[Callable[[np.random.Generator], Floats], ...]] = (
    lambda _: np.full(STEPS, np.nan),
    lambda _: np.zeros(STEPS),
    lambda _: -np.zeros(STEPS),
    lambda draw: draw.poisson(3, STEPS).astype(float),
    lambda draw: draw.poisson(5, STEPS) / 2,
    lambda draw: draw.poisson(250, STEPS).astype(float),
    lambda draw: draw.choice([0.5, 1.5, 200.0], STEPS),
    lambda draw: draw.choice([0.0, 1.0, 254.0], STEPS),
    lambda draw: draw.normal(0, 100, STEPS),
    lambda draw: np.where(draw.random(STEPS) < 0.3, np.nan, draw.poisson(9, STEPS)),
    lambda draw: draw.choice(ODD, STEPS),
)


def rows(seed: int, kinds: list[int]) -> Float32s:
    """Return a row of each kind, (rows, STEPS)."""
    draw = np.random.default_rng(seed)
    made = [MAKERS[kind](draw) for kind in kinds]
    return np.array(made, np.float64).reshape(-1, STEPS).astype(np.float32)


ROWS: Final = st.builds(
    rows, st.integers(0, 2**32 - 1), st.lists(st.integers(0, len(MAKERS) - 1), max_size=70)
)


@given(ROWS)
def test_what_is_compressed_comes_back(values: Float32s) -> None:
    back = decompress(compress(values), values.shape)
    known = ~np.isnan(values)
    assert np.array_equal(np.isnan(back), ~known)
    assert np.array_equal(back[known].view(np.uint32), values[known].view(np.uint32))


@given(ROWS)
def test_it_is_the_bytes_that_whole_arrays_make(values: Float32s) -> None:
    assert compress(values) == plain_compress(values)


@given(ROWS)
def test_plain_code_sorts_and_lays_out_as_the_compiled_does(
    uncompiled: Callable[[ModuleType], ModuleType], values: Float32s
) -> None:
    plain = uncompiled(compress_module)
    assert not hasattr(plain.sort_rows, "py_func")
    made = compress(values)
    with np.errstate(over="ignore"):
        assert plain.compress(values) == made
