"""The numbers that an assistant receives are those of the engine."""

from collections.abc import AsyncIterator
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from alerting.commands.memo import Memo
from alerting.words.numbers import of_measure
from detectors.model.measures import Measure
from detectors.model.scope import FUNCTION, Scope
from detectors.model.stated import StatedChange
from streams.record.query.query_service import QueryService
from streams.screens.board.scope_pages.scope_events import BoardPast
from tests.streams.screens.board.incidents.incidents_given import GivenIncidents
from tests.streams.screens.board.judged_week import AT as LATER
from tests.streams.screens.board.judged_week import DAYS, STEP, Judged, board_of
from tests.streams.screens.mcp.assistant_given import Asked, asked_of, board_over

HOUR = 3600
AT = LATER - (DAYS - 1) * 24 * HOUR
TOKYO = ZoneInfo("Asia/Tokyo")
PUT = Scope(FUNCTION, "aws", "1", "eu-west-1", "put-0")
PAST = BoardPast(
    memos=[
        Memo(id="m", number=1, by="mika", text="a load test", at=AT - HOUR, written=AT, scope="table:items")
    ],
    changes=[StatedChange(AT - HOUR, PUT, "deploy", "42", "ci", "https://ci.example.com/42")],
)


@pytest.fixture
async def asked(judged: Judged) -> AsyncIterator[Asked]:
    data = board_of(judged.place, judged.held, now=AT, past=PAST)
    service = QueryService(str(judged.place), judged.held.recent, lambda: STEP)
    async with board_over(data, GivenIncidents([], AT), queries=service) as url, asked_of(url) as made:
        yield made


def epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize("measure", ["requests", "wcu", "latency"])
async def test_a_series_has_the_newest_step_that_the_engine_judged(
    judged: Judged, asked: Asked, measure: str
) -> None:
    data, words = await asked.answer("show_series", scope="table:items", measure=measure)
    [row] = judged.of("table", measure)
    per, newest = 1 if measure == "latency" else STEP, judged.judgement
    assert data["value"] == float(np.float32(newest.observed[row])) / per
    assert data["expected"] == pytest.approx(newest.expected[row] / per, rel=2e-4, abs=1e-6)
    assert data["lower"] == pytest.approx(max(newest.lower[row], 0) / per, rel=2e-4, abs=1e-4)
    assert data["upper"] == pytest.approx(newest.upper[row] / per, rel=2e-4)
    assert epoch(data["end"]) == AT
    assert data["end"].endswith("+09:00")
    assert "JST" in words


async def test_a_point_is_the_mean_of_its_steps_between_their_extremes(judged: Judged, asked: Asked) -> None:
    data, _ = await asked.answer("show_series", scope="table:items", measure="wcu", points=8)
    [row] = judged.of("table", "wcu")
    engine = {judgement.start: judgement.observed[row] / STEP for judgement, _ in judged.judgements}
    assert 4 <= len(data["points"]) <= 10
    for point in data["points"]:
        first = int(epoch(point["at"]))
        steps = [
            engine[at] for at in range(first, first + data["step_seconds"], STEP) if AT - 4 * HOUR <= at < AT
        ]
        assert point["observed"] == pytest.approx(np.mean(steps), rel=1e-4)
        assert point["lowest"] == pytest.approx(min(steps), rel=1e-4)
        assert point["highest"] == pytest.approx(max(steps), rel=1e-4)


async def test_a_range_of_weeks_has_no_more_points_than_are_asked_for(asked: Asked) -> None:
    for name in ("1w", "5w", "13mo"):
        data, _ = await asked.answer(
            "show_series", scope="table:items", measure="requests", range=name, points=20
        )
        assert len(data["points"]) <= 22


