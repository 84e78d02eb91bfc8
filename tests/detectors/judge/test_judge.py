"""The judge on any series, and on curves with known incidents."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.settings import CalendarSettings, JudgeSettings
from detectors.judge.calendar import Calendar
from detectors.judge.growth import Growing
from detectors.judge.judge import Judge, Judgement
from detectors.judge.kernel.arrays import DROP, SPIKE
from detectors.model.measures import Measure, Series
from detectors.model.scope import Edge, Scope

MINUTE, HOUR, DAY, WEEK = 60, 3600, 86400, 604800
HALF_DAY = DAY // 2
BEGIN = 1_759_708_800  # a Monday, 00:00 UTC
STEP = 300
TABLE = Scope("table", "aws", "1", "eu-west-1", "items")
MEASURES = (Measure.REQUESTS, Measure.WCU, Measure.LATENCY)


def table(number: int = 0) -> Scope:
    return TABLE._replace(name=f"items-{number}")


def a_judge(series: list[Series], step: int = STEP, **changed: float) -> Judge:
    judge = Judge(JudgeSettings(**changed), step)
    judge.add(series)
    return judge


def curve(seconds: float, weeks: float, level: float, seed: int, *, noise: float = 0.08) -> np.ndarray:
    """Return (steps, 1) of a daily and weekly shape with log-normal noise, from BEGIN on."""
    at = np.arange(int(weeks * WEEK / seconds)) * seconds
    shape = (1 + 0.6 * np.sin(2 * np.pi * at / DAY)) * np.where(at // DAY % 7 >= 5, 0.6, 1.0)
    return (level * shape * np.exp(np.random.default_rng(seed).normal(0, noise, len(at))))[:, None]


class Glance(NamedTuple):
    """The result of a step of many at once."""

    verdict: np.ndarray
    opened: np.ndarray
    ended: np.ndarray
    expected: np.ndarray
    score: np.ndarray
    growth: list[Growing]


def judged(judge: Judge, values: np.ndarray, first: int = 0, step: int = STEP) -> list[Glance]:
    """Judge half a day at once: a law says that it makes no difference."""
    found, per = [], HALF_DAY // step
    at = 0
    while at < len(values):
        some = values[at : at + per - (first + at) % per]
        out, growth = judge.judge_steps(BEGIN + step * (first + at), some)
        size = np.abs(out.size)
        score = size**2 / (1 + size**2)
        for number in range(len(some)):
            rows = out.code[number], out.opened[number], out.ended[number], out.expected[number]
            found.append(Glance(*rows, score[number], [] if number else growth))
        at += len(some)
    return found


def one_by_one(judge: Judge, values: np.ndarray, first: int = 0, step: int = STEP) -> list[Judgement]:
    return [judge.judge(BEGIN + step * (first + at), row) for at, row in enumerate(values)]


def totals(judge: Judge, rows: list[int], since: int, until: int) -> np.ndarray:
    """Return (2, rows): what was observed and expected in an interval."""
    courses = [judge.evidence.course(row, since, until) for row in rows]
    return np.array([[np.nansum(values) * STEP for values in course[:2]] for course in courses]).T


def opened(judgements: Sequence[Glance | Judgement], row: int = 0) -> list[tuple[int, int]]:
    """Return (step, verdict) of every onset."""
    return [(at, int(j.verdict[row])) for at, j in enumerate(judgements) if j.opened[row]]


def content(judgement: Judgement) -> list[bytes]:
    numbers = ("observed", "expected", "lower", "upper", "score", "since")
    arrays = (*numbers, "verdict", "opened", "ended", "young")
    return [getattr(judgement, name).tobytes() for name in arrays] + [repr(judgement.growth).encode()]


def test_three_times_the_usual_for_twenty_minutes_is_a_spike_reported_as_soon_as_it_persists() -> None:
    values = np.repeat(curve(60, 1.3, 300, seed=1), 3, axis=1)
    at = int(1.1 * WEEK / 60)
    values[at : at + 20] *= 3
    judge = a_judge([Series(table(i), measure, floor_relative=0.3) for i, measure in enumerate(MEASURES)], 60)
    judgements = one_by_one(judge, values, step=60)
    for row in range(3):
        ((reported, verdict),) = opened(judgements, row)
        assert verdict == SPIKE
        assert at <= reported < at + JudgeSettings().persist
        assert judgements[reported].since[row] == BEGIN + 60 * at
        (over,) = [step for step, judgement in enumerate(judgements) if judgement.ended[row]]
        assert at + 20 <= over <= at + 20 + 2 * JudgeSettings().recover


def test_a_fall_to_three_tenths_is_a_drop() -> None:
    values = np.repeat(curve(60, 1.3, 300, seed=2), 3, axis=1)
    at = int(1.1 * WEEK / 60)
    values[at : at + 30] *= 0.3
    judge = a_judge([Series(table(i), measure, floor_relative=0.3) for i, measure in enumerate(MEASURES)], 60)
    judgements = judged(judge, values, step=60)
    for row in range(3):
        ((reported, verdict),) = opened(judgements, row)
        assert (verdict, reported < at + 3) == (DROP, True)


def test_nothing_is_reported_for_a_series_younger_than_its_baseline() -> None:
    values = curve(STEP, 0.95, 300, seed=3)
    values[1500:1510] *= 20
    judgements = one_by_one(a_judge([Series(TABLE, Measure.WCU)]), values)
    assert opened(judgements) == []
    assert all(judgement.young[0] for judgement in judgements)


@pytest.mark.parametrize("measure", MEASURES)
def test_nothing_is_reported_for_a_constant_series(measure: Measure) -> None:
    judgements = judged(a_judge([Series(TABLE, measure)]), np.full((3 * WEEK // STEP, 1), 7.0))
    assert opened(judgements) == []
    assert max(judgement.score[0] for judgement in judgements) < 1e-6
    assert not any(judgement.growth for judgement in judgements)


def test_a_deviation_below_either_floor_is_not_reported() -> None:
    values = np.concatenate([curve(STEP, 2.1, 300, seed=4)] * 3, axis=1)
    values[-200:-190] *= 2
    judge = a_judge(
        [
            Series(table(0), Measure.WCU, floor_relative=0.5),
            Series(table(1), Measure.WCU, floor_relative=1.5),
            Series(table(2), Measure.WCU, floor_absolute=10.0),  # per second: 3000 a step
        ]
    )
    judgements = judged(judge, values)
    assert [len(opened(judgements, row)) for row in range(3)] == [1, 0, 0]


@pytest.mark.parametrize("measure", [Measure.WCU, Measure.LATENCY])
@pytest.mark.parametrize("unit", [1e-4, 1e5])
def test_amounts_and_latencies_in_another_unit_are_judged_the_same(measure: Measure, unit: float) -> None:
    values = curve(STEP, 2.2, 300, seed=5)
    values[-300:-290] *= 3
    values[-100:-90] *= 0.2
    plain = judged(a_judge([Series(TABLE, measure, floor_relative=0.3)]), values)
    other = judged(a_judge([Series(TABLE, measure, floor_relative=0.3)]), values * unit)
    assert opened(plain) == opened(other)
    assert len(opened(plain)) == 2
    np.testing.assert_allclose([j.score[0] for j in plain], [j.score[0] for j in other], atol=1e-4)


def test_an_incident_teaches_the_next_week_nothing() -> None:
    values = curve(STEP, 3, 300, seed=6)
    monday = 2 * WEEK // STEP
    values[monday - 2016 + 100 : monday - 2016 + 112] *= 5
    judge = a_judge([Series(TABLE, Measure.WCU, floor_relative=0.3)], weeks=1)
    before = judged(judge, values[: monday + 106])
    clean = a_judge([Series(TABLE, Measure.WCU, floor_relative=0.3)], weeks=1)
    values[monday - 2016 + 100 : monday - 2016 + 112] /= 5
    without = judged(clean, values[: monday + 106])
    assert len(opened(before)) == 1
    assert before[-1].expected[0] == pytest.approx(without[-1].expected[0], rel=0.15)
    assert judge.baseline.weeks(0) == ([], [1])
    assert clean.baseline.weeks(0) == ([1], [])


def test_a_week_in_which_next_to_nothing_was_measured_was_not_left_out_because_of_an_incident() -> None:
    values = curve(STEP, 3, 300, seed=6)
    monday = 2 * WEEK // STEP
    values[monday - 2016 + 100 : monday - 2016 + 112] = np.nan
    values[monday - 2016 + 106] = 300
    judge = a_judge([Series(TABLE, Measure.WCU, floor_relative=0.3)], weeks=1)
    judged(judge, values[: monday + 106])
    assert judge.baseline.weeks(0) == ([], [])


def test_a_level_that_stays_ends_the_verdict_within_hours_and_becomes_the_expected_one() -> None:
    values = curve(STEP, 3, 300, seed=7)
    at = 2 * WEEK // STEP + 500
    values[at:] *= 3
    judgements = judged(a_judge([Series(TABLE, Measure.WCU, floor_relative=0.3)]), values)
    assert len(opened(judgements)) == 1
    (ended,) = [step for step, judgement in enumerate(judgements) if judgement.ended[0]]
    assert ended <= at + 6 * HOUR // STEP + 2
    ratio = [judgements[step].expected[0] / values[step, 0] for step in range(ended + 2, ended + 200)]
    assert 0.8 < np.median(ratio) < 1.2


def test_an_edge_is_never_reported_and_learns_nothing_while_its_target_is_in_an_incident() -> None:
    source = Scope("function", "aws", "1", "eu-west-1", "put")
    judge = a_judge(
        [
            Series(TABLE, Measure.WCU, floor_relative=0.3),
            Series(Edge(source, TABLE), Measure.WCU, judged=False),
        ]
    )
    values = np.concatenate([curve(STEP, 2.2, 300, seed=8), curve(STEP, 2.2, 100, seed=9)], axis=1)
    values[-40:] += [1500.0, 1500.0]
    judgements = judged(judge, values)
    assert len(opened(judgements, 0)) == 1
    assert opened(judgements, 1) == []
    end = BEGIN + STEP * len(values)
    observed, expected = totals(judge, [0, 1], end - 40 * STEP, end)
    np.testing.assert_allclose(observed, values[-40:].sum(axis=0), rtol=1e-5)
    assert observed[1] - expected[1] == pytest.approx(1500 * 40, rel=0.05)
    assert observed[0] - expected[0] == pytest.approx(1500 * 40, rel=0.15)


def test_nothing_was_expected_of_a_series_that_was_never_seen_before() -> None:
    source = Scope("client", "aws", "1", "eu-west-1", "ios", "3.2.1")
    judge = a_judge([Series(TABLE, Measure.WCU, floor_relative=0.3)])
    values = curve(STEP, 2.1, 300, seed=10)
    values[-12:] *= 4
    judged(judge, values[:-10])
    judge.add([Series(Edge(source, TABLE), Measure.WCU, judged=False)])
    both = np.concatenate([values[-10:], np.full((10, 1), 700.0)], axis=1)
    judged(judge, both, first=len(values) - 10)
    end = BEGIN + STEP * len(values)
    observed, expected = totals(judge, [1], end - 12 * STEP, end)
    assert (round(observed[0], 9), expected[0]) == (7000.0, 0.0)


def test_a_trace_shows_the_last_hours_the_same_hours_last_week_and_the_band_per_second() -> None:
    values = curve(STEP, 2.1, 300, seed=11)
    judge = a_judge([Series(TABLE, Measure.WCU)])
    judgements = one_by_one(judge, values)
    trace = judge.evidence.trace(0, BEGIN + STEP * len(values))
    assert trace.start == BEGIN + STEP * (len(values) - 48)
    now, last_week, lower, upper = (
        np.array(values, float) for values in (trace.now, trace.last_week, trace.lower, trace.upper)
    )
    np.testing.assert_allclose(now, values[-48:, 0] / STEP, rtol=1e-6)
    np.testing.assert_allclose(last_week, values[-48 - 2016 : -2016, 0] / STEP, rtol=1e-6)
    np.testing.assert_allclose(upper[-1], judgements[-1].upper[0] / STEP, rtol=1 / 30_000)
    np.testing.assert_allclose(lower[-1], judgements[-1].lower[0] / STEP, rtol=1 / 30_000)


def test_skipped_steps_are_missing_in_the_trace_and_keep_a_verdict_open() -> None:
    values = curve(STEP, 2.1, 300, seed=12)
    values[-6:] *= 4
    judge = a_judge([Series(TABLE, Measure.WCU, floor_relative=0.3)])
    judged(judge, values)
    later = judge.judge(BEGIN + STEP * (len(values) + 3), np.array([1200.0]))
    assert later.verdict[0] == SPIKE
    trace = judge.evidence.trace(0, BEGIN + STEP * (len(values) + 4))
    assert [value is None for value in trace.now[-5:]] == [False, True, True, True, False]


def test_time_that_does_not_advance_and_a_wrong_number_of_values_are_refused() -> None:
    judge = a_judge([Series(TABLE, Measure.WCU)])
    judge.judge(BEGIN, np.ones(1))
    with pytest.raises(ValueError, match="judged before"):
        judge.judge(BEGIN, np.ones(1))
    with pytest.raises(ValueError, match="2 values for 1 series"):
        judge.judge(BEGIN + STEP, np.ones(2))


VALUES = st.one_of(
    st.floats(0, 1e6),
    st.sampled_from([0.0, 1.0, 50.0, 50.0, 50.0, np.nan, np.inf, -np.inf, -3.0, 1e15, 5e-324]),
)


@settings(max_examples=25)
@given(st.data(), st.lists(st.integers(1, 40), min_size=30, max_size=90))
def test_any_values_and_gaps_give_a_finite_score_below_one_and_an_ordered_interval(
    data: st.DataObject, jumps: list[int]
) -> None:
    judge = a_judge([Series(table(i), measure) for i, measure in enumerate(MEASURES)], 3600, young=0)
    at = 0
    for jump in jumps:
        at += jump
        values = np.array(data.draw(st.lists(VALUES, min_size=3, max_size=3)))
        judgement = judge.judge(BEGIN + at * 3600, values)
        assert np.isfinite(judgement.score).all()
        assert ((judgement.score >= 0) & (judgement.score < 1)).all()
        known = ~np.isnan(judgement.expected)
        assert (judgement.lower <= judgement.expected * (1 + 1e-9) + 1e-9)[known].all()
        assert (judgement.upper >= judgement.expected * (1 - 1e-9) - 1e-9)[known].all()


@pytest.mark.release
@settings(max_examples=4)
@given(st.integers(1, 1000), st.integers(0, 99))
def test_a_judge_restored_anywhere_continues_byte_for_byte_as_if_it_had_never_stopped(
    cut: int, seed: int
) -> None:
    series = [Series(table(i), measure, floor_relative=0.2) for i, measure in enumerate(MEASURES)]
    random = np.random.default_rng(seed)
    values = curve(1800, 3, 300, seed) * np.exp(random.normal(0, 0.1, (1008, 3)))
    values[random.random(values.shape) < 0.02] *= 9
    values[random.random(values.shape) < 0.02] = np.nan
    values[700:706, 0] *= 6
    whole = one_by_one(a_judge(series, 1800), values, step=1800)
    first = a_judge(series, 1800)
    one_by_one(first, values[:cut], step=1800)
    second = a_judge(series, 1800)
    second.restore(first.snapshot())
    rest = one_by_one(second, values[cut:], cut, step=1800)
    assert [content(judgement) for judgement in rest] == [content(judgement) for judgement in whole[cut:]]


def test_series_added_later_do_not_disturb_those_that_were_there() -> None:
    values = curve(STEP, 2.1, 300, seed=13)
    values[-30:-20] *= 3
    alone = one_by_one(a_judge([Series(TABLE, Measure.WCU)]), values)
    judge = a_judge([Series(TABLE, Measure.WCU)])
    before = one_by_one(judge, values[:3000])
    judge.add([Series(table(1), Measure.REQUESTS), Series(table(2), Measure.LATENCY)])
    after = one_by_one(judge, np.concatenate([values[3000:], values[3000:], values[3000:]], axis=1), 3000)
    assert opened(before + after) == opened(alone)
    assert len(opened(alone)) == 1


def test_the_state_stays_bounded_however_long_it_runs() -> None:
    judge = a_judge([Series(TABLE, Measure.WCU)], 3600, weeks=1)
    sizes = []
    for week in range(4, 9):
        judged(judge, curve(3600, 1, 300, seed=week), week * 168, step=3600)
        sizes.append(sum(map(len, judge.snapshot().values())))
    assert max(sizes[2:]) <= 1.02 * sizes[1]


def test_growth_alone_never_opens_a_spike_and_is_reported_as_growth() -> None:
    days = (np.arange(5 * WEEK // STEP) * STEP / DAY)[:, None]
    values = np.concatenate(
        [
            curve(STEP, 5, 300, seed, noise=0.1) * (1 + per_day) ** days
            for per_day in (0.02, 0.05)
            for seed in range(21)
        ],
        axis=1,
    )
    series = [Series(table(i), MEASURES[i % 3], floor_relative=0.2) for i in range(42)]
    judgements = judged(a_judge(series), values)
    assert sum(judgement.opened.sum() for judgement in judgements) == 0
    reported = {
        growing.row for judgement in judgements for growing in judgement.growth if growing.state == "open"
    }
    assert reported == set(range(42))


@pytest.mark.release
def test_noise_around_a_weekly_curve_is_hardly_ever_reported_at_any_rate() -> None:
    random = np.random.default_rng(14)
    levels = np.repeat([0.5, 20.0, 3000.0], 25)
    shape = np.concatenate([curve(STEP, 5, level, at, noise=0.1) for at, level in enumerate(levels)], axis=1)
    judge = a_judge([Series(table(i), Measure.REQUESTS) for i in range(len(levels))])
    judgements = judged(judge, random.poisson(shape).astype(float))
    pages = np.sum([judgement.opened for judgement in judgements], axis=0)
    # 100 judged series-weeks per rate, without a floor: at most one page per series and ten weeks
    assert [int(pages[levels == level].sum()) <= 10 for level in (0.5, 20.0, 3000.0)] == [True] * 3
    assert sum(growing.state == "open" for judgement in judgements for growing in judgement.growth) <= 2


def test_a_series_that_is_zero_except_for_bursts_is_reported_less_and_less() -> None:
    random = np.random.default_rng(15)
    values = np.where(random.random((8064, 20)) < 0.01, random.lognormal(0, 1, (8064, 20)), 0.0)
    judgements = judged(a_judge([Series(table(i), Measure.WCU) for i in range(20)]), values)
    reported = np.array([judgement.opened.sum() for judgement in judgements]).reshape(4, -1).sum(axis=1) / 20
    assert reported[3] <= 1  # per week and series, of about twenty bursts


def test_half_of_the_data_is_extrapolated_to_the_whole() -> None:
    values = np.repeat(curve(STEP, 1.5, 300, seed=16), 3, axis=1)
    judge = a_judge([Series(table(i), measure, floor_relative=0.3) for i, measure in enumerate(MEASURES)])
    judged(judge, values)
    half = np.array([0.5, 0.5, 1.0]) * values[-1]
    judgement = judge.judge(BEGIN + STEP * len(values), half, completeness=0.5)
    np.testing.assert_allclose(judgement.observed, values[-1])
    assert not judgement.opened.any()


def test_twice_the_sensitivity_reports_half_the_deviation() -> None:
    values = curve(STEP, 2, 300, seed=17)
    values[-10:-4] *= 1.7
    calm = judged(a_judge([Series(TABLE, Measure.WCU)], sensitivity=0.5), values)
    keen = judged(a_judge([Series(TABLE, Measure.WCU)], sensitivity=2.0), values)
    assert (len(opened(calm)), len(opened(keen)) > 0) == (0, True)
    same_past = [a.score[0] <= b.score[0] for a, b in zip(calm, keen, strict=True)][: opened(keen)[0][0]]
    assert all(same_past)  # until then neither had an incident to leave out of what it learnt


def test_a_judge_knows_what_its_expectation_is_based_on() -> None:
    judge = a_judge([Series(TABLE, Measure.WCU)])
    values = curve(STEP, 1.2, 300, seed=31)
    judged(judge, values[:10])
    assert judge.baseline.compared_with(0) == "minutes"
    judged(judge, values[10:400], first=10)
    assert judge.baseline.compared_with(0) == "yesterday"
    judged(judge, values[400:], first=400)
    assert (judge.baseline.compared_with(0), judge.baseline.weeks(0)) == ("weeks", ([1], []))


def test_a_holiday_is_compared_with_the_last_holidays_and_sundays() -> None:
    calendar = Calendar(CalendarSettings(timezone="Europe/Berlin", holidays="DE"), weeks=4)
    judge = Judge(JudgeSettings(), 3600, calendar)
    judge.add([Series(TABLE, Measure.WCU, floor_relative=0.3)])
    start = 1_774_828_800 - 4 * WEEK  # Monday 2026-03-02, five weeks before Easter Monday
    reported = []
    for at in range(35 * 24 + 20):
        sunday = (start + at * HOUR) // DAY % 7 == 3 or start + at * HOUR >= start + 35 * DAY
        reported.append(judge.judge(start + at * HOUR, np.array([30.0 if sunday else 300.0 + at % 7])))
    assert judge.baseline.compared_with(0) == "holidays"
    assert reported[-1].expected[0] == pytest.approx(30, rel=0.2)
    assert not any(judgement.opened[0] for judgement in reported[35 * 24 :])


@pytest.mark.parametrize(("today", "missed"), [("2026-10-10", False), ("2026-05-08", True)])
def test_a_week_after_a_holiday_a_closed_day_lacks_what_yesterday_had_only_if_both_are_working_days(
    today: str, missed: bool
) -> None:
    calendar = Calendar(CalendarSettings(timezone="Europe/Berlin", holidays="DE"), weeks=4)
    judge = Judge(JudgeSettings(), STEP, calendar)
    judge.add([Series(TABLE, Measure.REQUESTS, floor_absolute=0.01, floor_relative=0.3)])
    half, opened = HALF_DAY // STEP, False
    values = np.full((20, half, 1), 300.0)
    values[[4, 5, 18, 19]] = 0.0  # the holiday, and today
    values[0::2, : half * 2 // 3] = np.nan  # nothing is known of the nights
    begin = int(datetime.fromisoformat(today).replace(tzinfo=UTC).timestamp()) - 9 * DAY
    for number, counted in enumerate(values):
        out, _ = judge.judge_steps(begin + number * HALF_DAY, counted)
        opened |= bool(out.opened.any())
    assert opened == missed


@pytest.mark.variants
@pytest.mark.parametrize("hours", [1, 5])
def test_a_planned_rise_is_not_a_spike_and_one_that_does_not_come_is_a_drop(hours: int) -> None:
    begin = BEGIN + 2 * WEEK + 9 * HOUR
    sale = {"name": "Sale", "start": _utc(begin), "end": _utc(begin + hours * HOUR), "factor": 3}
    calendar = Calendar(CalendarSettings(planned=[sale]), weeks=4)
    at = slice((begin - BEGIN) // STEP, (begin + hours * HOUR - BEGIN) // STEP)
    came, missing = curve(STEP, 2.2, 3000, seed=32), curve(STEP, 2.2, 3000, seed=33)
    came[at] *= 3
    judge = Judge(JudgeSettings(), STEP, calendar)
    judge.add([Series(table(i), Measure.REQUESTS, floor_relative=0.3) for i in range(2)])
    judgements = one_by_one(judge, np.concatenate([came, missing], axis=1))
    assert opened(judgements, 0) == []
    assert [verdict for _, verdict in opened(judgements, 1)] == [DROP]
    assert judgements[at.start + 3].expected[0] == pytest.approx(3 * 3000, rel=0.7)
    (over,) = [step for step, judgement in enumerate(judgements) if judgement.ended[1]]
    assert at.stop <= over <= at.stop + 2 * JudgeSettings().recover


def _utc(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()[:19]
