"""What paths and calls counted, spread over rows: as numpy does it, whatever the steps."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streams.decode.cells import LAYERS, PER_ID, layers_of
from streams.measure.spread import Spread, spread_cells, spread_sums

IDS, ROWS, KINDS, COLUMNS, MOST, GROUPS = 5, 7, 6, 3, 4, 5


@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(0, 40))
def test_sums_are_added_up_in_the_order_of_ids_and_kinds(seed: int, steps: int, many: int) -> None:
    draw = np.random.default_rng(seed)
    places = draw.integers(0, ROWS + 1, (IDS, KINDS)).astype(np.int32)
    ids, step = draw.integers(0, [[IDS], [steps]], (2, many))
    sums = draw.random((many, COLUMNS))
    found = np.zeros((steps, ROWS, COLUMNS))
    spread_sums(places, ids, step, sums, found)
    row, of = places[ids].ravel(), np.repeat(np.arange(many), KINDS)
    plain = np.zeros((steps, ROWS, COLUMNS))
    np.add.at(plain, (step[of][row > 0], row[row > 0] - 1), sums[of][row > 0])
    np.testing.assert_array_equal(found, plain)


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 30), min_size=1, max_size=5))
def test_cells_are_grouped_by_what_they_measure_and_by_step(seed: int, sizes: list[int]) -> None:
    draw = np.random.default_rng(seed)
    to = Spread(
        draw.integers(0, ROWS + 1, (IDS, LAYERS, MOST)).astype(np.int32),
        draw.integers(0, ROWS + 1, (IDS, 2)).astype(np.int32),
        draw.integers(0, 3, LAYERS),
        draw.integers(0, 2, LAYERS),
        draw.integers(3, GROUPS, LAYERS) * draw.choice((-1, 1), LAYERS),
    )
    cells, counts = draw.integers(0, IDS * PER_ID, sum(sizes)), draw.random(sum(sizes))
    ends = np.cumsum(sizes)
    *found, bounds = spread_cells(cells, counts, ends, to, GROUPS)
    owners, bins = layers_of(cells)
    layer = owners % LAYERS
    whole = to.whole.reshape(-1, MOST)[owners]
    part = to.part[owners // LAYERS, to.whole_of[layer]][:, None]
    places = np.concatenate((whole, part), axis=1)
    group = np.where(np.arange(MOST + 1) < MOST, to.group[layer][:, None], to.group_of_part[layer][:, None])
    for number in range(GROUPS):
        for at, (first, end) in enumerate(zip((0, *ends[:-1]), ends, strict=True)):
            cell, place = np.nonzero((group[first:end] == number) & (places[first:end] > 0))
            cell += first
            here = slice(bounds[number, at], bounds[number, at + 1])
            plain = places[cell, place] - 1, bins[cell], counts[cell]
            for one, other in zip(found, plain, strict=True):
                np.testing.assert_array_equal(one[here], other)
