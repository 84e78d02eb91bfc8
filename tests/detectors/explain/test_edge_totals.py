import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.explain.edge_totals import EdgeTotals

STEP, DAY, WEEK = 60, 86400, 7 * 86400
CALM = np.zeros(2, bool)


def edges(days: float, *, start: int = 0, rate: tuple[float, float] = (6.0, 2.0)) -> EdgeTotals:
    """Two edges whose traffic is higher in the second half of every day."""
    past = EdgeTotals(STEP, 4)
    past.grow(2)
    for at in range(start, start + int(days * DAY), STEP):
        day = 2.0 if at % DAY >= DAY // 2 else 1.0
        past.append(at, np.array(rate) * day, CALM)
    return past


def test_the_same_time_last_week_is_expected_of_each_edge() -> None:
    past = edges(8.75)  # 18:00
    observed, expected = past.window([0, 1], int(8.75 * DAY) - 600, int(8.75 * DAY))
    assert observed == pytest.approx([120, 40])
    assert expected == pytest.approx([120, 40])


def test_a_new_level_of_all_edges_is_expected_of_each() -> None:
    past = edges(8)
    for at in range(8 * DAY, 8 * DAY + 3 * 3600, STEP):
        past.append(at, np.array([12.0, 4.0]), CALM)
    _, expected = past.window([0, 1], 8 * DAY + 3 * 3600 - 600, 8 * DAY + 3 * 3600)
    assert expected == pytest.approx([120, 40], rel=0.01)


def test_what_an_incident_spoilt_is_measured_but_not_learnt() -> None:
    past = edges(7)
    for at in range(7 * DAY, 7 * DAY + 3600, STEP):
        past.append(at, np.array([60.0, 2.0]), np.array([True, True]))
    observed, expected = past.window([0, 1], 7 * DAY, 7 * DAY + 3600)
    assert observed == pytest.approx([3600, 120])
    assert expected == pytest.approx([360, 120], rel=0.2)
    for at in range(7 * DAY + 3600, 14 * DAY + 3600, STEP):
        past.append(at, np.array([6.0, 2.0]), CALM)
    _, expected = past.window([0, 1], 14 * DAY, 14 * DAY + 3600)
    assert expected == pytest.approx([360, 120], rel=0.2), "a week later the incident is not expected"


def test_without_a_week_yesterday_is_expected_and_without_a_day_the_last_hours() -> None:
    _, expected = edges(2.75).window([0, 1], int(2.75 * DAY) - 600, int(2.75 * DAY))
    assert expected == pytest.approx([120, 40])
    _, expected = edges(0.25).window([0], int(0.25 * DAY) - 600, int(0.25 * DAY))
    assert expected == pytest.approx([60])


def test_nothing_is_expected_of_an_edge_that_was_never_seen_before() -> None:
    past = edges(7.5)
    past.grow(1)
    for at in range(int(7.5 * DAY), int(7.5 * DAY) + 600, STEP):
        past.append(at, np.array([12.0, 4.0, 50.0]), np.zeros(3, bool))
    observed, expected = past.window([0, 1, 2], int(7.5 * DAY), int(7.5 * DAY) + 600)
    assert observed[2] == pytest.approx(500)
    assert expected[2] == 0


def test_a_rise_compares_the_last_day_with_the_first() -> None:
    past = EdgeTotals(STEP, 4)
    past.grow(2)
    for at in range(0, 10 * DAY, STEP):
        past.append(at, np.array([10.0 + at // DAY, 5.0]), CALM)
    now, then = past.rise([0, 1], 0, 10 * DAY)
    assert (now - then) == pytest.approx([9, 0], abs=0.1)


@given(st.integers(1, 300))
def test_a_restored_copy_continues_as_the_original(cut: int) -> None:
    whole, half = EdgeTotals(STEP, 1), EdgeTotals(STEP, 1)
    values = np.random.default_rng(1).poisson(5, (320, 2)).astype(float)
    for past in (whole, half):
        past.grow(2)
    for number, row in enumerate(values):
        whole.append(number * STEP, row, CALM)
        if number < cut:
            half.append(number * STEP, row, CALM)
    copy = EdgeTotals(STEP, 1)
    copy.grow(2)
    copy.restore(half.snapshot())
    for number in range(cut, len(values)):
        copy.append(number * STEP, values[number], CALM)
    assert copy.snapshot() == whole.snapshot()


def office(days: float, *, disturbed: float = -1) -> EdgeTotals:
    """Two edges with calls in office hours only, and three calls at the second ``disturbed``."""
    past = EdgeTotals(STEP, 4)
    past.grow(2)
    for at in range(0, int(days * DAY), STEP):
        works = at // DAY % 7 < 5 and 8 <= at % DAY // 3600 < 18
        past.append(at, np.array([6.0, 2.0]) * works + np.array([3.0, 0.0]) * (at == disturbed), CALM)
    return past


def test_nothing_is_expected_of_silent_hours_that_are_silent_every_week() -> None:
    crawled = 19 * DAY + 15 * 3600
    past = office(crawled / DAY)
    for at in range(crawled, crawled + 600, STEP):
        past.append(at, np.array([0.0, 30.0]), CALM)
    observed, expected = past.window([0, 1], crawled, crawled + 600)
    assert observed == pytest.approx([0, 300])
    assert expected == pytest.approx([0, 0]), "not what the day before had"


@pytest.mark.parametrize("disturbed", [-1, 9 * DAY + 7 * 3600])
def test_a_few_calls_at_night_hardly_change_what_is_expected_of_the_morning(
    disturbed: float,
) -> None:
    morning = 9 * DAY + 8 * 3600
    past = office((morning + 600) / DAY, disturbed=disturbed)
    _, expected = past.window([0, 1], morning, morning + 600)
    assert expected == pytest.approx([60, 20], rel=0.35)


def test_the_doubt_about_an_amount_is_that_about_its_calls() -> None:
    past = office(9 + 8.5 / 24)
    begin = 9 * DAY + 8 * 3600
    _, calls = past.window([0, 1], begin, begin + 1800)
    dear = EdgeTotals(STEP, 4)
    dear.grow(4)
    for at in range(0, begin + 1800, STEP):
        works = at // DAY % 7 < 5 and 8 <= at % DAY // 3600 < 18
        dear.append(at, np.array([6.0, 2.0, 600.0, 200.0]) * works, np.zeros(4, bool))
    _, units = dear.window([2, 3], begin, begin + 1800, [0, 1])
    assert units == pytest.approx(100 * calls)


def test_the_mix_of_clients_is_that_of_the_day_before_even_after_a_release() -> None:
    past = EdgeTotals(STEP, 4)
    past.grow(2)
    released = 9 * DAY
    for at in range(0, 11 * DAY + 600, STEP):
        build = [0.0, 8.0] if at >= released else [8.0, 0.0]
        flood = 3.0 if at >= 11 * DAY else 1.0
        past.append(at, np.array(build) * flood, CALM)
    brought = past.window([0, 1], 11 * DAY, 11 * DAY + 600)
    assert brought[1] == pytest.approx([80, 0]), "what the weeks say"
    assert past.mix([0, 1], 11 * DAY) == pytest.approx([0, 1])
    assert past.mix([0, 1], 0) == pytest.approx([0, 0]), "of a day before all others nothing is known"