async def test_a_range_of_one_s_own_is_in_the_zone_of_the_daemon(asked: Asked) -> None:
    first = datetime.fromtimestamp(AT - 2 * HOUR, TOKYO)
    data, _ = await asked.answer(
        "show_series", scope="table:items", measure="wcu", since=f"{first:%Y-%m-%dT%H:%M}"
    )
    assert (epoch(data["first"]), epoch(data["end"])) == (AT - 2 * HOUR, AT)
    again, _ = await asked.answer(
        "show_series", scope="table:items", measure="wcu", since=data["first"], until=data["end"]
    )
    assert again["points"] == data["points"]


async def test_callers_have_their_parts_of_what_the_engine_counted(judged: Judged, asked: Asked) -> None:
    data, words = await asked.answer("who_calls", scope="table:items", range="1d", measure="wcu")
    [functions] = [kind for kind in data["kinds"] if kind["kind"] == "function"]
    assert sum(function["share"] for function in functions["neighbours"]) == pytest.approx(1)
    [row] = judged.of("table", "wcu")
    day = [
        judgement.observed[row]
        for judgement, _ in judged.judgements
        if AT - 24 * HOUR <= judgement.start < AT
    ]
    assert sum(function["value"] for function in functions["neighbours"]) == pytest.approx(
        sum(day) / (24 * HOUR), rel=1e-4
    )
    assert {function["because"] for function in functions["neighbours"]} == {"unknown"}
    assert "the week before is not known" in words
    assert "By function, wcu:" in words


async def test_a_minute_and_a_long_range_are_not_compared_with_the_week_before(asked: Asked) -> None:
    _, words = await asked.answer("who_calls", scope="table:items", range="5w")
    assert "week before" not in words
    _, words = await asked.answer("show_series", scope="table:items", measure="wcu", range="5w")
    assert "on the same range a week before" not in words
    _, words = await asked.answer("show_scope", scope="table:items", range="5w")
    assert "week before" not in words


async def test_callers_of_a_range_that_is_no_whole_ten_minutes_are_summed_up_to_its_end(
    judged: Judged, asked: Asked
) -> None:
    given = {"scope": "table:items", "since": str(AT - 55 * 60), "until": str(AT - 600), "measure": "wcu"}
    data, _ = await asked.answer("who_calls", **given)
    [functions] = [kind for kind in data["kinds"] if kind["kind"] == "function"]
    [row] = judged.of("table", "wcu")
    within = [
        judgement.observed[row]
        for judgement, _ in judged.judgements
        if AT - 3300 <= judgement.start < AT - 600
    ]
    total = sum(function["value"] for function in functions["neighbours"])
    assert total == pytest.approx(sum(within) / 2700, rel=1e-4)


async def test_a_function_calls_tables(asked: Asked) -> None:
    data, words = await asked.answer("who_calls", scope="function:put-0", direction="callees")
    assert [kind["kind"] for kind in data["kinds"]] == ["table", "service"]
    assert data["kinds"][0]["neighbours"][0]["about"]["scope"] == "table:items"
    assert words.startswith("Called by function «put-0»")


async def test_the_wall_in_words_has_the_numbers_of_the_wall(judged: Judged, asked: Asked) -> None:
    data, words = await asked.answer("is_all_well")
    numbers = {number["name"]: number for number in data["numbers"]}
    [row] = judged.of("account", "requests")
    assert numbers["requests"]["value"] == judged.judgement.observed[row] / STEP
    assert numbers["requests"]["expected"] == pytest.approx(judged.judgement.expected[row] / STEP, rel=2e-4)
    [table] = [limit for limit in data["limits"] if limit["of"] == "table:items"]
    [wcu] = judged.of("table", "wcu")
    assert table["used"] == judged.judgement.observed[wcu] / STEP
    assert table["limit"] == 1.0
    assert f"Newest data: {datetime.fromtimestamp(AT, TOKYO):%Y-%m-%d %H:%M} JST" in words


