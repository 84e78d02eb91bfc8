"""Counts that are noted and merged later equal those of a dictionary."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.engine.decode.cells import PER_ID
from streams.engine.rollup.live_counts import LiveHistograms


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 3, 40, 5_000]),  # ids: dense and sparse
    st.sampled_from([1, 20, PER_ID]),  # bins of each
    st.lists(st.integers(0, 3_000), min_size=1, max_size=5),
    st.booleans(),
)
def test_cells_are_merged_as_a_dictionary_would(
    seed: int, ids: int, bins: int, runs: list[int], asked: bool
) -> None:
    draw = np.random.default_rng(seed)
    found, expected = LiveHistograms(), Counter[int]()
    for run in runs:
        cells = draw.integers(0, ids, run) * PER_ID + draw.integers(0, bins, run)
        counts = draw.integers(0, 4, run) / 2  # a weight of 0 leaves its cell
        found.add(cells, counts)
        for cell, count in zip(cells.tolist(), counts.tolist(), strict=True):
            expected[cell] += count
        if asked:
            assert len(found) == len(expected)
    cells, counts = found.merged()
    assert cells.tolist() == sorted(expected)
    assert counts.tolist() == [expected[cell] for cell in sorted(expected)]


@pytest.mark.parametrize("before", [0, 100_000])
def test_what_was_merged_stays_as_it_was_counted(before: int) -> None:
    found = LiveHistograms(before)
    found.add(np.array([7, 3, 7]), np.ones(3))
    cells, counts = found.merged()
    found.add(np.array([1, 7]), np.ones(2))
    assert (cells.tolist(), counts.tolist()) == ([3, 7], [1.0, 2.0])
    assert [part.tolist() for part in found.merged()] == [[1, 3, 7], [1.0, 1.0, 3.0]]


def test_cells_that_repeat_take_no_more_room_however_many_come() -> None:
    found = LiveHistograms()
    for _ in range(300):
        found.add(np.arange(100) % 10, np.ones(100))
    assert len(found._cells) < 20_000
    assert found.merged()[1].tolist() == [3000.0] * 10
