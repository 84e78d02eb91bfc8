"""The p95 over the newest calls: how far it looks back, and that it equals that of whole histograms."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.latency.histogram import N_BINS, bins_of
from detectors.state.state import StateError, pack
from streams.engine.measure import latency_window
from streams.engine.measure.fan_out import Latency
from streams.engine.measure.latency_window import CALLS, STEPS, LatencyWindow
from tests.streams.engine.measure.latency_window_oracle import Oracle


@pytest.fixture(scope="module", autouse=True)
def _short_of_room() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(latency_window, "ROOM", 1)
        yield


def calls(*of_scopes: list[float]) -> Latency:
    """One step in which each scope had calls of so many milliseconds."""
    rows = np.repeat(np.arange(len(of_scopes)), [len(values) for values in of_scopes])
    bins = bins_of(np.concatenate([np.array(values, float) for values in of_scopes])).astype(np.int64)
    return rows, bins, np.ones(len(rows))


def test_a_step_with_enough_calls_stands_alone() -> None:
    window = LatencyWindow()
    window.p95(calls([1000.0] * CALLS), 1)
    assert window.p95(calls([10.0] * CALLS), 1) == pytest.approx([10], rel=0.03)


def test_few_calls_are_merged_with_no_more_earlier_ones_than_needed() -> None:
    window = LatencyWindow()
    window.p95(calls([1000.0] * CALLS, []), 2)
    for _ in range(9):
        window.p95(calls([10.0] * (CALLS // 10), [5.0]), 2)
    found = window.p95(calls([10.0] * (CALLS // 10), [5.0]), 2)
    assert found[0] == pytest.approx(10, rel=0.03), "what was slow before is not needed"
    assert np.isnan(found[1]), "too few in all"


def test_ten_slow_calls_are_seen_at_once_among_few_and_four_are_not() -> None:
    window = LatencyWindow()
    for _ in range(STEPS - 1):
        window.p95(calls([10.0] * 4), 1)
    assert window.p95(calls([900.0] * 4), 1) == pytest.approx([10], rel=0.03)
    assert window.p95(calls([900.0] * 10), 1) == pytest.approx([900], rel=0.03)


def test_a_scope_without_calls_has_no_latency_and_what_is_too_old_is_forgotten() -> None:
    window = LatencyWindow()
    window.p95(calls([10.0] * (CALLS - 1)), 1)
    for _ in range(STEPS - 2):
        assert np.isnan(window.p95(calls([]), 1)[0])
    assert window.p95(calls([10.0]), 1) == pytest.approx([10], rel=0.03)
    assert np.isnan(window.p95(calls([10.0]), 1)[0])


@st.composite
def days(draw: st.DrawFn) -> list[tuple[Latency, int]]:
    """Steps of a few scopes, which become more; some steps bring nothing, some more than enough."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    made, scopes = [], 1
    means = draw(st.lists(st.sampled_from((0, 1, 3, 30, 100)), min_size=1, max_size=4))
    for much in random.choice(means, draw(st.integers(1, 3 * STEPS))).tolist():
        scopes += int(random.random() < 0.1)
        size = random.poisson(much)
        rows = random.integers(0, scopes, size) * random.integers(0, 2, size)
        made.append(((rows, random.integers(0, N_BINS, size), random.integers(1, 9, size) * 1.0), scopes))
    return made


def restarted(window: LatencyWindow) -> LatencyWindow:
    copy = LatencyWindow(beside=(0.99, 0.5))
    copy.restore(window.snapshot())
    return copy


