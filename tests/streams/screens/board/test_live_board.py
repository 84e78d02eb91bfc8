"""The wall of a daemon shows the figures of its engine."""

import dataclasses
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace
from numpy.typing import NDArray

from alerting.messages import examples
from alerting.messages.incident_answer import incident_answer
from config.links import Links
from config.settings import BoardSettings, LinksSettings
from detectors.latency.histogram import bins_of, quantile
from detectors.model.finding import Trace, Verdict
from detectors.model.measures import Measure
from detectors.model.scope import Scope
from streams.engine.detect.step_record import head_of
from streams.record.history.history_files import MINUTES, NAMES_FILE, HistoryFile, HistoryFolder
from streams.record.history.history_keeper import HistoryBounds, HistoryKeeper
from streams.record.history.history_reader import HistoryView
from streams.record.history.history_rows import bare
from streams.record.history.parquet_rows import write_names, write_rows
from streams.record.history.segments import Segments
from streams.record.history.series_names import NOBODY, SeriesKey, SeriesNames
from streams.screens.board.board_data import BoardDataError, BoardIncidents, incidents_of
from streams.screens.board.open_verdicts import OpenVerdicts
from streams.screens.board.wall.wall import Wall, WallLearning
from streams.screens.board.wall.wall_months import WallMonths
from streams.screens.board.wall.wall_numbers import WallNumbers
from tests.streams.record.history.backend import START, Backend, requests
from tests.streams.screens.board.incidents.incidents_given import GivenIncidents, notice_of
from tests.streams.screens.board.judged_week import AT, PER_MINUTE, SETTINGS, STEP, STEPS, Judged, board_of

ITEMS = Scope("table", "aws", "1", "eu-west-1", "items")
TRACE = Trace(start=0, step=60, now=[1.0], last_week=[1.0], lower=[0.0], upper=[2.0])
TABLE = {"kind": "table", "cloud": "aws", "account": "1", "region": "eu-west-1", "name": "items"}


@pytest.fixture
async def wall(judged: Judged) -> Wall:
    return await board_of(judged.place, judged.held).wall()


def test_the_big_numbers_are_those_of_the_engine(judged: Judged, wall: Wall) -> None:
    assert wall.at == judged.judgement.start + STEP == AT
    found = {number.id: number for number in wall.numbers}
    [row] = judged.of("account", "requests")
    requests_ = found["requests"]
    assert requests_.value == judged.judgement.observed[row] / STEP == PER_MINUTE / 60
    assert requests_.expected == pytest.approx(judged.judgement.expected[row] / STEP, rel=2e-4)
    assert requests_.lower == pytest.approx(max(judged.judgement.lower[row], 0) / STEP, rel=2e-3, abs=1e-3)
    assert requests_.upper == pytest.approx(judged.judgement.upper[row] / STEP, rel=2e-3)
    assert requests_.week_before == requests_.hour == requests_.hour_week_before == PER_MINUTE / 60
    assert len(requests_.trend) == len(requests_.trend_week_before) == STEPS
    assert requests_.trend[-1] == requests_.trend_week_before[-1] == PER_MINUTE / 60
    assert (found["errors_user"].value, found["errors_user"].unit) == (0.0, "share")
    throttled = judged.judgement.observed[judged.of("account", "throttles")[0]]
    assert found["throttles"].value == throttled
    assert (requests_.scope and requests_.scope.kind, found["errors_user"].scope) == ("account", None)


def test_an_hour_is_compared_over_the_minutes_that_are_known_of_both(tmp_path: Path) -> None:
    place, week = tmp_path, 7 * 86400
    hour = 60.0 + np.resize([-30.0, 30.0], 60)  # an hour whose minutes differ
    before = np.where(np.arange(60) < 20, np.nan, 100.0 + np.resize([-50.0, 50.0], 60))
    made_minutes(place, {AT - 3600: hour, AT - week - 3600: before})
    requests_ = WallNumbers(HistoryView(HistoryFolder(str(place))), AT, 60).numbers(
        OpenVerdicts([]), BoardSettings(), {}
    )[0]
    assert (requests_.value, requests_.hour) == (1.5, 1.0)
    assert requests_.hour_week_before == pytest.approx(5 / 3)


