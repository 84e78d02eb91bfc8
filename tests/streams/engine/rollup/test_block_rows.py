"""The rows of a shard, against a plain loop."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streams.engine.decode.cells import PER_ID
from streams.engine.rollup.blocks.block_rows import placed, rows_in, rows_of


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(0, 9))
def test_a_shard_gets_what_touches_it_and_the_paths_of_its_calls(seed: int, paths: int, calls: int) -> None:
    draw = np.random.default_rng(seed)
    path_ids = np.sort(draw.choice(20, paths, replace=False)).astype(np.int64)
    call_ids = np.sort(draw.choice(20, calls, replace=False)).astype(np.int64)
    callers = draw.integers(0, paths, calls)
    here = draw.random((20, 3)) < 0.3, draw.random((20, 3)) < 0.3
    called = {int(path) for path, call in zip(callers, call_ids, strict=True) if here[1][call, 2]}
    kept = [at for at, path in enumerate(path_ids) if here[0][path, 2] or at in called]
    kept += [paths + at for at, call in enumerate(call_ids) if here[1][call, 2]]
    expected = [kept.index(at) if at in kept else -1 for at in range(paths + calls)]
    rows = rows_in(2, path_ids, call_ids, callers, here)
    assert rows.tolist() == expected
    both = draw.random((paths, 4)), draw.random((calls, 4))
    np.testing.assert_array_equal(rows_of(rows, both), np.concatenate(both)[kept])


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
    found, times = (column[: len(expected)] for column in both)
    assert list(zip(found.tolist(), times.tolist(), strict=True)) == expected
    assert (both[0][len(expected) :] == found + int(kept.sum()) * PER_ID).all()
    assert (both[1][len(expected) :] == times).all()
    assert (np.diff(found) > 0).all()
