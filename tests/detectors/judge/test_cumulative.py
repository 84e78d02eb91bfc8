"""Evidence that adds up over hours: small changes of counts that last."""

import numpy as np
import pytest

from detectors.judge.judge import Judge, Judgement
from detectors.judge.kernel.arrays import DROP, SHIFT, SPIKE
from detectors.judge.kernel.cumulative import BOUND
from detectors.judge.kernel.pace import CERTAIN
from detectors.judge.memory import MemoryState
from detectors.state.state import pack, unpack
from tests.detectors.judge.judged_counts import (
    AT,
    BEGIN,
    DAY,
    MINUTE,
    ROWS,
    WEEK,
    a_judge,
    counts,
    delays,
    openings,
    usual,
)


@pytest.mark.variants
@pytest.mark.parametrize(
    ("level", "times", "verdict", "within"),
    [(5, 2.0, SPIKE, 60), (100, 1.3, SPIKE, 30), (20, 1.6, SPIKE, 30), (8, 0.5, DROP, 60)],
    ids=["two calls in place of one", "a third more of many", "half as many again", "half of a few"],
)
def test_a_small_change_that_lasts_is_reported_within_the_hour_and_never_before_it(
    level: float, times: float, verdict: int, within: int
) -> None:
    mean = usual(level)
    mean[AT:] *= times
    found = openings(a_judge(), counts(mean, seed=1))
    assert [row for row in found if row[0] < AT] == []
    late = delays(found, verdict)
    assert len(late) == ROWS
    assert late[-1] <= within


def test_it_is_a_shift_in_the_end_and_dated_to_its_beginning() -> None:
    mean = usual(5)
    mean[AT:] *= 2
    judge = a_judge()
    values = counts(mean, seed=2)
    openings(judge, values[:AT])
    seen: list[Judgement] = [
        judge.judge(BEGIN + MINUTE * (AT + at), row) for at, row in enumerate(values[AT : AT + 240])
    ]
    for row in range(ROWS):
        first = next(judgement for judgement in seen if judgement.opened[row])
        assert abs(int(first.since[row]) - (BEGIN + MINUTE * AT)) <= 10 * MINUTE
        assert first.expected[row] == pytest.approx(mean[AT - 1, row], rel=0.35)  # not the level since
        assert any(judgement.verdict[row] == SHIFT for judgement in seen)


@pytest.mark.variants
@pytest.mark.parametrize(("level", "times"), [(20, 0.3), (20, 2.5), (5, 4.0)], ids=["fall", "rise", "few"])
def test_a_verdict_never_begins_after_the_step_that_shows_it(level: float, times: float) -> None:
    mean = usual(level)
    mean[AT:] *= times
    judge = a_judge()
    values = counts(mean, seed=1)
    openings(judge, values[:AT])
    opened = 0
    for at in range(AT, AT + 20):
        judgement = judge.judge(BEGIN + MINUTE * at, values[at])
        opened += int(judgement.opened.sum())
        assert (judgement.since[judgement.opened] <= judgement.start).all()
    assert opened >= ROWS


def test_a_level_that_wanders_by_a_tenth_within_hours_is_hardly_ever_a_change() -> None:
    rng, at = np.random.default_rng(3), np.arange(AT + DAY)
    knots = rng.normal(0, 0.1, (len(at) // 240 + 2, ROWS))
    wander = np.stack([np.interp(at, np.arange(len(knots)) * 240, knots[:, row]) for row in range(ROWS)], 1)
    assert (
        len(openings(a_judge(), counts(usual(50) * np.exp(wander), seed=3))) <= 1
    )  # in 28 weeks of a series


def test_calls_that_come_in_clumps_have_to_show_more() -> None:
    rng = np.random.default_rng(5)
    starts = rng.poisson(usual(1))
    units = []
    for values in (starts * rng.geometric(0.1, starts.shape).astype(float), counts(usual(10), seed=5)):
        judge = a_judge()
        openings(judge, values)
        units.append(judge._memory.arrays().cusum_unit.max(axis=0))
    assert units[0].min() > 5
    assert units[1].max() < 2


def test_a_quiet_day_that_the_weeks_do_not_know_is_no_fall_of_what_never_rose() -> None:
    mean = usual(30, amplitude=0.6)
    day = slice(3 * WEEK + DAY, 3 * WEEK + 2 * DAY)
    mean[day] = 12 + (mean[day] - 12) * 0.5  # nights as ever, half of the morning's rise
    assert [opening for opening in openings(a_judge(), counts(mean, seed=5)) if opening[0] < AT] == []


def test_no_minute_speaks_for_an_hour() -> None:
    mean = usual(5)
    values = counts(mean, seed=6)
    values[AT, :] += 60  # one minute has the surplus of twelve
    found = [opening for opening in openings(a_judge(), values) if opening[0] > AT + 2]
    assert found == []


def test_the_return_from_a_small_shift_is_not_reported_again() -> None:
    mean = usual(20)
    mean[AT : AT + 6 * 60] *= 1.6
    found = [opening for opening in openings(a_judge(), counts(mean, seed=7)) if opening[0] >= AT]
    per_row = np.bincount([row for _, row, _ in found], minlength=ROWS)
    assert (per_row >= 1).all()
    assert per_row.mean() <= 1.5


def test_what_adds_up_is_bounded_and_forgotten() -> None:
    mean = usual(5)
    mean[AT : AT + 60] *= 1000
    judge = a_judge()
    values = counts(mean, seed=8)
    openings(judge, values[: AT + 60])
    memory = judge._memory.arrays()
    assert (memory.cusum <= BOUND * CERTAIN * np.maximum(memory.cusum_unit, 2.0) + 1e-9).all()
    openings_after = [
        judge.judge(BEGIN + MINUTE * (AT + 60 + at), row) for at, row in enumerate(values[AT + 60 : AT + 300])
    ]
    assert not any(judgement.opened.any() for judgement in openings_after[30:])
    assert (judge._memory.arrays().cusum < CERTAIN / 2).mean() > 0.9


def test_a_restart_in_the_middle_of_it_changes_nothing() -> None:
    mean = usual(5)
    mean[AT:] *= 2
    values = counts(mean, seed=9)
    whole = a_judge()
    openings(whole, values[: AT + 6])
    again = a_judge()
    again.restore(whole.snapshot())
    assert openings_from(whole, values, AT + 6) == openings_from(again, values, AT + 6)


def openings_from(judge: Judge, values: np.ndarray, first: int) -> list[tuple[int, int, int]]:
    found = []
    for step in range(first, first + 90):
        judgement = judge.judge(BEGIN + MINUTE * step, values[step])
        found += [
            (step, row, int(judgement.verdict[row])) for row in np.flatnonzero(judgement.opened).tolist()
        ]
    assert found
    return found


def test_a_state_without_it_is_read_and_it_begins_anew() -> None:
    judge, values = a_judge(), counts(usual(5), seed=10)
    openings(judge, values[: WEEK + 2 * DAY])
    parts = judge.snapshot()
    meta, arrays = unpack(parts["memory"], MemoryState.KIND, MemoryState.VERSION, dict[str, int])
    older = {name: array for name, array in arrays.items() if not name.startswith(("cusum", "hours"))}
    assert len(older) < len(arrays)
    again = a_judge()
    again.restore({**parts, "memory": pack(MemoryState.KIND, MemoryState.VERSION, meta, older)})
    assert not again._memory.arrays().cusum_learnt.any()
    judgement = again.judge(judge.until, values[WEEK + 2 * DAY])
    assert not judgement.opened.any()
    assert (again._memory.arrays().cusum_learnt == 1).all()
