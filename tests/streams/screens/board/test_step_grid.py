"""SeriesCurves are means over the points of a chart, and keep the extremes of the rows behind them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streams.record.history.history_rows import TEN_MINUTES, HistoryRows, bare, merged, to_ten_minutes
from streams.screens.board.step_grid import SeriesCurves, StepGrid, curves

SERIES = np.array([3, 5, 8], np.int64)  # the last one is a latency
LEVELS = np.array([False, False, True])
FIRST = 1_764_201_600
DAY = 86_400

values = st.one_of(st.just(float("nan")), st.floats(0, 1e6, width=32))


@st.composite
def histories(draw: st.DrawFn) -> HistoryRows:
    """Return rows of some minutes of some series, with gaps."""
    parts = []
    for number in SERIES.tolist():
        minutes = sorted(draw(st.sets(st.integers(0, 400), max_size=40)))
        count = len(minutes)
        observed, expected, lower, upper = (
            np.array(draw(st.lists(values, min_size=count, max_size=count)), np.float32) for _ in range(4)
        )
        verdict = draw(st.lists(st.integers(0, 5), min_size=count, max_size=count))
        parts.append(
            HistoryRows(
                np.full(count, number),
                FIRST + 60 * np.array(minutes, np.int64),
                np.full(count, 60, np.int32),
                observed,
                expected,
                lower,
                upper,
                np.array(verdict, np.uint8),
            )
        )
    return merged(parts)


def rates(rows: HistoryRows, row: int) -> HistoryRows:
    return rows.select((rows.series == SERIES[row]) & ~np.isnan(rows.observed))


def made(rows: HistoryRows, step: int, span: int = 401 * 60) -> SeriesCurves:
    return curves(rows, SERIES, LEVELS, StepGrid(FIRST, step, -(-span // step)))


@given(histories(), st.sampled_from([60, 120, 300, 1200, 7200, 86_400]))
def test_the_extremes_of_all_points_are_those_of_all_rows(rows: HistoryRows, step: int) -> None:
    found = made(rows, step)
    for row, level in enumerate(LEVELS):
        mine = rates(rows, row)
        each = mine.observed / (1 if level else mine.seconds)
        for points, worst in ((found.least[row], np.min), (found.most[row], np.max)):
            there = points[~np.isnan(points)]
            assert len(there) == len(np.unique((mine.start - FIRST) // step))
            assert (worst(there) if len(there) else None) == (worst(each) if len(each) else None)


@given(histories(), st.sampled_from([60, 300, 7200]))
def test_every_point_is_the_mean_of_its_rows_and_lies_within_their_extremes(
    rows: HistoryRows, step: int
) -> None:
    found = made(rows, step)
    known = ~np.isnan(found.observed)
    assert (known == ~np.isnan(found.least)).all()
    slack = 1e-6 * np.abs(found.most[known])
    assert (found.least[known] - slack <= found.observed[known]).all()
    assert (found.observed[known] <= found.most[known] + slack).all()


@given(histories())
def test_a_point_of_one_step_is_what_the_engine_measured(rows: HistoryRows) -> None:
    found = made(rows, 60)
    for row, level in enumerate(LEVELS):
        mine = rates(rows, row)
        exact = mine.observed.astype(np.float64) / (1 if level else 60)
        assert (found.observed[row][(mine.start - FIRST) // 60] == exact).all()


def test_a_spike_of_one_minute_is_seen_over_thirteen_months() -> None:
    minutes = 400 * 1440
    observed = np.full(minutes, 600.0, np.float32)
    observed[123_457] = 60_000.0
    start = FIRST + 60 * np.arange(minutes)
    seconds = np.full(minutes, 60, np.int32)
    rows = bare(np.full(minutes, 3), start, seconds, observed)
    grid = StepGrid(FIRST, DAY, 400)
    of_minutes = curves(rows, SERIES[:1], LEVELS[:1], grid)
    day = 123_457 // 1440
    assert np.nanargmax(of_minutes.most) == day
    assert of_minutes.most[0, day] == 1000.0
    tens = curves(to_ten_minutes(rows, np.array([8])), SERIES[:1], LEVELS[:1], grid)
    assert np.nanargmax(tens.most) == day
    assert tens.most[0, day] == (9 * 600 + 60_000) / TEN_MINUTES
    assert np.allclose(tens.observed, of_minutes.observed)
    # of a latency, the worst minute is kept as it is
    latency = bare(np.full(minutes, 8), start, seconds, observed)
    worst = curves(to_ten_minutes(latency, np.array([8])), SERIES[2:], LEVELS[2:], grid)
    assert worst.most[0, day] == 60_000.0


def test_nothing_known_is_no_number() -> None:
    found = made(merged([]), 3600)
    assert np.isnan(found.observed).all()
    assert found.observed.shape == (3, 7)
    assert not found.verdict.any()


@given(histories())
def test_the_verdict_of_a_point_is_the_first_within_it(rows: HistoryRows) -> None:
    found = made(rows, 7200)
    for row in range(len(SERIES)):
        mine = rows.select(rows.series == SERIES[row])
        for point in range(found.verdict.shape[1]):
            within = mine.verdict[(mine.start - FIRST) // 7200 == point]
            first = within[within > 0]
            assert found.verdict[row, point] == (first[0] if len(first) else 0)
