"""The page of a scope shows the figures of the engine, and who makes them so."""

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from alerting.commands.memo import Memo
from alerting.messages import examples
from alerting.messages.incident_answer import WhoAnswer
from config.links import Links
from config.settings import LinksSettings
from detectors.model.finding import Share, Trace, Verdict
from detectors.model.measures import Measure
from detectors.model.scope import CLIENT, FUNCTION, TABLE, TENANT, Scope
from detectors.model.stated import StatedChange
from streams.record.history.history_files import MINUTES, NAMES_FILE, HistoryFile, HistoryFolder
from streams.record.history.history_queries import (
    CrowdedHistoryError,
    HistoryPatience,
    HistoryQueries,
    SlowHistoryError,
)
from streams.record.history.history_rows import bare, merged
from streams.record.history.parquet_rows import write_names, write_rows
from streams.record.history.segments import Segments
from streams.record.history.series_names import NOBODY, SeriesKey, SeriesNames
from streams.screens.board.board_data import BoardDataError
from streams.screens.board.scope_pages.scope_events import BoardPast, PastIncident, ScopeEvents
from streams.screens.board.scope_pages.scope_finder import UnknownScopeError
from streams.screens.board.scope_pages.scope_page import FoundScopes, ScopeMeasure, ScopeNeighbours, ScopePage
from streams.screens.board.scope_pages.scope_range import (
    DAY,
    RANGES,
    WEEK,
    AskedRange,
    AskedScope,
    BadRangeError,
)
from tests.streams.screens.board.judged_week import AT, PER_MINUTE, STEP, Judged, board_of

ITEMS = Scope(TABLE, "aws", "1", "eu-west-1", "items")
PUT = Scope(FUNCTION, "aws", "1", "eu-west-1", "put-0")
TRACE = Trace(start=0, step=60, now=[1.0], last_week=[1.0], lower=[0.0], upper=[2.0])
TABLE_ITEMS = AskedScope("table:items", (("cloud", "aws"), ("account", "1"), ("region", "eu-west-1")))


async def page_of(judged: Judged, asked: AskedScope = TABLE_ITEMS, **more: Any) -> ScopePage:
    page = await board_of(judged.place, judged.held, **more).scope(asked)
    assert isinstance(page, ScopePage)
    return page


def over(name: str, about: str = "table:items") -> AskedScope:
    return AskedScope(about, (), AskedRange(name))


def measured(page: ScopePage, name: str) -> ScopeMeasure:
    [found] = [measure for measure in page.measures if measure.measure == name]
    return found


def kinds(neighbours: Sequence[ScopeNeighbours]) -> dict[str, ScopeNeighbours]:
    return {neighbour.kind: neighbour for neighbour in neighbours}


@pytest.mark.parametrize("measure", ["requests", "wcu", "throttles", "latency"])
async def test_the_newest_step_is_that_of_the_engine(judged: Judged, measure: str) -> None:
    page = await page_of(judged)
    found = measured(page, measure)
    [row] = judged.of(TABLE, measure)
    per, newest = 1 if measure == "latency" else STEP, judged.judgement
    assert (page.at, page.end, page.step) == (AT, AT, STEP)
    assert found.value == float(np.float32(newest.observed[row])) / per
    assert found.expected == pytest.approx(newest.expected[row] / per, rel=2e-4, abs=1e-6)
    assert found.lower == pytest.approx(max(newest.lower[row], 0) / per, rel=2e-4, abs=1e-4)
    assert found.upper == pytest.approx(newest.upper[row] / per, rel=2e-4)
    assert found.curve.observed[-1] == pytest.approx(found.value, rel=1e-4)
    assert found.week_before == pytest.approx(found.curve.before[-1], rel=1e-4)
    assert found.week_before == pytest.approx(found.value, rel=1e-4)


async def test_every_step_of_four_hours_is_one_that_the_engine_judged(judged: Judged) -> None:
    page = await page_of(judged)
    [row] = judged.of(TABLE, "wcu")
    engine = [
        judgement.observed[row] / STEP for judgement, _ in judged.judgements if judgement.start >= page.start
    ]
    assert measured(page, "wcu").curve.observed == pytest.approx(engine, rel=1e-4)
    assert len(engine) == page.points == 4 * 3600 // STEP
    [account] = judged.of("account", "requests")
    whole = await page_of(judged, over("4h", "account:1"))
    assert measured(whole, "requests").value == judged.judgement.observed[account] / STEP


