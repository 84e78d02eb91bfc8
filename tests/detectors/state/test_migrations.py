"""State of an earlier version is brought up as it is read; that of a later one is refused."""

from typing import Any, ClassVar

import numpy as np
import pytest

from detectors.judge.memory import Habits
from detectors.state.compress import compress
from detectors.state.declared import RowState, field
from detectors.state.state import (
    FORMAT,
    Arrays,
    NewerStateError,
    Older,
    StateError,
    Writer,
    pack,
    refuse_newer,
    tail,
    unpack,
)


def named(meta: Any, arrays: Arrays) -> tuple[Any, Arrays]:
    """Version 1 had a pair where version 2 has names."""
    first, last = meta
    return {"first": first, "last": last}, arrays


def doubled(meta: Any, arrays: Arrays) -> tuple[Any, Arrays]:
    """Version 2 held halves of what version 3 holds."""
    return {**meta, "middle": 5}, {"x": arrays["x"] * 2}


OLDER = {1: named, 2: doubled}


def test_a_part_is_brought_up_one_version_at_a_time() -> None:
    oldest = pack("demo", 1, (1, 9), {"x": np.arange(3)})
    older = pack("demo", 2, {"first": 1, "last": 9}, {"x": np.arange(3)})
    for part in (
        oldest,
        older,
        pack("demo", 3, {"first": 1, "last": 9, "middle": 5}, {"x": 2 * np.arange(3)}),
    ):
        meta, arrays = unpack(part, "demo", 3, dict[str, int], OLDER)
        assert meta == {"first": 1, "last": 9, "middle": 5}
        assert arrays["x"].tolist() == [0, 2, 4]
        arrays["x"][0] = 7  # writable, as a part of the present version is


def test_a_part_of_bytes_is_brought_up_too() -> None:
    part = pack("demo", 2, {"first": 1, "last": 9}, {"x": np.array([1, 2], np.uint8)})
    meta, body = tail(part, "demo", 3, dict[str, int], OLDER)
    assert meta["middle"] == 5
    assert bytes(body) == b"\x02\x04"


@pytest.mark.parametrize(("version", "older"), [(4, OLDER), (1, {2: doubled}), (1, {1: named})])
def test_a_later_version_or_one_without_a_migration_is_refused(version: int, older: Any) -> None:
    part = pack("demo", version, (1, 9), {})
    with pytest.raises(StateError, match=f"is 'demo' version {version}, this version of uneri reads"):
        unpack(part, "demo", 3, dict[str, int], older)


def test_what_a_migration_makes_is_checked_like_what_was_read() -> None:
    part = pack("demo", 1, (1, "nine"), {})
    with pytest.raises(StateError, match="'demo' version 1 is not readable"):
        unpack(part, "demo", 2, dict[str, int], OLDER)


def test_rows_of_an_earlier_version_are_brought_up() -> None:
    class Levels(RowState):
        KIND = "levels"
        VERSION = 3
        OLDER: ClassVar[Older] = {2: doubled}
        x = field()

    levels = Levels().add(2)
    levels.restore({"levels": pack("levels", 2, {}, {"x": np.array([1.0, 2.0])})})
    assert levels.x.tolist() == [2, 4]


def test_habits_of_five_days_are_read_as_those_of_three() -> None:
    slots, rows = 2, 3
    numbers = np.random.default_rng(0).exponential(1, (12, slots, rows)).astype(np.float32)
    of_day = {"habits": pack("habits", 1, slots, {"numbers": numbers})}
    by_slot = {
        f"habits/{slot}": pack(
            "habits", 1, rows, {"body": np.frombuffer(compress(numbers[:, slot].T.copy()), np.uint8)}
        )
        for slot in range(slots)
    }
    for parts in (of_day, by_slot):
        habits = Habits(slots)
        habits.add(rows)
        habits.restore(parts)
        habits.unfold()
        found = habits.arrays()
        assert np.array_equal(found["above"], numbers[0])
        assert np.array_equal(found["below"], numbers[1])
        assert np.array_equal(found["rose"], numbers[2:5])
        assert np.array_equal(found["fell"], numbers[7:10])


def test_state_of_a_later_format_is_refused_with_the_version_to_start() -> None:
    refuse_newer(Writer(FORMAT, "0.9.0"), "the state")
    with pytest.raises(NewerStateError) as refused:
        refuse_newer(Writer(FORMAT + 1, "0.9.0"), "the state")
    assert f"was written by uneri 0.9.0 (format {FORMAT + 1})" in str(refused.value)
    assert "start uneri 0.9.0, or restore a backup from before the upgrade" in str(refused.value)
    assert "\n" not in str(refused.value)
