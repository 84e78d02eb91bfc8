"""Cells of ids become cells of rows: against a plain loop."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streams.engine.decode.cells import PER_ID
from streams.engine.rollup.blocks.block_rows import placed


@given(st.integers(0, 2**32 - 1), st.integers(1, 9))
def test_each_cell_goes_with_its_row_and_what_has_no_row_is_left_out(seed: int, owners: int) -> None:
    draw = np.random.default_rng(seed)
    ids = np.sort(draw.choice(1000, owners, replace=False)).astype(np.int64)
    kept = draw.random(owners) < 0.6
    rows = np.where(kept, np.cumsum(kept) - 1, -1)
    cells = np.unique(draw.choice(ids, 40) * PER_ID + draw.integers(0, PER_ID, 40))
    counts = draw.integers(1, 9, len(cells)).astype(float)
    row_of = dict(zip(ids.tolist(), rows.tolist(), strict=True))
    expected = [
        (row_of[cell // PER_ID] * PER_ID + cell % PER_ID, count)
        for cell, count in zip(cells.tolist(), counts.tolist(), strict=True)
        if row_of[cell // PER_ID] >= 0
    ]
    behind = np.where(kept, rows + int(kept.sum()), -1)  # the same again, as calls
    both = placed(((cells, counts), (cells, counts)), (ids, ids), (rows, behind))
    found, times = (each[: len(expected)] for each in both)
    assert list(zip(found.tolist(), times.tolist(), strict=True)) == expected
    assert (both[0][len(expected) :] == found + int(kept.sum()) * PER_ID).all()
    assert (both[1][len(expected) :] == times).all()
    assert (np.diff(found) > 0).all()