@pytest.mark.parametrize("name", RANGES)
async def test_every_range_has_the_rate_of_the_backend(judged: Judged, name: str) -> None:
    page = await page_of(judged, over(name))
    requests = measured(page, "requests")
    assert len(requests.curve.observed) == page.points <= 602
    known = [value for value in requests.curve.observed if value is not None]
    assert known == pytest.approx([PER_MINUTE / 60] * len(known), rel=1e-4)
    assert requests.mean == pytest.approx(PER_MINUTE / 60)
    if name in ("4h", "1d"):
        assert requests.mean_before == pytest.approx(PER_MINUTE / 60)
    else:  # the history begins within the week before, which longer ranges have in themselves
        assert requests.mean_before is None
        assert {
            amount.before
            for caller in page.callers
            for neighbour in caller.neighbours
            for amount in neighbour.amounts.values()
        } == {None}
    assert page.start + page.points * page.step >= page.end
    throttles = measured(page, "throttles")
    assert throttles.curve.most == [] or max(number or 0 for number in throttles.curve.most) == pytest.approx(
        throttles.most, rel=1e-4
    )


async def test_the_shares_of_callers_add_up_to_the_whole(judged: Judged) -> None:
    for name in ("4h", "1d", "1w"):
        page = await page_of(judged, over(name))
        callers = kinds(page.callers)
        assert list(callers) == ["function", "route", "client"]
        for caller in callers.values():
            for measure in ("wcu", "requests"):
                shares = [neighbour.amounts[measure].share for neighbour in caller.neighbours]
                assert sum(filter(None, shares)) == pytest.approx(1), (name, caller.kind, measure)
        wcu = [neighbour.amounts["wcu"] for neighbour in callers["function"].neighbours]
        assert sum(amount.value for amount in wcu) == pytest.approx(measured(page, "wcu").mean, rel=1e-3)
        assert [neighbour.label for neighbour in callers["function"].neighbours] == ["put-1", "put-0"]
        assert wcu[0].calls == pytest.approx(PER_MINUTE / 120, rel=1e-6)


async def test_whom_a_scope_calls_is_seen_from_the_other_side(judged: Judged) -> None:
    page = await page_of(judged, over("1d", "function:put-0"))
    table = kinds(page.callees)["table"].neighbours[0]
    assert table.scope == ITEMS.as_answer()
    back = kinds((await page_of(judged, over("1d"))).callers)["function"].neighbours[1]
    assert (back.label, back.amounts["wcu"].value) == ("put-0", table.amounts["wcu"].value)
    client = await page_of(judged, over("1d", "client:ios"))
    assert [callee.kind for callee in client.callees] == ["table", "function", "route", "service"]


async def test_the_limit_of_a_table_stands_with_what_is_used_of_it(judged: Judged) -> None:
    [limit] = (await page_of(judged)).limits
    [row] = judged.of(TABLE, "wcu")
    assert (limit.measure, limit.limit) == ("wcu", 1.0)
    assert limit.used == limit.share == judged.judgement.observed[row] / STEP


def remembered() -> BoardPast:
    finding = msgspec.structs.replace(
        examples.finding(Verdict.SPIKE, ITEMS, Measure.WCU, TRACE),
        callers=[
            Share(scope=PUT, share=0.91, more_calls=0.9, more_per_call=0.01, observed=9.0, expected=1.0)
        ],
    )
    start = AT - 1800
    open_ = msgspec.structs.replace(examples.incident(finding), id="open", start=start, end=None)
    ended = msgspec.structs.replace(open_, id="ended", start=AT - 3 * DAY, end=AT - 3 * DAY + 600)
    changes = [
        StatedChange(AT - 1900, Scope(TABLE, "", "", "", "items"), "deploy", "42", "ci"),
        StatedChange(AT - 1900, Scope(TABLE, "gcp", "", "", "items"), "elsewhere"),
        StatedChange(AT - 9 * DAY, ITEMS, "long ago"),
    ]
    memos = [
        Memo(id=name, number=1, at=AT - 60, written=AT - 60, by="mika", text=name, incident=of, scope=scope)
        for name, of, scope in (("m1", "open", ""), ("m2", "", "table:items"), ("m3", "other", ""))
    ]
    known = [PastIncident(open_, "page", WhoAnswer(by="mika", at=AT - 60)), PastIncident(ended, "digest")]
    return BoardPast(known, memos, changes, Links(LinksSettings()))