@pytest.mark.release
@given(days(), st.integers(1, 100))
@settings(max_examples=40)
def test_quantiles_equal_those_of_whole_histograms_whatever_the_restarts(
    steps: list[tuple[Latency, int]], every: int
) -> None:
    window, oracle = LatencyWindow(beside=(0.99, 0.5)), Oracle()
    for number, (latency, scopes) in enumerate(steps):
        np.testing.assert_array_equal(window.p95(latency, scopes), oracle.p95(latency, scopes))
        np.testing.assert_array_equal(window.beside, oracle.beside)
        np.testing.assert_array_equal(window.certain, oracle.certain)
        usual = window.usual(scopes)
        known = np.flatnonzero(~np.isnan(usual)).tolist()
        assert oracle.usual == pytest.approx(dict(zip(known, usual[known], strict=True)), rel=1e-12)
        assert window._used[0] <= len(window._runs)
        assert window._used[1] <= len(window._cells)
        if number % every == 0:
            window = restarted(window)


@given(days(), st.integers(1, 70))
@settings(max_examples=20)
def test_steps_taken_together_are_those_taken_one_by_one(
    steps: list[tuple[Latency, int]], at_once: int
) -> None:
    single, many = LatencyWindow(beside=(0.99, 0.5)), LatencyWindow(beside=(0.99, 0.5))
    for first in range(0, len(steps), at_once):
        some = steps[first : first + at_once]
        scopes = some[-1][1]
        found = many.feed([latency for latency, _ in some], scopes)
        for at, (latency, _) in enumerate(some):
            np.testing.assert_array_equal(found.p95[at], single.p95(latency, scopes))
            np.testing.assert_array_equal(found.certain[at], single.certain)
            np.testing.assert_array_equal(found.beside[:, at], single.beside)
            np.testing.assert_array_equal(found.usual[at], single.usual(scopes))
        assert many.snapshot() == single.snapshot()


@given(days())
@settings(max_examples=20)
def test_a_peek_shows_what_is_most_certain_of_the_next_step_and_changes_nothing(
    steps: list[tuple[Latency, int]],
) -> None:
    plain, peeked = LatencyWindow(), LatencyWindow()
    for latency, scopes in steps:
        seen = peeked.peek(latency, scopes)
        assert np.array_equal(seen, peeked.peek(latency, scopes), equal_nan=True)
        p95, same = plain.p95(latency, scopes), peeked.p95(latency, scopes)
        np.testing.assert_array_equal(p95, same)
        certain = np.where(plain.certain, p95, np.nan)
        shown = ~np.isnan(seen)
        np.testing.assert_array_equal(seen[shown], certain[shown])
    assert plain.snapshot() == peeked.snapshot()


