"""The end of a long incident is not an incident: a return to the level of earlier weeks ends it."""

import numpy as np
import pytest

from detectors.model.array_types import Floats
from detectors.score.score import Scored, score

BEGIN = 1_759_708_800  # a Monday, 00:00 UTC
MINUTES_A_DAY = 1440
AT = 25 * MINUTES_A_DAY + 600


def judged(values: Floats) -> Scored:
    return score(BEGIN + 60 * np.arange(len(values), dtype=np.int64), values)


def calm(seed: int, days: int = 29) -> Floats:
    day = np.arange(days * MINUTES_A_DAY) / MINUTES_A_DAY
    shape = (1 + 0.5 * np.sin(2 * np.pi * (day - 0.3))) * np.where(day % 7 >= 5, 0.7, 1.0)
    return 100 * shape * (1 + 0.03 * np.random.default_rng(seed).normal(size=len(day)))


@pytest.mark.variants
@pytest.mark.parametrize("minutes", [181, 240, 300, 1000])
@pytest.mark.parametrize(("factor", "kind"), [(0.1, "drop"), (0.0, "drop"), (4.0, "spike")])
def test_recovery_after_hours_is_not_a_second_page(minutes: int, factor: float, kind: str) -> None:
    values = calm(seed=1)
    values[AT : AT + minutes] *= factor
    found = judged(values)
    (reported,) = np.flatnonzero(found.alert)
    assert AT <= reported < AT + 3
    assert found.kind[reported] == kind
    assert set(found.kind[AT + minutes + 10 :]) == {""}


def test_a_slow_return_is_not_notable_either() -> None:
    values = calm(seed=2)
    values[AT : AT + 300] *= 0.1
    values[AT + 300 : AT + 330] *= np.linspace(0.1, 1, 30)
    assert len(np.flatnonzero(judged(values).alert)) == 1


def test_after_a_return_the_same_is_expected_as_before() -> None:
    values = calm(seed=3)
    usual = calm(seed=3)
    values[AT : AT + 300] *= 0.1
    found = judged(values)
    after = slice(AT + 305, AT + 365)
    assert np.median(found.expected[after] / usual[after]) == pytest.approx(1, abs=0.1)


def test_an_incident_beyond_the_previous_level_is_reported() -> None:
    values = calm(seed=4)
    values[AT : AT + 300] *= 0.3
    values[AT + 300 : AT + 320] *= 3
    assert len(np.flatnonzero(judged(values).alert)) == 2


def test_a_second_fall_after_a_return_is_reported() -> None:
    values = calm(seed=5)
    values[AT : AT + 300] *= 0.1
    values[AT + 500 : AT + 520] *= 0.1
    assert [np.floor((at - AT) / 100) for at in np.flatnonzero(judged(values).alert)] == [0, 5]


def test_days_after_a_shift_up_a_fall_half_way_back_is_reported() -> None:
    values = calm(seed=6, days=30)
    values[AT:] *= 6
    fallen = AT + 3 * MINUTES_A_DAY
    values[fallen : fallen + 30] *= 0.45
    reported = np.flatnonzero(judged(values).alert)
    assert len(reported) == 2
    assert fallen <= reported[1] < fallen + 3