@pytest.mark.parametrize(("errors", "share"), [(0.0, None), (3.0, 0.03)])
def test_a_share_of_what_is_usually_counted_zero_times_in_a_minute_has_no_usual_value(
    tmp_path: Path, errors: float, share: float | None
) -> None:
    folder, names = HistoryFolder(str(tmp_path)), SeriesNames()
    shop = Scope("service", "aws", "1", "eu-west-1", "shop")
    numbers = names.add([SeriesKey(shop, NOBODY, name) for name in ("requests", "errors_user")])
    starts, seconds = np.full(2, AT - 60), np.full(2, 60, np.int32)
    amounts = np.array([100.0, 2.0], np.float32)
    rows = dataclasses.replace(
        bare(np.array(numbers), starts, seconds, amounts), expected=np.array([100.0, errors], np.float32)
    )
    day = AT // 86400 * 86400
    folder.write(HistoryFile(MINUTES, day, day + 86400).path, partial(write_rows, rows))
    folder.write(NAMES_FILE, partial(write_names, names))
    view = HistoryView(HistoryFolder(str(tmp_path)))
    found = {of.id: of for of in WallNumbers(view, AT, 60).numbers(OpenVerdicts([]), BoardSettings(), {})}
    assert found["errors_user"].value == pytest.approx(0.02)
    assert found["errors_user"].expected == (None if share is None else pytest.approx(share))


def made_minutes(place: Path, hours: dict[int, NDArray[np.float64]]) -> None:
    """Write the requests of an account, a value a minute from each time on; NaN is no row."""
    folder, names = HistoryFolder(str(place)), SeriesNames()
    [number] = names.add([SeriesKey(Scope("account", "aws", "1", "", "1"), NOBODY, "requests")])
    for first, values in hours.items():
        starts = (first + 60 * np.arange(len(values)))[~np.isnan(values)]
        amounts = values[~np.isnan(values)].astype(np.float32)
        rows = bare(np.full(len(starts), number), starts, np.full(len(starts), 60, np.int32), amounts)
        day = first // 86400 * 86400
        folder.write(HistoryFile(MINUTES, day, day + 86400).path, partial(write_rows, rows))
    folder.write(NAMES_FILE, partial(write_names, names))


def test_four_hours_of_calls_lie_over_the_same_hours_of_last_week(wall: Wall) -> None:
    assert wall.calls is not None
    assert (wall.calls.start, wall.calls.step) == (AT - 4 * 3600, STEP)
    assert wall.calls.observed == wall.calls.week_before == [PER_MINUTE / 60] * STEPS
    assert all(
        low is not None and high is not None and low <= PER_MINUTE / 60 <= high
        for low, high in zip(wall.calls.lower, wall.calls.upper, strict=True)
    )


def test_the_layers_have_the_quantiles_of_all_calls_of_five_minutes(wall: Wall) -> None:
    found = {layer.id: layer for layer in wall.layers}
    api = np.bincount(bins_of([20.0 + number for number in range(PER_MINUTE)] * 5))
    for q, value in ((0.5, found["api"].p50), (0.95, found["api"].p95), (0.99, found["api"].p99)):
        assert value == quantile(np.pad(api, (0, 2000))[: len(api) + 1], q)
    assert found["table"].p95 == pytest.approx(4, rel=0.04)
    assert found["auth"].p95 is None


def test_the_hottest_table_has_its_share_of_the_limit(judged: Judged, wall: Wall) -> None:
    [table] = wall.tables
    [row] = judged.of("table", "wcu")
    assert (msgspec.to_builtins(table.scope), table.account, table.measure, table.limit) == (
        TABLE,
        "game-prod",
        "wcu",
        1.0,
    )
    assert table.used == table.share == judged.judgement.observed[row] / STEP
    assert table.threshold is None
    assert table.trend[-1] == pytest.approx(table.used, rel=1e-3)


def test_concurrency_says_who_holds_it(judged: Judged, wall: Wall) -> None:
    [one] = wall.concurrency
    [row] = judged.of("account", "busy")
    assert one.used == pytest.approx(judged.judgement.observed[row] / STEP)
    assert one.limit == 0.01
    assert [holder.label for holder in one.holders] == ["put-1", "put-0"]
    assert sum(holder.share for holder in one.holders) == pytest.approx(1)