@given(days(), st.integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_neither_the_order_of_cells_nor_how_they_are_cut_nor_a_restart_changes_a_snapshot(
    steps: list[tuple[Latency, int]], seed: int
) -> None:
    random = np.random.default_rng(seed)  # drawn number by number, it is more than hypothesis takes
    whole, cut = LatencyWindow(), LatencyWindow()
    for (rows, bins, counts), scopes in steps:
        single = [at for at, count in enumerate(counts.tolist()) for _ in range(int(count))]
        random.shuffle(single)
        whole.p95((rows, bins, counts), scopes)
        cut.p95((rows[single], bins[single], np.ones(len(single))), scopes)
        if random.random() < 0.1:
            cut = restarted(cut)
    assert whole.snapshot() == cut.snapshot()


def test_what_is_kept_is_bounded_by_the_scopes_and_not_by_their_traffic() -> None:
    window, oracle = LatencyWindow(), Oracle()
    random = np.random.default_rng(1)
    for _ in range(2 * STEPS):
        rows = random.choice(5, 5000, p=[0.9972, 0.0007, 0.0007, 0.0007, 0.0007])
        latency = rows, random.integers(0, N_BINS, 5000), np.ones(5000)
        np.testing.assert_array_equal(window.p95(latency, 5), oracle.p95(latency, 5))
        runs, cells = 8 * 5 * 5 * STEPS, 4 * 2 * 5 * (N_BINS + CALLS)
        assert len(window.snapshot()["latency"]) < runs + cells + 1000
    assert window._used[1] <= len(window._cells) <= 2 * 5 * (N_BINS + CALLS) + 5000


@pytest.mark.release
def test_there_is_room_for_many_scopes_of_one_call_behind_few_of_many() -> None:
    window = LatencyWindow()
    every, single = np.arange(N_BINS), np.zeros(N_BINS, np.int64)
    window.p95((single, every, np.ones(N_BINS)), N_BINS)
    window.p95((single, every, np.ones(N_BINS)), N_BINS)
    for _ in range(3):
        found = window.p95((every[1:], single[1:], np.full(N_BINS - 1, CALLS)), N_BINS)
        assert np.isfinite(found).tolist() == [False] + [True] * (N_BINS - 1)
        assert window._used[0] <= len(window._runs)


def test_the_snapshot_of_a_measure_that_does_not_occur_stays_the_same() -> None:
    window = LatencyWindow()
    fresh = window.snapshot()
    for scopes in range(3):
        assert np.isnan(window.p95(calls([]), scopes)).all()
    assert window.snapshot() == fresh


def test_a_snapshot_of_another_version_is_refused() -> None:
    window = LatencyWindow()
    with pytest.raises(StateError, match="version 1"):
        window.restore({"latency": pack("latency", 1, 0, {})})


def test_a_peek_shows_a_rise_once_enough_calls_are_slow() -> None:
    window = LatencyWindow()
    for _ in range(30):
        window.p95(calls([10.0] * 50), 1)
    assert np.isnan(window.peek(calls([50.0] * 26), 1)[0])  # which a step would show
    assert window.peek(calls([50.0] * 40), 1) == pytest.approx([50], rel=0.03)


def of_two_kinds(scans: int, gets: int, scan: float = 100.0) -> Latency:
    """Return the histogram of a step of fast calls and slow ones."""
    return calls([scan] * scans + [5.0] * gets)


def test_a_p95_on_the_edge_between_two_kinds_of_calls_is_not_certain() -> None:
    window = LatencyWindow()
    for at in range(500):  # a twenty-fifth are scans
        window.p95(of_two_kinds(8 + at % 5 - 2, 192), 1)
    assert window.p95(of_two_kinds(8, 192), 1)[0] == pytest.approx(5, rel=0.03)
    assert window.certain[0]
    jumped = window.p95(of_two_kinds(13, 187), 1)  # by chance
    assert jumped[0] == pytest.approx(100, rel=0.03)
    assert not window.certain[0]


@pytest.mark.parametrize(
    ("scans", "scan", "fast"),
    [(8, 1000.0, 50.0), (40, 100.0, 5.0)],
    ids=["all are ten times as slow", "a fifth are scans"],
)
def test_what_is_slow_beyond_chance_is_certain(scans: int, scan: float, fast: float) -> None:
    window = LatencyWindow()
    for _ in range(500):
        window.p95(of_two_kinds(8, 192), 1)
    slow = calls([scan] * scans + [fast] * (200 - scans))
    assert window.p95(slow, 1)[0] > 40
    assert window.certain[0]


def test_slow_hours_do_not_become_usual_and_slow_days_do() -> None:
    window = LatencyWindow()
    for _ in range(2000):
        window.p95(of_two_kinds(8, 192), 1)
    slow = calls([50.0] * 200)
    for _ in range(120):
        window.p95(slow, 1)
    assert window.certain[0]
    for _ in range(2 * 1440):
        window.p95(slow, 1)
    window.p95(calls([50.0] * 180 + [60.0] * 20), 1)
    assert not window.certain[0]


def test_what_is_usual_survives_a_restart() -> None:
    window = LatencyWindow()
    for _ in range(500):
        window.p95(of_two_kinds(8, 192), 1)
    again = restarted(window)
    for copy in (window, again):
        copy.p95(of_two_kinds(13, 187), 1)
        assert not copy.certain[0]
    assert again.snapshot() == window.snapshot()
