"""Which gaps are an absence."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.judge.kernel.scale import COUNTS_OF_ROOT, from_scale, to_scale
from detectors.model.finding import RETIRED_SECONDS
from detectors.watch.absence import BUSY_GAPS, LATE_SECONDS, LEAST_GAPS, REACH_SECONDS, AbsenceWatch

STEP = 60
PERSIST, RECOVER = 2, 5


class Watched:
    """One series, step after step."""

    def __init__(self) -> None:
        self.watch = self._new()
        self.watch.add(1)
        self.at = 0
        self.ended: list[int] = []

    @staticmethod
    def _new() -> AbsenceWatch:
        return AbsenceWatch(STEP, PERSIST, RECOVER)

    def see(
        self,
        *observed: float,
        expected: float,
        may_open: bool = True,
        known: bool = True,
        evident: bool = False,
        wide: bool = False,
        level: float = 0.0,
        hours: float = 0.0,
    ) -> list[bool]:
        """Return after each step whether an absence is reported."""
        reported = []
        for value in observed:
            ended = self.watch.watch(
                self.at,
                np.array([value]),
                np.array([expected]),
                np.array([may_open]),
                known=np.array([known or evident]),
                evident=np.array([evident]),
                wide=np.array([wide]),
                level=level,
                hours=hours,
            )
            self.ended += [self.at] * bool(ended[0])
            reported.append(bool(self.watch.absent[0]))
            self.at += STEP
        return reported

    def restart(self) -> None:
        part = self.watch.snapshot()
        self.watch = self._new()
        self.watch.add(1)
        self.watch.restore(part)


def test_a_dense_series_that_stops_is_reported_after_it_persisted() -> None:
    series = Watched()
    assert series.see(20, 22, 0, 0, expected=20) == [False, False, False, True]
    assert series.watch.since[0] == 2 * STEP  # the end of its last request's step


def test_a_sparse_series_is_reported_when_twenty_requests_were_missed() -> None:
    series = Watched()
    series.see(1, expected=1)
    reported = series.see(*[0] * 30, expected=1)
    assert reported.index(True) == LEAST_GAPS - 1


def test_a_gap_where_nothing_was_expected_has_no_weight() -> None:
    series = Watched()
    series.see(5, expected=5)
    assert not any(series.see(*[0] * 2000, expected=0.001))


def bursts(size: int, *, each: int, seconds: int = 14 * 86400) -> Watched:
    """Return a series of a scheduled job: requests in one of several steps."""
    series = Watched()
    for _ in range(seconds // STEP // each):
        series.see(size, *[0] * (each - 1), expected=size / each, may_open=False)
    return series


def test_a_gap_is_weighed_against_those_the_series_has() -> None:
    dense = Watched()
    dense.see(*[40, 44] * 5000, expected=40)
    assert dense.see(0, 0, expected=40) == [False, True]
    bursty = bursts(40, each=10)  # gaps of 36; with random clumps they would be 18 on average
    reported = bursty.see(*[0] * 240, expected=4)
    assert reported.index(True) == pytest.approx(LEAST_GAPS * 18 / 4, rel=0.15)


def test_one_heavy_gap_does_not_hide_the_next_for_weeks() -> None:
    series = Watched()
    series.see(*[1] * 5000, expected=1)
    series.see(*[0] * 19, *[1] * 100, expected=1)  # a gap that was not reported
    reported = series.see(*[0] * 60, expected=1)
    assert reported.index(True) < 3 * 19  # not twenty times it


def test_a_day_off_before_anything_could_be_reported_hides_no_absence() -> None:
    series = Watched()
    series.see(*[4] * 1000, *[0] * 360, *[4] * 1000, expected=4, may_open=False)
    reported = series.see(*[0] * 240, expected=4)
    assert reported.index(True) < 120


def test_without_another_day_to_compare_with_there_is_no_gap() -> None:
    series = Watched()
    series.see(*[40, *[0] * 30] * 3, expected=float("nan"))  # a young series with nothing to compare with
    assert series.watch.usual[0] == 1
    assert series.watch.nats[0] == 0


def test_a_gap_weighs_what_was_expected_before_it_however_the_level_follows() -> None:
    watch = AbsenceWatch(STEP, PERSIST, RECOVER)
    watch.add(1)
    every, at_one = np.ones(1, bool), to_scale(1.0, COUNTS_OF_ROOT, counted=True)
    watch.watch(0, np.ones(1), np.ones(1), every, known=every)
    for at in range(1, 11):  # the present level falls at once, the one over hours gradually
        watch.watch(
            STEP * at,
            np.zeros(1),
            np.full(1, from_scale(at_one / 2, COUNTS_OF_ROOT, counted=True)),
            every,
            known=every,
            level=np.full(1, -at_one / 2),
            hours=np.full(1, -at_one * at / 100),
        )
    assert watch.nats[0] == pytest.approx(10 * from_scale(at_one, COUNTS_OF_ROOT, counted=True), rel=0.1)


def test_where_more_requests_arrive_than_expected_more_are_missed() -> None:
    series = Watched()
    series.see(*[2] * 20000, expected=1)  # with few requests the median of the weeks is below the mean
    reported = series.see(*[0] * 30, expected=1)
    assert reported.index(True) == LEAST_GAPS / 2


def test_a_reported_absence_does_not_count_as_a_usual_gap() -> None:
    series = Watched()
    series.see(20, *[0] * 60, *[20] * 30, expected=20)
    assert series.watch.usual[0] == 1
    assert series.see(0, 0, expected=20) == [False, True]


def test_an_absence_is_reported_only_once_the_series_is_old_enough() -> None:
    series = Watched()
    series.see(20, expected=20)
    assert series.see(*[0] * 10, expected=20, may_open=False) == [False] * 10


def test_what_fell_silent_days_before_it_was_old_enough_is_not_missing() -> None:
    series = Watched()
    series.see(*[20] * 100, *[0] * (REACH_SECONDS // STEP + 1), expected=20, may_open=False)
    assert not any(series.see(*[0] * 100, expected=20))


@pytest.mark.parametrize("known", [True, False], ids=["missing", "nothing came at all"])
def test_missing_is_not_absent(known: bool) -> None:
    series = Watched()
    series.see(20, expected=20)
    value = float("nan") if known else 0.0
    assert series.see(*[value] * 100, expected=20, known=known) == [False] * 100
    assert series.see(0, 0, expected=20) == [False, True]


def test_what_was_missed_unseen_counts_once_it_is_evident_that_nothing_comes() -> None:
    series = Watched()
    series.see(20, expected=20)
    assert not any(series.see(*[0.0] * 9, expected=20, known=False))
    series.restart()
    assert series.see(0, expected=20, evident=True) == [True]
    assert series.watch.nats[0] == pytest.approx(10 * 20, rel=0.01)


def test_a_gap_in_the_input_that_ends_was_no_absence() -> None:
    series = Watched()
    series.see(20, expected=20)
    series.see(*[0.0] * 9, expected=20, known=False)
    assert series.see(0, expected=20) == [False]
    assert series.watch.nats[0] == pytest.approx(20, rel=0.01)


LATE = LATE_SECONDS // STEP


def closed_for_the_night() -> Watched:
    series = Watched()
    series.see(20, expected=20)
    series.see(*[0] * (REACH_SECONDS // STEP), expected=0)
    return series


@pytest.mark.parametrize("expected", [0.5, 2.0, 20.0])
def test_what_does_not_open_in_the_morning_is_absent_an_hour_after_it_should_have_been_busy(
    expected: float,
) -> None:
    series = closed_for_the_night()
    busy = -(-BUSY_GAPS // expected)
    reported = series.see(*[0] * 200, expected=expected)
    assert reported.index(True) == busy + LATE - 1
    assert series.watch.since[0] == REACH_SECONDS + (busy + 1) * STEP
    assert not any(series.see(*[expected] * RECOVER, expected=expected)[RECOVER - 1 :])


def test_what_opens_an_hour_late_was_not_absent_and_makes_no_later_gap_usual() -> None:
    series = closed_for_the_night()
    assert not any(series.see(*[0] * LATE, *[20] * 30, expected=20))
    assert series.watch.usual[0] == 1
    assert series.see(0, 0, expected=20) == [False, True]


def test_a_job_that_does_not_come_is_not_absent_for_the_rest_of_the_night() -> None:
    series = closed_for_the_night()
    series.see(*[0] * (LATE // 2), expected=20)
    assert not any(series.see(*[0] * 100, expected=0))
    assert not any(series.see(*[0] * LATE, expected=20))  # nor an hour late the next day


def test_a_level_that_was_a_little_higher_misses_no_requests_where_none_are_expected() -> None:
    series = Watched()
    higher = to_scale(0.2, COUNTS_OF_ROOT, counted=True)
    series.see(20, expected=20)
    series.see(*[0] * (REACH_SECONDS // STEP), expected=0, level=higher, hours=higher)
    assert not any(series.see(*[0] * 1000, expected=0))  # the level has followed, that over hours has not


def test_a_morning_of_which_no_week_is_known_counts_nothing_and_forgets_nothing() -> None:
    series = closed_for_the_night()
    series.see(*[0] * (LATE // 2), expected=2)
    assert not any(series.see(*[0] * LATE, expected=float("nan")))
    assert series.see(0, expected=2) == [True]


def test_an_absence_ends_after_two_steps_of_full_traffic() -> None:
    series = Watched()
    series.see(20, 0, 0, 0, expected=20)
    back = series.at
    assert series.see(*[20] * 6, expected=20) == [True] * (PERSIST - 1) + [False] * 5
    assert series.ended == [back + (PERSIST - 1) * STEP]


def test_an_absence_ends_some_steps_after_a_part_of_the_traffic_returned() -> None:
    series = Watched()
    series.see(20, 0, 0, 0, expected=20)
    back = series.at
    assert series.see(*[8] * 6, expected=20) == [True] * (RECOVER - 1) + [False] * 2
    assert series.ended == [back + (RECOVER - 1) * STEP]


def test_a_straggler_does_not_end_an_absence() -> None:
    series = Watched()
    series.see(20, 0, 0, 0, expected=20)
    assert all(series.see(1, 0, 0, 0, 0, 0, 0, 0, 0, expected=20))


def test_after_a_week_an_absent_scope_is_retired_and_starts_again() -> None:
    series = Watched()
    series.see(20, expected=20)
    reported = series.see(*[0] * (RETIRED_SECONDS // STEP + 500), expected=20)
    assert reported[RETIRED_SECONDS // STEP - 2]
    assert not reported[RETIRED_SECONDS // STEP]
    assert len(series.ended) == 1
    assert not any(reported[RETIRED_SECONDS // STEP :])
    assert series.see(20, 0, 0, expected=20) == [False, False, True]


def test_as_long_as_nothing_of_anybody_comes_nothing_is_retired() -> None:
    series = Watched()
    series.see(20, expected=20, wide=True)
    silence = [0] * (RETIRED_SECONDS // STEP + 500)
    assert all(series.see(*silence, expected=20, known=False, evident=True, wide=True)[PERSIST:])
    assert not series.ended
    assert series.see(20, 20, 20, 20, 20, expected=20, wide=True)[-1] is False


def test_what_comes_back_after_a_week_of_unknown_minutes_ends_as_any_other() -> None:
    series = Watched()
    series.see(20, 0, 0, 0, expected=20)
    series.at += RETIRED_SECONDS  # nobody listened
    assert series.see(*[20] * 6, expected=20) == [True] * (PERSIST - 1) + [False] * 5


@pytest.mark.parametrize("restart", [1, 10, 60, 64])
def test_a_restart_in_a_morning_that_does_not_come_changes_nothing(restart: int) -> None:
    whole, cut = closed_for_the_night(), closed_for_the_night()
    reported = whole.see(*[0] * 100, expected=2)
    before = cut.see(*[0] * restart, expected=2)
    cut.restart()
    assert before + cut.see(*[0] * (100 - restart), expected=2) == reported
    assert any(reported)


@pytest.mark.release
@given(st.lists(st.sampled_from([0.0, 0.0, 0.0, 7.0, float("nan")]), max_size=60), st.integers(0, 60))
def test_a_restart_anywhere_changes_nothing(values: list[float], restart: int) -> None:
    whole, cut = Watched(), Watched()
    reported = whole.see(7.0, *values, expected=7)
    before = cut.see(*[7.0, *values][:restart], expected=7)
    cut.restart()
    assert before + cut.see(*[7.0, *values][restart:], expected=7) == reported
    assert cut.ended == whole.ended


@pytest.mark.parametrize("wide", [True, False])
def test_what_is_everybody_learns_gaps_in_which_nothing_of_anybody_came(wide: bool) -> None:
    series = Watched()
    for _ in range(300):
        series.see(5, expected=5, wide=wide)
        series.see(*[0] * 4, expected=5, known=False, wide=wide)
    usual = 5 * 4 / 2  # nearly half of the mean gap
    assert series.watch.usual[0] == pytest.approx(usual if wide else 1, rel=0.1)


@pytest.mark.parametrize("rate", [0.2, 1.0, 5.0])
def test_a_poisson_stream_is_not_absent_by_chance(rate: float) -> None:
    """Half a million steps of a hundred series."""
    drawn = np.random.Generator(np.random.PCG64(7)).poisson(rate, (5000, 100)).astype(float)
    watch = AbsenceWatch(STEP, PERSIST, RECOVER)
    watch.add(100)
    for at, row in enumerate(drawn):
        watch.watch(at * STEP, row, np.full(100, rate), np.full(100, at > 1000), known=np.ones(100, bool))
        assert not watch.absent.any()
