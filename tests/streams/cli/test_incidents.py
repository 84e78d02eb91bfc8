"""Incidents from a terminal: what is open, and what was."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from typer.testing import CliRunner

from alerting.commands.command import Command, CommandKind
from streams.cli.commands import app
from tests.streams.screens.board.board_server import GivenBoard, served
from tests.streams.screens.board.incidents.incidents_given import busy_incidents
from tests.streams.screens.board.wall_given import wall_given

NOW = 1_764_200_012
AT = NOW - NOW % 60


@pytest.fixture
async def url() -> AsyncIterator[str]:
    data = GivenBoard(wall_given("busy", NOW), service=busy_incidents(NOW))
    taken = Command(id="a", kind=CommandKind.ACKNOWLEDGE, at=AT, by="jun\x1b[2J", incident="spike")
    data.service.pipeline.command(taken)
    async with served(data) as board:
        yield board.url


async def incidents(url: str, *options: str) -> tuple[int, list[str]]:
    result = await asyncio.to_thread(CliRunner().invoke, app, ["incidents", *options, "--url", url])
    return result.exit_code, result.output.splitlines()


async def test_open_incidents_are_listed_with_how_much_over_how_long_and_who_deals_with_them(
    url: str,
) -> None:
    code, lines = await incidents(url)
    assert code == 0
    assert [line.split()[0] for line in lines] == ["absence", "fatal", "spike"]
    assert "spike of wcu at table items (aws 123456789012 ap-northeast-1)" in lines[2]
    assert "0.033 fatal errors/s on average" in lines[1]
    assert lines[2].endswith("open  paged  acknowledged by jun[2J")


async def test_ended_ones_are_listed_when_asked_for_and_filters_narrow_them(url: str) -> None:
    _, ended = await incidents(url, "--state", "ended", "--range", "5w")
    assert [line.split()[0] for line in ended] == ["fatal-ended", "errors-ended", "spike-last-week"]
    assert all("  resolved  " in line for line in ended)
    assert (await incidents(url, "--account", "nobody")) == (0, ["none"])
    _, tables = await incidents(url, "--state", "all", "--kind", "table", "--range", "5w")
    assert [line.split()[0] for line in tables] == ["spike", "spike-last-week"]


async def test_as_json_they_are_what_the_board_has(url: str) -> None:
    code, lines = await incidents(url, "--verdict", "fatal", "--state", "all", "--json")
    answer = json.loads("\n".join(lines))
    assert (code, answer["at"]) == (0, AT)
    assert [incident["id"] for incident in answer["incidents"]] == ["fatal", "fatal-ended"]


async def test_a_verdict_that_is_none_is_refused_with_those_that_are(url: str) -> None:
    code, lines = await incidents(url, "--verdict", "odd")
    assert (code, len(lines)) == (1, 1)
    assert "verdict must be one of spike, drop" in lines[0]
