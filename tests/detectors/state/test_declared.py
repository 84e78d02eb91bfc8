"""State is declared, not carried: what an owner lists is what a snapshot has and a restart knows."""

import msgspec
import numpy as np
import pytest

from detectors.state.declared import Held, Owned, RowState, Stateful, StatePart, field
from detectors.state.state import StateError


class _Counted(msgspec.Struct):
    records: int
    newest: str


class Sensor(Stateful):
    STATE = (
        Held(StatePart("counted", _Counted), "_records", "_newest", arrays=("_values",)),
        Held(StatePart("alarms", list[str]), "alarms", if_any=True),
        Held(StatePart("place", str), "place", later=True),
    )

    def __init__(self) -> None:
        self._records, self._newest, self._values = 0, "", np.zeros(0)
        self.alarms: list[str] = []
        self.place = "unknown"
        self.restored = 0

    def see(self, value: float) -> None:
        self._records, self._newest = self._records + 1, str(value)
        self._values = np.append(self._values, value)

    @property
    def seen(self) -> tuple[int, str, list[float]]:
        return self._records, self._newest, self._values.tolist()

    def derive(self) -> None:
        self.restored += 1


class House(Stateful):
    STATE = (Owned("_door", "door/"), Owned("_rooms", "room/{}|"), Owned("_attic"))

    def __init__(self, attic: Sensor | None = None) -> None:
        self._door, self._rooms, self._attic = Sensor(), {"a": Sensor(), "b": Sensor()}, attic


class Levels(RowState):
    KIND = "levels"
    SETTINGS = ("_step",)
    NUMBERS = ("day",)
    level = field()

    def __init__(self, step: int) -> None:
        self._step, self.day = step, 0
        super().__init__()


def test_attributes_are_one_part_of_named_values_and_arrays() -> None:
    sensor, again = Sensor(), Sensor()
    sensor.see(1.5)
    parts = sensor.snapshot()
    assert sorted(parts) == ["counted", "place"], "no part of no alarms"
    again.restore(parts)
    assert again.seen == (1, "1.5", [1.5])
    assert again.restored == 1, "what follows is derived once"


def test_what_an_older_snapshot_lacks_stays_as_it_began() -> None:
    sensor, again = Sensor(), Sensor()
    sensor.place, sensor.alarms = "roof", ["smoke"]
    parts = sensor.snapshot()
    again.restore({"counted": parts["counted"]})
    assert (again.place, again.alarms) == ("unknown", [])
    again.restore(parts)
    assert (again.place, again.alarms) == ("roof", ["smoke"])


def test_a_part_that_must_be_there_is_named_when_it_is_missing() -> None:
    with pytest.raises(KeyError, match="counted"):
        Sensor().restore({})


def test_owners_within_an_owner_have_names_of_their_own() -> None:
    house, again = House(Sensor()), House(Sensor())
    house._rooms["b"].see(2.0)
    names = ["counted", "door/counted", "door/place", "place"]
    names += [f"room/{room}|{name}" for room in "ab" for name in ("counted", "place")]
    assert sorted(house.snapshot()) == names
    again.restore(house.snapshot())
    assert [room.seen[0] for room in again._rooms.values()] == [0, 1]
    assert "counted" not in House().snapshot(), "what is not there has no state"


def test_rows_are_read_with_the_settings_and_the_series_that_they_were_written_with() -> None:
    levels = Levels(60).add(2)
    levels.day = 7
    same = Levels(60).add(2)
    same.restore(levels.snapshot())
    assert same.day == 7
    with pytest.raises(StateError, match="'levels' was written with other settings: start"):
        Levels(30).add(2).restore(levels.snapshot())
    with pytest.raises(StateError, match="'levels' was written with other settings or series: start"):
        Levels(60).add(3).restore(levels.snapshot())