async def test_what_happened_is_named_and_leads_on(judged: Judged) -> None:
    page = await page_of(judged, past=remembered())
    assert page.verdict == measured(page, "wcu").verdict == "spike"
    assert measured(page, "wcu").incident == "open"
    assert [one.measure for one in page.measures[:2]] == ["wcu", "requests"], "what deviates comes first"
    assert measured(page, "requests").incident is None
    [incident] = page.incidents
    assert (incident.id, incident.measures, incident.share, incident.sent) == ("open", ["wcu"], None, "page")
    assert incident.acknowledged == WhoAnswer(by="mika", at=AT - 60)
    assert [change.what for change in page.changes] == ["deploy"]
    assert [memo.text for memo in page.memos] == ["m1", "m2"]
    assert [link.kind for link in page.links] == ["table", "table_metrics"]
    assert all(link.url.startswith("https://eu-west-1.console.aws.amazon.com/") for link in page.links)
    week = await page_of(judged, over("1w"), past=remembered())
    assert [incident.id for incident in week.incidents] == ["open", "ended"]
    caller = await page_of(judged, over("4h", "function:put-0"), past=remembered())
    assert [(incident.id, incident.measures, incident.share) for incident in caller.incidents] == [
        ("open", [], 0.91)
    ]
    assert caller.verdict is None


@pytest.mark.parametrize("about", ["account:1", "service:shop"])
async def test_an_account_and_a_service_have_the_incidents_of_what_is_in_them(
    judged: Judged, about: str
) -> None:
    page = await page_of(judged, over("4h", about), past=remembered())
    [incident] = page.incidents
    assert (incident.id, incident.measures, incident.share) == ("open", [], None)
    assert incident.of == ITEMS.as_answer()
    other = Scope("account", "aws", "2", "", "2")
    assert ScopeEvents(remembered(), other, (), AT - 3600, AT).incidents() == []


async def test_what_is_too_small_to_page_is_listed_and_colours_no_measure(judged: Judged) -> None:
    past = remembered()
    small = [known._replace(sent="digest") for known in past.incidents]
    page = await page_of(judged, past=past._replace(incidents=small))
    assert (page.verdict, measured(page, "wcu").verdict) == (None, None)
    assert [(incident.id, incident.sent) for incident in page.incidents] == [("open", "digest")]


async def test_growth_in_the_digest_colours_its_measure_and_says_when_the_limit_is_reached(
    judged: Judged,
) -> None:
    growing = examples.incident(examples.growth(ITEMS, 0.03, 11.0, 0.7, 1.0))
    page = await page_of(judged, past=BoardPast([PastIncident(growing, "digest")]))
    assert (page.verdict, measured(page, "wcu").verdict) == ("growth", "growth")
    [limit] = page.limits
    assert (limit.days_left_early, limit.days_left, limit.days_left_late) == (8.0, 11.0, 16.0)


async def test_a_range_that_has_passed_has_no_verdicts_and_limits_of_now(judged: Judged) -> None:
    def until(end: int) -> AskedScope:
        return AskedScope("table:items", (), AskedRange(since=str(AT - 3600), until=str(end)))

    past = await page_of(judged, until(AT - 600), past=remembered())
    assert (past.verdict, measured(past, "wcu").verdict, past.limits) == (None, None, [])
    assert [incident.id for incident in past.incidents] == ["open"], "it began before the range ended"
    assert (await page_of(judged, until(AT), past=remembered())).verdict == "spike"


async def test_what_is_not_known_is_refused_with_one_line(judged: Judged) -> None:
    board = board_of(judged.place, judged.held)
    with pytest.raises(UnknownScopeError, match=r"no table orders is known here: /board/scopes\?like="):
        await board.scope(AskedScope("table:orders"))
    with pytest.raises(UnknownScopeError, match="no table items is known here"):
        await board.scope(AskedScope("table:items", (("account", "2"),)))
    for about in ("", "items", "shop:items", "table:"):
        with pytest.raises(UnknownScopeError, match="scope is one of account, service, route"):
            await board.scope(AskedScope(about))
    with pytest.raises(BadRangeError, match="range is one of 4h"):
        await board.scope(over("2y"))


