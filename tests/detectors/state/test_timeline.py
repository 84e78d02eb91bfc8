import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.judge.memory import HELD, MANY, Habits
from detectors.state.compress import compress, decompress
from detectors.state.timeline import BLOCK, SHEET, TILE, Timeline

ROWS = 80
KEEP = 3 * SHEET


def timeline(rows: int = ROWS, *, sheets: bool = True) -> Timeline:
    made = Timeline("past", 2, KEEP, sheets=sheets)
    made.add(rows)
    return made


def values(first: int, steps: int, rows: int = ROWS) -> np.ndarray:
    """Counts, amounts, and a series that is never measured."""
    at = np.arange(first, first + steps)[:, None]
    row = np.arange(rows)[None]
    found = np.where(row % 3 == 0, (at * 7 + row) % 11, np.sqrt(at + row) * 1.1)
    return np.where(row % 3 == 2, np.nan, found).astype(np.float32)


def filled(steps: int, rows: int = ROWS, *, sheets: bool = True) -> Timeline:
    made = timeline(rows, sheets=sheets)
    for first in range(0, steps, 7):
        some = values(first, min(7, steps - first), rows)
        made.write(first, some, -some)
    return made


@given(st.lists(st.lists(st.floats(width=32), min_size=4, max_size=4), min_size=1, max_size=20))
def test_compression_is_lossless(numbers: list[list[float]]) -> None:
    some = np.array(numbers, np.float32)
    back = decompress(compress(some), (len(some), 4))
    assert np.array_equal(back, some, equal_nan=True)
    known = ~np.isnan(some)
    assert np.array_equal(np.signbit(back)[known], np.signbit(some)[known])


def test_counts_take_three_bits_and_zeros_nothing() -> None:
    draw = np.random.default_rng(0)
    counts = draw.poisson(3, (TILE, BLOCK)).astype(np.float32)
    assert 8 * len(compress(counts)) < 3 * counts.size
    assert 8 * len(compress(counts * np.float32(0.5))) < 3 * counts.size, "capacity units come in halves"
    assert len(compress(np.zeros((TILE, BLOCK), np.float32))) < 40


def test_a_row_among_counts_that_is_none_comes_back() -> None:
    draw = np.random.default_rng(0)
    some = draw.poisson(3, (TILE, BLOCK)).astype(np.float32)
    for row, value in enumerate((np.nan, -0.0, 0.25, 127.5, 255, 1e9, -1, np.inf, 3e38, 1e-45)):
        some[row * 100, row] = value
    some[5], some[6], some[7] = np.nan, 0.0, -0.0
    back = decompress(compress(some), some.shape)
    assert back.tobytes() == some.tobytes()


def test_what_earlier_versions_compressed_is_read() -> None:
    body = "28b52ffd2022110100b00002ff040001000000002800000000006b00000000006e40007fc03f4e4080437f"
    some = [[0, 2, np.nan], [0.5, 1e9, 3], [4, 0, 1], [0, 0, 0], [-0.0, 255, np.nan]]
    assert np.array_equal(decompress(bytes.fromhex(body), (5, 3)), np.array(some, np.float32), equal_nan=True)


