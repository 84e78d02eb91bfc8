"""Jobs by local time and by UTC, judged while the clocks of the calendar change."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from config.settings import CalendarSettings, JudgeSettings
from detectors.judge.calendar import Calendar
from detectors.judge.judge import Judge
from detectors.judge.kernel.arrays import CODES
from detectors.model.finding import Verdict
from tests.detectors.judge.judged_counts import MINUTE, series

ZONE = "Europe/Berlin"
BERLIN, UTC = ZoneInfo(ZONE), ZoneInfo("UTC")
HOUR, BEFORE, AFTER = 3600, 20, 4  # days
MINUTES, CALLS, LEVEL = 20, 60, 3
AUTUMN, SPRING = "2026-10-25", "2026-03-29"


def begins(change: str, clock: ZoneInfo, at: str, *, again: bool = False) -> list[int]:
    """Return when a nightly job begins that is started by a clock, ``again`` at the second of two times."""
    hour, minute = map(int, at.split(":"))
    day = datetime.fromisoformat(change).replace(hour=hour, minute=minute, tzinfo=clock, fold=int(again))
    return [int((day + timedelta(days=days)).timestamp()) for days in range(-BEFORE, AFTER)]


def told(change: str, jobs: list[int]) -> list[tuple[str, Verdict | None]]:
    """Judge jobs amid steady traffic; return when, by the local clock, something was told, and what."""
    day = datetime.fromisoformat(change).replace(tzinfo=BERLIN)
    first = int((day - timedelta(days=BEFORE)).timestamp()) // MINUTE
    mean = np.full((int((day + timedelta(days=AFTER)).timestamp()) // MINUTE - first, 1), float(LEVEL))
    for begin in jobs:
        mean[begin // MINUTE - first :][:MINUTES] += CALLS
    values = np.random.default_rng(1).poisson(mean).astype(float)
    return openings(first, values)


def openings(first: int, values: np.ndarray) -> list[tuple[str, Verdict | None]]:
    """Judge (steps, n) counts from minute ``first`` on; return what was told, and when."""
    calendar = Calendar(CalendarSettings(timezone=ZONE), weeks=4)
    judge = Judge(JudgeSettings(), MINUTE, calendar)
    judge.add(series(values.shape[1]))
    found, at = list[tuple[str, Verdict | None]](), 0
    while at < len(values):
        start = (first + at) * MINUTE
        steps = judge.steps_in_batch(start, min(judge.largest_batch, len(values) - at))
        batch = judge.evaluate_batch(start, values[at : at + steps])
        judge.accept_batch(batch, batch.done)
        for step, row in np.argwhere(batch.out.opened[: batch.done]).tolist():
            when = datetime.fromtimestamp(start + step * MINUTE, BERLIN)
            found.append((f"{when:%d.%m. %H:%M %Z}", CODES[batch.out.code[step, row]]))
        at += batch.done
    return found


@pytest.mark.parametrize("change", [AUTUMN, SPRING])
@pytest.mark.parametrize(
    "at",
    [
        "02:00",
        "02:50",
        *(pytest.param(at, marks=pytest.mark.release) for at in ("01:50", "02:30", "03:00", "06:00")),
    ],
)
def test_a_job_by_the_local_clock_is_usual_when_clocks_change(change: str, at: str) -> None:
    assert not told(change, begins(change, BERLIN, at))


def test_a_job_that_comes_at_the_second_of_two_equal_times_is_usual() -> None:
    assert not told(AUTUMN, begins(AUTUMN, BERLIN, "02:00", again=True))


@pytest.mark.parametrize("change", [AUTUMN, SPRING])
@pytest.mark.parametrize(
    "at",
    ["00:50", "01:00", *(pytest.param(at, marks=pytest.mark.release) for at in ("00:00", "02:30", "12:00"))],
)
def test_a_job_by_utc_is_usual_when_clocks_change(change: str, at: str) -> None:
    assert not told(change, begins(change, UTC, at))


@pytest.mark.variants
@pytest.mark.parametrize("change", [AUTUMN, SPRING])
def test_thin_traffic_by_the_local_clock_is_no_more_told_than_at_other_times(change: str) -> None:
    day = datetime.fromisoformat(change).replace(tzinfo=BERLIN)
    first, end = (int((day + timedelta(days=days)).timestamp()) // MINUTE for days in (-BEFORE, AFTER))
    local = [datetime.fromtimestamp(at * MINUTE, BERLIN) for at in range(first, end)]
    hour = np.array([at.hour + at.minute / 60 for at in local])
    mean = np.where((hour >= 7) & (hour < 20), 20 * np.sin(np.pi * (hour - 6.5) / 14).clip(0) ** 0.7, 0.6)
    mean = np.repeat(np.where((hour >= 6) & (hour < 22), mean, np.nan)[:, None], 30, axis=1)
    values = np.random.default_rng(2).poisson(np.nan_to_num(mean)) + 0.0 * mean
    assert len(openings(first, values)) <= 1


@pytest.mark.variants
@pytest.mark.parametrize("change", [AUTUMN, SPRING])
@pytest.mark.parametrize("clock", [BERLIN, UTC], ids=["local", "utc"])
@pytest.mark.parametrize("day", [0, 1])
def test_a_job_that_comes_at_neither_time_is_told_at_the_later_one(
    change: str, clock: ZoneInfo, day: int
) -> None:
    jobs = begins(change, clock, "02:00" if clock is BERLIN else "01:00")
    left_out = jobs.pop(BEFORE + day)
    found = told(change, jobs)
    assert [verdict for _, verdict in found] == [Verdict.DROP]
    expected = [left_out + hours * HOUR for hours in (-1, 0, 1)]
    assert found[0][0][:9] in {f"{datetime.fromtimestamp(at, BERLIN):%d.%m. %H}" for at in expected}
