import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.state.compress import NO_TABLE, decode, encode, tables
from detectors.state.timeline import BLOCK, TILE

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
