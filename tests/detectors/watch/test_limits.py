"""When a limit is near, and when a forecast is sure enough to be reported."""

import numpy as np
import pytest

from detectors.model.finding import Growth
from detectors.watch.limits import LimitChange, LimitWatch, in_sight, tomorrow

STEP = 60


class Watched:
    """One series with a limit of 1 at first."""

    def __init__(self) -> None:
        self.limit = 1.0
        self.watch = LimitWatch(STEP, 0.9)
        self.watch.add(1)
        self.at = 0
        self.reported: list[LimitChange] = []

    def see(
        self,
        share: float,
        minutes: int = 1,
        *,
        throttled: bool = False,
        calm: bool = True,
        soon: bool = False,
    ) -> list[tuple[str, bool]]:
        """Return the reports: state, near."""
        before = len(self.reported)
        for _ in range(minutes):
            flags = {"throttled": throttled, "calm": calm, "soon": soon}
            given = {name: np.array([flag]) for name, flag in flags.items()}
            self.reported += self.watch.watch(self.at, np.array([share]), np.array([self.limit]), **given)
            self.at += STEP
        return [(close.state, close.near) for close in self.reported[before:]]

    def restart(self) -> None:
        part = self.watch.snapshot()
        self.watch = LimitWatch(STEP, 0.9)
        self.watch.add(1)
        self.watch.restore(part)


def test_what_is_near_for_five_minutes_is_reported_once() -> None:
    series = Watched()
    assert series.see(0.5, 30) == []
    assert series.see(0.95, 4) == []
    assert series.see(0.95, 60) == [("open", True)]


