"""Counts of paths and calls, spread over rows: as numpy does it, whatever the steps."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detectors.latency.histogram import N_BINS
from streams.engine.decode.cells import LAYERS, PER_ID
from streams.engine.measure.spread import Spread, SpreadCosts, spread_cells, spread_costs, spread_sums

IDS, ROWS, KINDS, COLUMNS, MOST, GROUPS = 5, 7, 6, 3, 4, 5
AT_TABLES, CALLED, WHOLES = 2, 4, 3


@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(0, 40))
def test_sums_are_added_up_in_the_order_of_ids_and_kinds(seed: int, steps: int, many: int) -> None:
    draw = np.random.default_rng(seed)
    places = draw.integers(0, ROWS + 1, (IDS, KINDS)).astype(np.int32)
    ids, step = draw.integers(0, [[IDS], [steps]], (2, many))
    sums = draw.random((many, COLUMNS))
    kept = draw.integers(0, 2, (ROWS, COLUMNS)).astype(float)
    found = np.zeros((steps, ROWS, COLUMNS))
    spread_sums(places, ids, step, sums, kept, found)
    row, of = places[ids].ravel(), np.repeat(np.arange(many), KINDS)
    plain = np.zeros((steps, ROWS, COLUMNS))
    np.add.at(plain, (step[of][row > 0], row[row > 0] - 1), sums[of][row > 0])
    np.testing.assert_array_equal(found, plain * kept)


@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(0, 40))
def test_costs_are_those_of_the_part_that_is_billed_there_or_all_of_them(
    seed: int, steps: int, many: int
) -> None:
    draw = np.random.default_rng(seed)
    places, whole_places = (draw.integers(0, ROWS + 1, (IDS, n)).astype(np.int32) for n in (KINDS, WHOLES))
    part, called = draw.integers(-1, COLUMNS, KINDS), draw.integers(0, 2, IDS).astype(bool)
    ids, step = draw.integers(0, [[IDS], [steps]], (2, many))
    costs = draw.random((many, COLUMNS))
    whole, found = costs.sum(axis=1), np.zeros((steps, ROWS))
    to = SpreadCosts(places, part, called, AT_TABLES, CALLED, whole_places)
    spread_costs(to, ids, step, costs, whole, found)
    placed = np.where(part >= 0, costs[:, part], 0.0)
    placed[:, :CALLED] = np.where(called[ids, None], costs[:, AT_TABLES, None], placed[:, :CALLED])
    amounts = np.concatenate((placed, np.repeat(whole[:, None], WHOLES, axis=1)), axis=1).ravel()
    row = np.concatenate((places[ids], whole_places[ids]), axis=1).ravel()
    of = np.repeat(np.arange(many), KINDS + WHOLES)
    plain = np.zeros((steps, ROWS))
    np.add.at(plain, (step[of][row > 0], row[row > 0] - 1), amounts[row > 0])
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
    owners, bins = cells // N_BINS, cells % N_BINS
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
            for column, other in zip(found, plain, strict=True):
                np.testing.assert_array_equal(column[here], other)