async def test_scopes_are_found_by_what_people_remember_of_them(judged: Judged) -> None:
    board = board_of(judged.place, judged.held)

    async def found(text: str) -> list[tuple[Any, str]]:
        return [(scope.scope.kind, scope.label) for scope in (await board.scopes(text)).scopes]

    assert await found("items") == [(TABLE, "items"), ("route", "POST /items")]
    assert await found("ITEMS table") == [(TABLE, "items")]
    assert await found("ios 3.2") == [(CLIENT, "ios 3.2.1")]
    assert await found("game-prod service") == [("service", "shop")]
    assert await found("nobody") == await found("  ") == []


async def test_a_name_of_several_scopes_is_a_choice(tmp_path: Path) -> None:
    orders = [Scope(TABLE, "aws", account, "eu-west-1", "orders") for account in ("1", "2")]
    made_history(tmp_path, {SeriesKey(order, NOBODY, "requests"): [60.0] for order in orders})
    board = board_of(tmp_path, Segments(1))
    found = await board.scope(AskedScope("table:orders"))
    assert isinstance(found, FoundScopes)
    assert [scope.scope.account for scope in found.scopes] == ["1", "2"]
    assert isinstance(await board.scope(AskedScope("table:orders", (("account", "2"),))), ScopePage)


def made_history(place: Path, amounts: dict[SeriesKey, list[float]]) -> None:
    """Write a history of two weeks: of each series a row an hour, of its amount in each week."""
    folder, names = HistoryFolder(str(place)), SeriesNames()
    for week in range(2):
        first = AT // WEEK * WEEK + week * WEEK
        starts = first + 3600 * np.arange(WEEK // 3600)
        rows = merged(
            [
                bare(
                    np.full(len(starts), number),
                    starts,
                    np.full(len(starts), 3600, np.int32),
                    np.full(len(starts), amount[week % len(amount)], np.float32),
                )
                for number, amount in zip(names.add(amounts), amounts.values(), strict=True)
            ]
        )
        file = HistoryFile(MINUTES, first, first + WEEK)
        folder.write(file.path, partial(write_rows, rows))
    folder.write(NAMES_FILE, partial(write_names, names))


async def test_data_begin_with_the_first_of_them_and_not_with_the_week_of_their_file(tmp_path: Path) -> None:
    folder, names = HistoryFolder(str(tmp_path)), SeriesNames()
    names.add([SeriesKey(ITEMS, NOBODY, "requests")])
    week = AT // WEEK * WEEK
    first = week + 3 * DAY
    rows = bare(np.array([0]), np.array([first]), np.array([60], np.int32), np.array([1.0], np.float32))
    folder.write(HistoryFile(MINUTES, week, week + WEEK).path, partial(write_rows, rows))
    folder.write(NAMES_FILE, partial(write_names, names))
    page = await board_of(tmp_path, Segments(1)).scope(over("1w"))
    assert isinstance(page, ScopePage)
    assert page.since == first


async def test_more_calls_and_more_per_call_are_distinguished(tmp_path: Path) -> None:
    def edge(name: str, measure: str) -> SeriesKey:
        return SeriesKey(ITEMS, PUT._replace(name=name), measure)

    made_history(
        tmp_path,
        {
            SeriesKey(ITEMS, NOBODY, "requests"): [3600.0, 7200.0],
            SeriesKey(ITEMS, NOBODY, "wcu"): [3600.0, 9000.0],
            edge("more-calls", "writes"): [1800.0, 3600.0],
            edge("more-calls", "wcu"): [1800.0, 3600.0],
            edge("more-each", "writes"): [1800.0, 1800.0],
            edge("more-each", "wcu"): [1800.0, 5400.0],
            edge("new", "requests"): [0.0, 36.0],
        },
    )
    page = await board_of(tmp_path, Segments(1)).scope(over("1w"))
    assert isinstance(page, ScopePage)
    assert page.since == AT // WEEK * WEEK
    functions = {
        neighbour.label: neighbour.amounts["wcu"] for neighbour in kinds(page.callers)["function"].neighbours
    }
    calls, each = functions["more-calls"], functions["more-each"]
    assert (calls.value, calls.before, calls.calls, calls.calls_before) == (1.0, 0.5, 1.0, 0.5)
    assert (each.value, each.before, each.calls, each.calls_before) == (1.5, 0.5, 0.5, 0.5)
    assert (calls.share, each.share) == (0.4, 0.6)
    new = kinds(page.callers)["function"].neighbours[-1]
    assert (new.label, new.amounts["requests"].value, new.amounts["requests"].before) == ("new", 0.01, 0)


@pytest.mark.parametrize(("name", "before"), [("1w", 1.0), ("13mo", None)])
async def test_a_range_that_has_the_week_before_in_itself_is_not_compared_with_it(
    tmp_path: Path, name: str, before: float | None
) -> None:
    call = SeriesKey(ITEMS, PUT, "requests")
    made_history(tmp_path, {SeriesKey(ITEMS, NOBODY, "requests"): [3600.0], call: [3600.0]})
    page = await board_of(tmp_path, Segments(1)).scope(over(name))
    assert isinstance(page, ScopePage)
    assert measured(page, "requests").mean_before == before
    [caller] = kinds(page.callers)["function"].neighbours
    assert caller.amounts["requests"].before == before


async def test_a_scope_that_began_since_had_no_calls_a_week_before(tmp_path: Path) -> None:
    fresh = SeriesKey(ITEMS._replace(name="new"), NOBODY, "requests")
    call = SeriesKey(fresh.scope, PUT, "requests")
    account = SeriesKey(Scope("account", "aws", "1", "", "1"), NOBODY, "requests")
    made_history(tmp_path, {account: [60.0], fresh: [np.nan, 3600.0], call: [np.nan, 3600.0]})
    page = await board_of(tmp_path, Segments(1)).scope(over("1w", "table:new"))
    assert isinstance(page, ScopePage)
    amount = kinds(page.callers)["function"].neighbours[0].amounts["requests"]
    assert (amount.value, amount.before) == (1.0, 0.0)


async def test_of_very_many_callers_those_with_the_most_are_shown_and_the_others_counted(
    tmp_path: Path,
) -> None:
    tenants = [Scope(TENANT, "aws", "1", "", f"game-{number:03}") for number in range(90)]
    amounts = {SeriesKey(ITEMS, NOBODY, "requests"): [36_000.0]}
    amounts |= {SeriesKey(ITEMS, tenant, "requests"): [float(place)] for place, tenant in enumerate(tenants)}
    made_history(tmp_path, amounts)
    board = board_of(tmp_path, Segments(1))
    page = await board.scope(over("1d"))
    assert isinstance(page, ScopePage)
    [found] = page.callers
    assert [neighbour.label for neighbour in found.neighbours] == [
        f"game-{number:03}" for number in range(89, 49, -1)
    ]
    assert found.more == 50
    tenant = await board.scope(over("1d", "tenant:game-089"))
    assert isinstance(tenant, ScopePage)
    assert tenant.measures == []
    [table] = tenant.callees
    assert table.neighbours[0].amounts["requests"].value == pytest.approx(89 / 3600)


async def test_few_pages_are_made_at_a_time_and_none_for_ever(judged: Judged) -> None:
    running, most = 0, 0

    def slow(_: object) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        time.sleep(0.05)
        running -= 1
        return 1

    queries = HistoryQueries(str(judged.place), judged.held.recent)
    patience = HistoryPatience()
    at_most = patience.threads + patience.waiting
    assert await asyncio.gather(*(queries.ask(slow) for _ in range(at_most))) == [1] * at_most
    assert most <= patience.threads
    asked = [asyncio.create_task(queries.ask(slow)) for _ in range(at_most)]
    await asyncio.sleep(0)
    with pytest.raises(CrowdedHistoryError, match="try again in a few seconds"):
        await queries.ask(slow)
    await asyncio.gather(*asked)
    impatient = HistoryQueries(str(judged.place), judged.held.recent, HistoryPatience(seconds=0.01))
    with pytest.raises(SlowHistoryError, match=r"took longer than 0\.01 seconds; choose a shorter range"):
        await impatient.ask(slow)


async def test_a_damaged_file_is_left_out_of_pages(tmp_path: Path, judged: Judged) -> None:
    bad = tmp_path / "minutes" / "20251127T000000-20251127T010000.parquet"
    board = board_of(tmp_path, judged.held)
    bad.parent.mkdir(parents=True)
    bad.write_bytes(b"no parquet")
    assert isinstance(await board.scope(over("5w")), ScopePage)


async def test_without_a_history_or_a_step_the_page_says_why(tmp_path: Path) -> None:
    with pytest.raises(BoardDataError, match=r"set history\.keep to true"):
        await board_of(None, Segments(1)).scope(TABLE_ITEMS)
    with pytest.raises(BoardDataError, match="there are no values yet"):
        await board_of(tmp_path, Segments(1)).scope(TABLE_ITEMS)