def test_rankings_are_of_four_hours_and_of_a_week(wall: Wall) -> None:
    for ranking in (wall.rankings.used_4h, wall.rankings.used_week):
        [route] = ranking
        assert (route.label, route.unit) == ("POST /items", "1/s")
        assert route.value == pytest.approx(PER_MINUTE / 60)
    assert all(place.unit == "ms" for place in wall.rankings.slowest_4h)


def test_the_month_begins_in_the_configured_zone(wall: Wall) -> None:
    assert wall.month is not None
    first = 1_764_514_800  # 2025-12-01T00:00+09:00
    assert (wall.month.start, wall.month.step) == (first, 3600)
    assert wall.month.observed == [PER_MINUTE / 60] * -(-(AT - first) // 3600)
    before = wall.month.before
    assert len(before) == 30 * 24
    assert before[-1] == PER_MINUTE / 60
    assert before[0] is None


async def test_boards_that_begin_at_different_steps_of_ten_minutes_show_the_same_months(
    judged: Judged, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    class Noted(WallMonths):
        def __init__(self, view: HistoryView, at: int, zone: ZoneInfo) -> None:
            made.append(at)
            super().__init__(view, at, zone)

    monkeypatch.setattr("streams.screens.board.live_board.WallMonths", Noted)
    for ago in (2 * STEP, STEP):
        shorter = Segments(1)
        shorter.feed([body for body in judged.held.recent() if head_of(body).start < AT - ago])
        wall = await board_of(judged.place, shorter).wall()
        assert wall.at == AT - ago
    assert made == [AT - 2 * STEP] * 2


async def test_a_board_whose_steps_have_stopped_is_stale(judged: Judged) -> None:
    assert (await board_of(judged.place, judged.held, now=AT + STEP).wall()).state == "well"
    assert (await board_of(judged.place, judged.held, now=AT + 4 * STEP).wall()).state == "stale"


async def test_a_step_in_a_file_and_held_is_counted_once(judged: Judged) -> None:
    board = board_of(judged.place, judged.held)
    before = await board.wall()
    keeper = HistoryKeeper(HistoryFolder(str(judged.place)), HistoryBounds(35, 400, 1 << 40))
    held = judged.held.rest()
    keeper.write(held[-1])  # and not forgotten yet
    try:
        assert (await board.wall()).calls == before.calls
    finally:
        HistoryFolder(str(judged.place)).delete(keeper.write(held[-1]).path)


def test_an_hour_that_is_written_while_a_page_is_made_is_counted_once(judged: Judged) -> None:
    folder = HistoryFolder(str(judged.place))
    view = HistoryView(folder)
    view.set_recent(judged.held.recent())
    counted = view.series(lambda key: key.measure == Measure.REQUESTS)

    def amounts() -> list[float]:
        return [float(value) for value in view.rows(MINUTES, AT - 3 * 3600, AT, counted).observed]

    before = amounts()
    hour = judged.held.rest()[-1]
    written = HistoryKeeper(folder, HistoryBounds(35, 400, 1 << 40)).write(hour)
    try:
        assert amounts() == before
    finally:
        folder.delete(written.path)


async def test_a_board_without_a_past_says_that_it_learns(tmp_path: Path) -> None:
    held = Segments(1)
    wall = await board_of(tmp_path, held).wall()
    assert (wall.state, wall.at) == ("learning", None)
    nobody = {"route": 0, "function": 0, "table": 0, "client": 0}
    assert wall.learning == WallLearning(0, 1, nobody, post="/events")
    backend = Backend()
    held.feed(backend.feed(requests(10)))
    wall = await board_of(tmp_path, held, now=START + 600).wall()
    assert wall.state == "learning"
    assert wall.learning is not None
    assert wall.learning.seen["function"] > 0
    assert wall.numbers[0].value == PER_MINUTE / 60


async def test_throttled_calls_of_tables_are_counted_where_their_verdict_is_shown(tmp_path: Path) -> None:
    held = Segments(1)
    held.feed(
        Backend(settings=SETTINGS).feed(requests(7, late=False))
    )  # a call is throttled in the first step
    verdict = examples.incident(examples.finding(Verdict.SPIKE, ITEMS, Measure.THROTTLES, TRACE))
    board = board_of(tmp_path, held, now=START + 300, incidents=BoardIncidents([verdict], []))
    throttles = (await board.wall()).numbers[-1]
    assert (throttles.id, throttles.verdict, throttles.value) == ("throttles", "spike", 1)
    assert throttles.incident == verdict.id
    assert throttles.scope == ITEMS.as_answer(), "the table has most of them"


async def test_an_open_limit_shows_what_the_newest_step_uses_of_it(judged: Judged, wall: Wall) -> None:
    finding = replace(examples.finding(Verdict.LIMIT, ITEMS, Measure.WCU, TRACE), observed=3.0, limit=1.0)
    shown = incident_answer(examples.incident(finding), Links(LinksSettings()))
    board = board_of(judged.place, judged.held, incidents=BoardIncidents([], [shown]))
    [incident] = (await board.wall()).incidents
    assert incident.observed == wall.tables[0].used
    assert await board.incidents() == [incident]


async def test_growth_in_the_digest_tells_the_wall_when_limits_are_reached_and_what_is_small_does_not(
    judged: Judged,
) -> None:
    whole = Scope("account", "aws", "1", "", "1")
    table = examples.incident(examples.growth(ITEMS, 0.03, 11.0, 0.7, 1.0))
    pace = examples.growth(whole, 0.03, 20.0, 0.7, 0.01)
    account = examples.incident(replace(pace, measure=Measure.BUSY))
    small = examples.incident(examples.finding(Verdict.SPIKE, ITEMS, Measure.WCU, TRACE))
    told = [replace(incident, sent="digest") for incident in (table, account, small)]
    notices = [
        replace(notice_of("spike", AT, str(number)), incidents=[replace(of, id=str(number))])
        for number, of in enumerate(told)
    ]
    shown = incidents_of(GivenIncidents(notices, AT).pipeline, Links(LinksSettings()))
    assert len(shown.shown) == 3
    wall = await board_of(judged.place, judged.held, incidents=shown).wall()
    [hottest], [concurrency] = wall.tables, wall.concurrency
    assert (hottest.verdict, hottest.days_left_early, hottest.days_left_late) == ("growth", 8.0, 16.0)
    assert (concurrency.days_left_early, concurrency.days_left_late) == (16.0, 30.0)


async def test_without_a_history_the_board_says_what_to_set() -> None:
    with pytest.raises(BoardDataError, match=r"set history\.keep to true"):
        await board_of(None, Segments(1)).wall()


async def test_a_damaged_file_is_left_out_of_the_board(judged: Judged, tmp_path: Path) -> None:
    bad = tmp_path / "minutes" / "20251127T000000-20251127T010000.parquet"
    board = board_of(tmp_path, judged.held)
    bad.parent.mkdir(parents=True)
    bad.write_bytes(b"no parquet")
    assert (await board.wall()).at == AT


def test_open_findings_colour_what_they_are_about() -> None:
    incident = examples.incident(examples.finding(Verdict.SPIKE, ITEMS, Measure.WCU, TRACE))
    verdicts = OpenVerdicts([incident])
    assert verdicts.worst(lambda scope, measure: (scope, measure) == (ITEMS, Measure.WCU)) == "spike"
    assert verdicts.worst(lambda scope, _: scope.kind == "function") is None


def test_a_verdict_about_a_sum_names_the_accounts_that_it_is_of() -> None:
    other = ITEMS._replace(account="2")
    found = [
        examples.incident(examples.finding(verdict, scope, Measure.WCU, TRACE))
        for verdict, scope in ((Verdict.ABSENCE, other), (Verdict.SPIKE, ITEMS))
    ]
    verdicts = OpenVerdicts(found)
    assert verdicts.worst(lambda _, measure: measure == Measure.WCU) == "absence"
    assert verdicts.of_accounts(lambda _, measure: measure == Measure.WCU, Verdict.ABSENCE) == ["2"]
    assert verdicts.of_accounts(lambda _, measure: measure == Measure.WCU, Verdict.SPIKE) == ["1"]
