"""Decompressed values equal the original, and the bytes are the same however they were made."""

import hashlib
from collections.abc import Callable
from types import ModuleType
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.model.array_types import Float32s, Floats
from detectors.state import compress as compress_module
from detectors.state.compress import NO_TABLE, compress, decode, decompress, encode, tables
from detectors.state.timeline import BLOCK, TILE
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


ROW = st.lists(st.integers(0, 254), min_size=5, max_size=5)


@given(st.lists(ROW | st.lists(st.integers(0, 6), min_size=5, max_size=5), max_size=40))
def test_what_has_a_table_comes_back(rows: list[list[int]]) -> None:
    values = np.array(rows, np.uint8).reshape(-1, 5)
    table, words = encode(values)
    has = table != NO_TABLE
    assert np.array_equal(decode(table[has], words, 5), values[has])


@pytest.mark.parametrize("value", range(255))
def test_every_steady_count_has_a_table(value: int) -> None:
    values = np.full((3, BLOCK), value, np.uint8)
    table, words = encode(values)
    assert np.array_equal(decode(table, words, BLOCK), values)


def test_a_value_that_no_table_has_leaves_its_row_out() -> None:
    values = np.array([[1, 2, 0], [0, 254, 0], [3, 1, 2]], np.uint8)
    table, words = encode(values)
    assert (table == NO_TABLE).tolist() == [False, True, False]
    assert decode(table[[0, 2]], words, 3).tolist() == [[1, 2, 0], [3, 1, 2]]


@pytest.mark.parametrize(("mean", "bits"), [(0.1, 0.47), (1, 1.88), (5, 3.18), (30, 4.50), (150, 5.66)])
def test_a_count_takes_a_tenth_of_a_bit_more_than_it_is_random(mean: float, bits: float) -> None:
    values = np.random.default_rng(0).poisson(mean, (TILE, BLOCK)).astype(np.uint8)
    table, words = encode(values)
    assert (table != NO_TABLE).mean() > 0.99
    assert 8 * words.nbytes < (bits + 0.1) * values[table != NO_TABLE].size


def test_clumps_and_bursts_have_tables_of_their_own() -> None:
    draw = np.random.default_rng(0)
    for shape, spread in ((8 / 3, 1), (8 / 15, 2)):  # of a mean of 8, four and sixteen times as far apart
        values = draw.poisson(draw.gamma(shape, 8 / shape, (TILE, BLOCK))).clip(0, 254).astype(np.uint8)
        table = encode(values)[0]
        at = np.searchsorted(tables().firsts, table[table != NO_TABLE], side="right") - 1
        assert (table != NO_TABLE).mean() > 0.99
        assert np.bincount(at).argmax() == spread


def test_the_tables_are_those_that_states_were_written_with() -> None:
    often = tables().often
    assert (often.sum(axis=1) == 1 << 12).all()
    assert (often >= 0).all()
    assert hashlib.sha256(often.astype("<i4").tobytes()).hexdigest()[:16] == "ebd079f02c69d0c4"