@pytest.mark.parametrize("rows", [3, ROWS, TILE + 5])
def test_what_was_written_is_read_at_any_age(rows: int) -> None:
    steps = 2 * SHEET + 100
    made = filled(steps, rows)
    for first, many in ((0, 40), (SHEET - 20, 40), (steps - 50, 50)):
        out = np.full((many, rows), np.nan)
        assert made.read(0, first, out)
        assert np.array_equal(out, values(first, many, rows), equal_nan=True)
        some = [0, rows - 1, rows // 2]
        picked = made.pick(1, some, first, first + many)
        assert np.array_equal(picked, -values(first, many, rows)[:, some], equal_nan=True)


def test_a_block_that_steps_have_passed_does_not_stay_decompressed() -> None:
    made = filled(2 * SHEET)
    first, out = 2 * SHEET, np.empty((1, ROWS))
    for step in range(first, first + 2 * BLOCK):
        for lag in (SHEET, SHEET + 7 * BLOCK):
            assert made.read(0, step - lag, out)
            assert np.array_equal(out, values(step - lag, 1), equal_nan=True)
        assert len(made._whole) == 2
        made.write(step, values(step, 1), values(step, 1))


def test_a_series_added_later_has_no_past() -> None:
    made = filled(100)
    made.add(5)
    made.write(100, values(100, 1, ROWS + 5), values(100, 1, ROWS + 5))
    assert np.isnan(made.pick(0, [ROWS + 3], 0, 100)).all()
    assert made.pick(0, [ROWS + 1], 100, 101)[0, 0] == values(100, 1, ROWS + 5)[0, ROWS + 1]


def test_few_series_that_become_many_keep_their_past() -> None:
    made = filled(200, 5)
    made.add(ROWS)
    made.write(200, values(200, 1, ROWS + 5), values(200, 1, ROWS + 5))
    assert np.array_equal(made.pick(0, range(5), 0, 200), values(0, 200, 5), equal_nan=True)


@pytest.mark.parametrize("index", [3, SHEET - 1, SHEET + 700])
def test_a_value_can_be_changed_afterwards(index: int) -> None:
    made = filled(2 * SHEET + SHEET // 2)
    made.change(0, index, np.array([1, 60, 500]), np.array([5.5, 6.5, 7.5]))
    expected = values(index - 1, 3)
    expected[1, [1, 60]] = 5.5, 6.5
    assert np.array_equal(made.pick(0, range(ROWS), index - 1, index + 2), expected, equal_nan=True)
    made.write(2 * SHEET + SHEET // 2, values(0, BLOCK + 1), values(0, BLOCK + 1))
    copy = timeline()
    copy.restore(made.snapshot())
    assert np.array_equal(copy.pick(0, range(ROWS), index - 1, index + 2), expected, equal_nan=True)
    blocks = [int(name.rpartition("/")[2]) for name in made.snapshot() if name.startswith("past/block/")]
    assert min(blocks) >= 2 * SHEET // BLOCK, "the days that are over are one part each again"


@pytest.mark.parametrize("steps", [1, BLOCK, 400, SHEET + 500, 2 * SHEET + 77])
@pytest.mark.parametrize("rows", [4, ROWS])
@pytest.mark.parametrize("sheets", [True, False])
def test_a_timeline_restored_anywhere_continues_byte_for_byte(steps: int, rows: int, *, sheets: bool) -> None:
    made = filled(steps, rows, sheets=sheets)
    copy = timeline(rows, sheets=sheets)
    copy.restore(made.snapshot())
    assert copy.snapshot() == made.snapshot()
    for line, first in itertools.product((made, copy), range(steps, steps + 600, 50)):
        line.write(first, values(first, 50, rows), values(first, 50, rows))
    assert copy.snapshot() == made.snapshot()


def test_parts_of_past_days_are_the_same_objects_in_every_snapshot() -> None:
    made = filled(2 * SHEET)
    before = made.snapshot()
    made.write(2 * SHEET, values(0, BLOCK), values(0, BLOCK))
    after = made.snapshot()
    changed = {name for name, part in after.items() if part is not before.get(name)}
    last = 2 * SHEET // BLOCK
    assert changed <= {"past/at", "past/open", f"past/block/{last - 1}", f"past/block/{last - 2}"}


def test_a_day_becomes_one_part_and_old_days_are_dropped() -> None:
    made = filled(6 * SHEET)
    days = {name for name in made.snapshot() if name.removeprefix("past/").isdigit()}
    assert days == {f"past/{day}" for day in (2, 3, 4)}
    assert np.isnan(made.pick(0, [0], 0, 2 * SHEET)).all()
    hours = filled(KEEP + 200, sheets=False)
    assert np.isnan(hours.pick(0, [0], 0, 180)).all()
    assert not np.isnan(hours.pick(0, [0], 210, KEEP + 200)).any()


def test_habits_are_the_same_whether_or_not_most_of_the_day_is_compressed() -> None:
    draw = np.random.default_rng(1)
    plain, folded = Habits(144), Habits(144)
    rows = MANY
    for habits in (plain, folded):
        habits.add(rows)
    folded.fold()
    assert folded.folded
    for turn in range(300):
        slot = turn % 144
        more = draw.exponential(1, rows).astype(np.float32)
        folded.hold_around(slot)
        for habits, places in ((plain, 144), (folded, HELD)):
            habits.arrays()["above"][slot % places] = more
            habits.arrays()["rose"][2, slot % places] = more * 2
        folded.change(slot)
        if turn == 150:
            rows += 3
            for habits in (plain, folded):
                habits.add(3)
            copy = Habits(144)
            copy.add(rows)
            copy.restore(folded.snapshot())
            folded = copy
    folded.unfold()
    for name, array in plain.arrays().items():
        assert np.array_equal(folded.arrays()[name], array)


def test_a_day_that_an_earlier_version_cut_otherwise_is_opened_whole() -> None:
    plain = Habits(32)
    plain.add(MANY)
    plain.arrays()["above"][:] = np.random.default_rng(2).exponential(1, (32, MANY))
    plain.fold()
    assert not plain.folded, "32 slots are no multiple of those that stay open"
    parts = {f"habits/{slot}": plain._packed(plain._open[:, slot]) for slot in range(32)}
    copy = Habits(32)
    copy.add(MANY)
    copy.restore(parts)
    assert np.array_equal(copy.arrays()["above"], plain.arrays()["above"])


def test_nothing_is_held_of_a_layer_as_long_as_nothing_is_written_there() -> None:
    made = timeline()
    made.write(0, values(0, 20), np.full((20, ROWS), np.nan))
    copy = timeline()
    copy.restore(made.snapshot())
    for line in (made, copy):
        assert all(held.written(1) is None for held in line._open.values())
        assert not line.read(1, 0, np.empty((20, ROWS)))
        line.change(1, 17, np.array([3]), 1.0)
        picked = line.pick(1, [2, 3], 17, 18)
        assert np.array_equal(picked, [[np.nan, 1.0]], equal_nan=True)