async def test_a_scope_at_a_glance_has_each_measure_its_limit_and_what_happened(
    judged: Judged, asked: Asked
) -> None:
    data, words = await asked.answer("show_scope", scope="table:items", range="1d")
    measures = {measure["measure"]: measure for measure in data["measures"]}
    [row] = judged.of("table", Measure.WCU)
    assert measures["wcu"]["value"] == float(np.float32(judged.judgement.observed[row])) / STEP
    [limit] = data["limits"]
    assert (limit["measure"], limit["limit"]) == ("wcu", 1.0)
    assert [memo["text"] for memo in data["memos"]] == ["a load test"]
    assert "no finding about it is open" in words
    changes, _ = await asked.answer("show_scope", scope="function:put-0", range="1d")
    assert [change["version"] for change in changes["changes"]] == ["42"]


async def test_a_ranking_has_the_newest_step_of_the_engine_and_what_was_expected(
    judged: Judged, asked: Asked
) -> None:
    data, words = await asked.answer("rank_scopes", kind="function", measure="requests")
    newest = judged.judgement
    engine = {
        judged.series[row].place.name: (newest.observed[row] / STEP, newest.expected[row] / STEP)
        for row in judged.of("function", "requests")
    }
    assert {rank["about"]["scope"].partition(":")[2]: rank["value"] for rank in data["ranked"]} == {
        name: float(np.float32(value * STEP)) / STEP for name, (value, _) in engine.items()
    }
    for rank in data["ranked"]:
        _, expected = engine[rank["about"]["scope"].partition(":")[2]]
        assert rank["expected"] == pytest.approx(expected, rel=2e-4)
    assert [rank["value"] for rank in data["ranked"]] == sorted(
        (rank["value"] for rank in data["ranked"]), reverse=True
    )
    assert words.startswith("Those of kind function with the most requests in the newest step (")
    none, words = await asked.answer("rank_scopes", kind="table", measure='wcu"} or {x="')
    assert none["ranked"] == []


async def test_a_cost_is_a_second_as_data_and_an_hour_in_words(judged: Judged, asked: Asked) -> None:
    data, words = await asked.answer("rank_scopes", kind="function", measure="cost", most=1)
    [first] = data["ranked"]
    assert data["unit"] == "USD/s"
    assert f"{of_measure(first['value'], Measure.COST)} USD/h, expected" in words
    series, words = await asked.answer("show_series", scope=first["about"]["scope"], measure="cost", points=4)
    assert series["unit"] == "USD/s"
    assert "in USD/h:" in words
    [row] = [
        row
        for row in judged.of("function", "cost")
        if judged.series[row].place.label == first["about"]["scope"].partition(":")[2]
    ]
    assert series["value"] == pytest.approx(judged.judgement.observed[row] / STEP, rel=1e-6)


async def test_names_are_found_and_can_be_given_back(asked: Asked) -> None:
    data, _ = await asked.answer("find_names", like="items table")
    [found] = data["scopes"]
    assert (found["scope"], found["account"], found["region"]) == ("table:items", "1", "eu-west-1")
    again, _ = await asked.answer("show_scope", scope=found["scope"], account="1", region="eu-west-1")
    assert again["about"] == found
    none, words = await asked.answer("find_names", like="nothing-like-it")
    assert none["scopes"] == []
    assert words == "No scope has such a name."


async def test_what_there_is_not_is_refused_with_what_there_is(asked: Asked) -> None:
    said = await asked.refused("show_scope", scope="table:nope")
    assert said == "no table nope is known here: find_names finds names"
    for times, remedy in (
        ({"since": "noon"}, "since is no time: give"),
        ({"since": str(AT - 3600), "until": "noon"}, "until is no time: give"),
        ({"until": str(AT)}, "until needs since, the beginning"),
    ):
        assert (await asked.refused("show_scope", scope="table:items", **times)).startswith(remedy)
    said = await asked.refused("show_series", scope="table:items", measure="love")
    assert said.startswith("table:items has no measure love; it has requests, ")
    said = await asked.refused("who_calls", scope="table:items", measure="love")
    assert "no callers by love" in said
    assert "range is at least" in await asked.refused(
        "show_series", scope="table:items", measure="wcu", since=str(AT - 10)
    )
