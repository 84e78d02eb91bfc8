"""Tables and cells survive as bytes, whatever numbers they hold."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from streams.engine.rollup.blocks.packing import (
    LARGEST,
    packed_cells,
    packed_table,
    unpacked_cells,
    unpacked_table,
)

units = st.sampled_from([1.0, 0.5, 0.125, 2.0**-20, 2.0**-21, 1 / 3, -1.0, 2.0**40])
steps = st.lists(st.integers(0, 300) | st.integers(0, 2**40), min_size=1, max_size=30)
many = st.integers(1, 3) | st.integers(1, 2**45)


@given(st.data(), st.integers(0, 20))
def test_a_table_survives(data: st.DataObject, rows: int) -> None:
    whole = data.draw(arrays(np.int64, (rows, 4), elements=st.integers(0, 3) | st.integers(0, 2**40)))
    table = whole * np.array([data.draw(units) for _ in range(4)])
    np.testing.assert_array_equal(unpacked_table(packed_table(table), rows, 4), table)


def test_a_column_takes_as_many_bytes_as_its_largest_number_needs_and_an_empty_one_none() -> None:
    table = np.zeros((100, 4))
    table[:, 1], table[:, 2], table[:, 3] = 255 * 2.0**-20, 256, 1 / 3
    assert len(packed_table(table)) == 8 + 100 * (1 + 2 + 8)


def test_what_is_no_number_stays_what_it_is() -> None:
    table = np.array([[np.nan, np.inf, 0.0]])
    np.testing.assert_array_equal(unpacked_table(packed_table(table), 1, 3), table)


@given(steps, st.data())
def test_cells_and_counts_survive(ahead: list[int], data: st.DataObject) -> None:
    cells = np.cumsum(ahead)
    counts = np.array([float(data.draw(many)) for _ in ahead])
    packed = packed_cells(cells, counts)
    assert (packed is None) == bool(cells[-1] >= LARGEST)
    if packed is not None:
        found, times = unpacked_cells(packed)
        assert (found.tolist(), times.tolist()) == (cells.tolist(), counts.tolist())


def test_cells_that_do_not_ascend_and_counts_that_are_not_whole_are_left_as_they_are() -> None:
    single = np.ones(1)
    for cells, counts in (
        (np.array([5, 4]), np.ones(2)),
        (np.array([-1]), single),
        (np.array([5]), single / 2),
        (np.array([5]), single * 0),
        (np.array([5]), single * np.nan),
        (np.array([LARGEST]), single),
    ):
        assert packed_cells(cells, counts) is None
