"""The list of incidents with its timeline, and one incident whole."""

from typing import Any

import aiohttp
import pytest

from alerting.commands.command import Command, CommandKind
from alerting.pipeline.pipeline import Pipeline
from alerting.words.locales import JAPANESE
from config.links import Links
from config.settings import LinksSettings, Settings
from streams.screens.board.board_data import incidents_of
from streams.screens.board.incidents.incident_routes import MOST, IncidentFilter, listed_incidents
from streams.screens.board.incidents.incident_service import KnownIncidents
from tests.alerting.given import T0
from tests.alerting.notices import opened
from tests.streams.screens.board.board_client import browser
from tests.streams.screens.board.board_server import GivenBoard, ServedBoard, served
from tests.streams.screens.board.incidents.incidents_given import DAY, busy_incidents
from tests.streams.screens.board.wall_given import wall_given

NOW = 1_764_200_012
AT = NOW - NOW % 60


def given() -> GivenBoard:
    return GivenBoard(wall_given("busy", NOW), service=busy_incidents(NOW))


async def got(session: aiohttp.ClientSession, board: ServedBoard, path: str, status: int = 200) -> Any:
    async with session.get(f"{board.url}/board/{path}") as answer:
        assert answer.status == status, await answer.text()
        assert answer.headers["Cache-Control"] == "no-store"
        return await answer.json()


async def test_the_list_has_open_and_ended_incidents_the_memos_of_no_incident_and_changes() -> None:
    async with served(given()) as board, browser() as session:
        week = await got(session, board, "incidents")
        day = await got(session, board, "incidents?range=1d")
    assert (week["at"], week["since"]) == (AT, AT - 7 * DAY)
    assert [incident["id"] for incident in week["incidents"] if incident["end"] is None] == [
        "absence",
        "fatal",
        "spike",
    ]
    assert [incident["id"] for incident in week["incidents"] if incident["end"] is not None] == [
        "fatal-ended",
        "errors-ended",
        "spike-last-week",
    ]
    assert {incident["id"]: incident["memos"] for incident in week["incidents"]}["spike-last-week"] == 1
    assert {incident["reason"] for incident in week["incidents"]} == {"a table is affected: reported at once"}
    assert [memo["by"] for memo in week["memos"]] == ["aoi", "jun"]
    assert [change["version"] for change in week["changes"]] == ["42", "41"]
    assert [incident["id"] for incident in day["incidents"]] == ["absence", "fatal", "spike", "fatal-ended"]
    assert [memo["by"] for memo in day["memos"]] == ["aoi"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("state=open", {"absence", "fatal", "spike"}),
        ("state=ended&range=5w", {"fatal-ended", "errors-ended", "spike-last-week"}),
        ("verdict=fatal", {"fatal", "fatal-ended"}),
        ("kind=table&range=5w", {"spike", "spike-last-week"}),
        ("account=nobody", set()),
        ("account=123456789012&state=open", {"absence", "fatal", "spike"}),
    ],
)
async def test_filters_narrow_the_list(asked: str, expected: set[str]) -> None:
    async with served(given()) as board, browser() as session:
        found = await got(session, board, f"incidents?{asked}")
    assert {incident["id"] for incident in found["incidents"]} == expected


async def test_a_filter_that_is_not_known_is_refused_with_what_is() -> None:
    async with served(given()) as board, browser() as session:
        for asked, said in (("range=2y", "1d, 1w, 5w"), ("state=x", "open, ended"), ("verdict=x", "spike")):
            assert said in (await got(session, board, f"incidents?{asked}", 400))["error"]


def test_the_list_is_bounded_keeps_the_newest_and_counts_the_others() -> None:
    pipeline = _flooded(MOST + 7)
    known = KnownIncidents(T0, pipeline.tracked(), pipeline.memos, [])
    rows = listed_incidents(known, IncidentFilter())
    assert (len(rows.incidents), rows.left_out) == (MOST, 7)
    assert rows.incidents[0].id == f"i{MOST + 6}"


def _flooded(count: int) -> Pipeline:

    pipeline = Pipeline(Settings())
    pipeline.feed([opened(f"i{number}") for number in range(count)], T0)
    return pipeline


async def test_one_incident_is_whole_with_its_story_and_what_was_learnt_last_time() -> None:
    data = given()
    data.service.pipeline.command(
        Command(id="a", kind=CommandKind.ACKNOWLEDGE, at=AT + 10, by="jun", incident="spike")
    )
    async with served(data) as board, browser() as session:
        whole = await got(session, board, "incidents/spike")
        beginning = await got(session, board, "incidents/spike-la")
        missing = await got(session, board, "incidents/nothing", 404)
    incident = whole["incident"]
    assert incident["acknowledged"] == {"by": "jun", "at": AT + 10}
    assert [(memo["by"], memo["incident"]) for memo in incident["memos"]] == [("mika", "spike-last-week")]
    assert [moment["what"] for moment in whole["story"]] == ["began", "alerted", "acknowledge"]
    assert whole["markdown"].startswith("# ")
    assert "ios 3.2.1 retries without backoff" in whole["markdown"]
    assert whole["at"] == AT
    assert [moment["what"] for moment in beginning["story"]] == ["began", "alerted", "resolved", "memo"]
    assert "/incidents lists" in missing["error"]


async def test_a_list_is_made_once_for_all_who_ask_until_something_changes() -> None:
    data = given()
    made: list[int] = []
    known = data.service.known

    async def counted() -> KnownIncidents:
        made.append(1)
        return await known()

    data.service.known = counted  # type: ignore[method-assign]
    async with served(data) as board, browser() as session:
        for _ in range(3):
            await got(session, board, "incidents")
        assert len(made) == 1
        acknowledge = Command(id="a", kind=CommandKind.ACKNOWLEDGE, at=AT + 10, by="jun", incident="spike")
        await data.service.act(acknowledge)
        found = {
            incident["id"]: incident for incident in (await got(session, board, "incidents"))["incidents"]
        }
        assert found["spike"]["acknowledged"]["by"] == "jun"
        await got(session, board, "incidents?range=1d")
    assert len(made) == 3


async def test_an_incident_has_its_sentence_in_japanese_as_slack_says_it() -> None:
    data = given()
    async with served(data) as board, browser() as session:
        whole = await got(session, board, "incidents/spike")
    primary = data.service.shown()[0]
    tracked = data.service.pipeline.named("spike")
    assert tracked is not None
    said = JAPANESE.incident.why(tracked.incident.primary)
    assert whole["incident"]["sentences"] == primary.sentences == {"ja": said}
    assert said.startswith("テーブル items の書き込み容量は")


async def test_without_a_pipeline_the_page_shows_whom_to_ask() -> None:
    data = given()
    data.service._pipeline = lambda: None
    async with served(data) as board, browser() as session:
        for path in ("incidents", "incidents/spike"):
            answer = await got(session, board, path, 503)
            assert "the role notify" in answer["error"]
            assert answer["code"] == "elsewhere"


def test_the_wall_names_the_page_that_ended_last_with_what_was_noted() -> None:
    shown = incidents_of(busy_incidents(NOW).pipeline, Links(LinksSettings()))
    assert (
        [entry.id for entry in shown.shown]
        == [incident.id for incident in shown.open]
        == ["spike", "fatal", "absence"]
    )
    assert shown.last is not None
    assert (shown.last.id, shown.last.state) == ("fatal-ended", "resolved")
    assert incidents_of(None, Links(LinksSettings())) == ((), [], None, None)