def test_what_has_no_limit_is_passed_by_as_if_it_was_watched() -> None:
    watched, passed = LimitWatch(STEP, 0.9), LimitWatch(STEP, 0.9)
    nothing = np.zeros(3, bool)
    flags = {"throttled": nothing, "calm": ~nothing, "soon": nothing}
    for watch in (watched, passed):
        watch.add(3)
    assert passed.idle
    for at in range(0, 4 * 86400, 7 * STEP):
        observed = np.where(np.arange(3) < at // 86400, np.nan, 5.0)
        assert watched.watch(at, observed, np.full(3, np.inf), **flags) == []
        passed.pass_by(at, observed)
    assert watched.snapshot() == passed.snapshot()
    passed.watch(4 * 86400, np.array([0.0, 0.1, 0.0]), np.ones(3), **flags)
    assert not passed.idle


def test_a_burst_is_not_reported() -> None:
    series = Watched()
    series.see(0.3, 30)
    assert series.see(1.5, 1) + series.see(0.3, 30) == []


def test_what_a_spike_does_to_the_limit_is_left_to_the_spike() -> None:
    series = Watched()
    series.see(0.3, 30)
    assert series.see(2.0, 60, calm=False, throttled=True) == []


def test_with_throttling_it_is_reported_earlier_but_only_near_the_limit() -> None:
    series = Watched()
    assert series.see(0.5, 30, throttled=True) == []
    series.see(0.85, 10)
    assert series.see(0.85, 1, throttled=True) == [("open", True)]


def test_a_forecast_of_less_than_a_day_is_near() -> None:
    assert Watched().see(0.5, soon=True) == [("open", True)]


def test_it_ends_after_a_day_without_coming_close() -> None:
    series = Watched()
    series.see(0.95, 10)
    for _ in range(3):  # every evening it is close again
        assert ("end", True) not in series.see(0.2, 23 * 60) + series.see(0.85, 60)
    assert series.see(0.2, 23 * 60 + 50)[-1:] != [("end", True)]
    assert ("end", True) in series.see(0.2, 30)


def test_a_level_that_is_close_every_day_without_growing_is_reported_for_planning() -> None:
    series = Watched()
    reported = [series.see(0.3, 22 * 60) + series.see(0.85, 2 * 60) for _ in range(4)]
    assert reported == [[], [], [], [("open", False)]]
    assert series.see(0.3, 24 * 60) == [("update", False)]
    assert series.see(0.3, 24 * 60) == [("end", False)]


def test_a_level_that_comes_near_is_reported_as_near() -> None:
    series = Watched()
    for _ in range(4):
        series.see(0.3, 22 * 60)
        series.see(0.85, 2 * 60)
    changes = [change for change in series.see(0.95, 30) if change[0] != "update"]
    assert changes == [("end", False), ("open", True)]


def test_what_is_near_is_told_anew_when_it_moves_and_when_the_limit_is_reached() -> None:
    series = Watched()
    assert series.see(0.97, 30) == [("open", True)]
    assert series.see(0.98, 30) == []
    assert series.see(1.0, 10) == [("update", True)]
    assert series.see(0.05, 10)[-1] == ("update", True)
    assert series.see(0.05, 60) == []


def test_a_limit_that_is_lowered_is_near_at_once_and_updates_what_is_open() -> None:
    series = Watched()
    assert series.see(0.5, 30) == []
    series.limit = 0.5
    assert series.see(0.5) == [("open", True)]
    series.limit = 0.25
    assert series.see(0.5) == [("update", True)]
    assert series.watch.sustained == pytest.approx([2.0])


def test_a_limit_that_is_raised_updates_what_is_open_which_ends_a_day_after_it_was_close() -> None:
    series = Watched()
    series.see(0.95, 30)
    series.limit = 10.0
    assert series.see(0.95) == [("update", True)]
    assert series.see(0.95, 26 * 60)[-1] == ("end", True)


@pytest.mark.parametrize(("share", "minutes"), [(0.95, 30), (0.85, 3 * 24 * 60 + 10)])
def test_what_is_open_ends_with_its_limit_and_begins_with_another(share: float, minutes: int) -> None:
    series = Watched()
    [opened] = series.see(share, minutes)
    series.limit = np.inf
    assert series.see(share) == [("end", opened[1])]
    assert series.see(share, 26 * 60) == []
    series.limit = 1.0
    assert series.see(0.95, 5) == [("open", True)]


@pytest.mark.release
@pytest.mark.parametrize("restart", [10, 24 * 60 - 1, 24 * 60 + 3])
def test_a_restart_anywhere_changes_nothing(restart: int) -> None:
    def reported(cut: bool) -> list[LimitChange]:
        series = Watched()
        for minute in range(3 * 24 * 60):
            if cut and minute == restart:
                series.restart()
            series.see(0.93 if minute % 1440 < 30 else 0.4)
        return series.reported

    assert reported(True) == reported(False)
    assert reported(False)


def growth(middle: float | None, late: float | None) -> Growth:
    return Growth(
        per_day=0.03,
        per_day_lower=0.01,
        per_day_upper=0.05,
        days=21,
        days_to_limit=middle,
        days_to_limit_lower=middle,
        days_to_limit_upper=late,
    )


def test_a_forecast_is_reported_within_the_horizon_when_its_interval_is_narrow_enough() -> None:
    assert in_sight(growth(10, 20), horizon=14)
    assert not in_sight(growth(10, 40), horizon=14)  # may be in six weeks
    assert not in_sight(growth(20, 25), horizon=14)
    assert not in_sight(growth(None, None), horizon=14)


def test_tomorrow_requires_the_slow_end_of_the_forecast() -> None:
    assert tomorrow(growth(0.5, 0.9))
    assert not tomorrow(growth(0.5, 1.5))
    assert not tomorrow(growth(0.5, None))


class Sampled:
    """One series with a limit of 1, of which nothing is known unless it is sampled."""

    def __init__(self) -> None:
        self.watch = LimitWatch(STEP, 0.9)
        self.watch.add(1)
        self.at = 0

    def see(self, share: float, minutes: int = 1, *, every: int = 1) -> list[LimitChange]:
        no, yes, reported = np.array([False]), np.array([True]), []
        for _ in range(minutes):
            seen = np.array([np.nan if self.at // STEP % every else share])
            reported += self.watch.watch(
                self.at, seen, np.ones(1), throttled=no, calm=yes, soon=no, sparse=yes
            )
            self.at += STEP
        return reported


def test_the_mean_of_a_sampled_level_is_over_its_samples() -> None:
    level = Sampled()
    level.see(0.2, 20, every=5)
    assert [change.state for change in level.see(0.95, 20, every=5)] == ["open"]


def test_a_sampled_level_is_known_for_five_minutes_before_it_is_near() -> None:
    level = Sampled()
    assert level.see(1.0, 4) == []
    assert [change.state for change in level.see(1.0, 1)] == ["open"]


def test_a_sampled_level_that_was_near_is_lost_when_it_is_not_sampled_for_a_day() -> None:
    level = Sampled()
    level.see(0.95, 30)
    *_, end = level.see(np.nan, 25 * 60)
    assert (end.state, end.near, end.lost) == ("end", True, True)


def test_a_sampled_level_that_eased_is_not_lost() -> None:
    level = Sampled()
    level.see(0.95, 30)
    *_, end = level.see(0.3, 25 * 60)
    assert (end.state, end.lost) == ("end", False)


def test_a_daily_peak_of_a_sampled_level_is_lost_after_a_day_without_samples() -> None:
    level = Sampled()
    opened = level.see(0.85, 3 * 24 * 60 + 10)
    assert [(change.state, change.near) for change in opened] == [("open", False)]
    changes = level.see(np.nan, 2 * 24 * 60)
    assert [(change.state, change.lost) for change in changes] == [("update", False), ("end", True)]
