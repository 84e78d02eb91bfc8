"""Levels become series, with the limits that their samples state."""

import numpy as np

from detectors.model.measures import Measure
from detectors.model.scope import Scope
from detectors.model.stated import LevelName, StatedLevel
from streams.engine.measure.level_rows import DELAYED_SECONDS, LevelLimit, LevelRows, with_delayed

ACCOUNT = Scope("account", "aws", "1", "", "1")
USED = LevelName(ACCOUNT, "used", "1")
AGE = LevelName(ACCOUNT, "age", "ms")
BARE = LevelName(ACCOUNT, "used")


def rows(*names: LevelName) -> LevelRows:
    made = LevelRows()
    made.add(names, 100)
    return made


def test_a_level_times_the_seconds_of_its_step_is_known_where_it_was_sampled() -> None:
    levels = rows(USED, AGE)
    assert levels.series == [(ACCOUNT, Measure("level:age[ms]")), (ACCOUNT, Measure("level:used"))]
    np.testing.assert_array_equal(levels.values({USED: StatedLevel(7.0)}, 60), [np.nan, 420.0])


def test_the_order_in_which_they_came_changes_nothing() -> None:
    assert rows(USED, AGE).series == rows(AGE, USED).series


def test_a_mere_number_is_the_same_level_with_and_without_its_unit() -> None:
    levels = rows(USED, BARE)
    assert len(levels) == 1
    both = {USED: StatedLevel(7.0, 20.0), BARE: StatedLevel(9.0, 10.0)}
    assert levels.values(both, 1).tolist() == [9.0]
    assert levels.restate(both) == [LevelLimit(ACCOUNT, Measure("level:used"), 10.0)]


def test_a_limit_holds_until_another_is_stated() -> None:
    levels = rows(USED)
    assert levels.restate({USED: StatedLevel(1.0)}) == []
    assert [limit.limit for limit in levels.restate({USED: StatedLevel(1.0, 10.0)})] == [10.0]
    assert levels.restate({USED: StatedLevel(1.0, 10.0)}) == []
    assert levels.restate({USED: StatedLevel(1.0)}) == []
    assert levels.restate({USED: StatedLevel(1.0, 0.0)}) == []  # nothing may be used: no limit to come near
    assert [limit.limit for limit in levels.restate({USED: StatedLevel(1.0, 20.0)})] == [20.0]
    assert [limit.limit for limit in levels.limits()] == [20.0]


def test_what_there_is_no_room_for_is_left_out() -> None:
    levels = LevelRows()
    assert levels.add([USED, AGE], 1) == [0]
    assert levels.add([USED, AGE], 0) == []
    assert np.isnan(levels.values({USED: StatedLevel(1.0)}, 60)).all()
    assert levels.restate({USED: StatedLevel(1.0, 10.0)}) == []


def test_levels_that_are_left_out_take_no_memory() -> None:
    levels = rows(USED)
    levels.add([LevelName(ACCOUNT, f"left out {number}") for number in range(10)], 0)
    assert not any(text.startswith("level:left out") for text in Measure._value2member_map_)


def test_a_restored_level_goes_on_with_its_limit() -> None:
    levels = rows(USED, AGE)
    levels.restate({USED: StatedLevel(1.0, 10.0)})
    again = LevelRows()
    again.restore(levels.state([3, 5]))
    assert (again.series, again.limits()) == (levels.series, levels.limits())
    assert [state.after for state in again.state([3, 5])] == [3, 5]


def test_what_came_a_little_late_stands_in_where_nothing_newer_is_known() -> None:
    start = 10_000_000
    late = [
        (start - DELAYED_SECONDS - 60, {AGE: StatedLevel(99.0)}),
        (start - 120, {USED: StatedLevel(1.0), AGE: StatedLevel(2.0)}),
        (start - 60, {AGE: StatedLevel(3.0)}),
    ]
    assert with_delayed(start, {USED: StatedLevel(7.0)}, late) == {
        USED: StatedLevel(7.0),
        AGE: StatedLevel(3.0),
    }
    assert with_delayed(start, {}, late[:1]) == {}
