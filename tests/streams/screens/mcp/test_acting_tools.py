"""Tools that change something are there for tokens that allow operate, and for nobody else."""

import pytest
from mcp.client.client import Client

from streams.process.web.tokens import Tokens, digest_of
from streams.screens.mcp.board_client import BoardAnswerError
from tests.streams.screens.board.board_client import INTAKE, OPERATE, READ, TOKENS, locked
from tests.streams.screens.mcp.assistant_given import (
    ACTING,
    NOW,
    READING,
    Asked,
    asked_of,
    board_over,
    busy_board,
    call,
    words_of,
)


async def tools_of(asked: Asked) -> dict[str, object]:
    return {tool.name: tool.annotations for tool in (await asked.client.list_tools()).tools}


async def forged(client: Client, tool: str) -> str:
    answer = await call(client, tool, {"incident": "spike", "by": "eve", "label": "expected", "text": "x"})
    assert answer.is_error
    return words_of(answer)


async def test_a_token_that_reads_has_no_tool_that_acts_and_cannot_call_one() -> None:
    data = busy_board()
    async with board_over(data, data.service, locked()) as url, asked_of(url, READ) as asked:
        found = await tools_of(asked)
        assert set(found) == READING
        assert all(getattr(item, "read_only_hint", None) for item in found.values())
        for tool in ACTING:
            assert f"Unknown tool: {tool}" in await forged(asked.client, tool)
    assert data.service.given == []


async def test_without_tokens_a_daemon_is_read_only_even_from_its_own_machine() -> None:
    data = busy_board()
    for token in ("", READ):  # one that the daemon does not know
        async with board_over(data, data.service) as url, asked_of(url, token) as asked:
            assert set(await tools_of(asked)) == READING
    assert data.service.given == []


async def test_a_token_that_operates_acts_in_the_name_of_the_person() -> None:
    data = busy_board()
    async with board_over(data, data.service, locked()) as url, asked_of(url, OPERATE) as asked:
        found = await tools_of(asked)
        assert set(found) == READING | ACTING
        assert not any(getattr(found[tool], "read_only_hint", True) for tool in ACTING)
        done, words = await asked.answer("acknowledge_incident", incident="spike", by="mika")
        assert (done["said"], words.splitlines()[0]) == ("done", "Acknowledged by «mika».")
        done, words = await asked.answer(
            "snooze_incident", incident="fatal", by="jun", span="1h", why="known"
        )
        assert done["until"] == "2025-11-27T09:33:32+09:00"
        assert words.startswith("Snoozed by «jun», until 2025-11-27 09:33 JST.")
        done, _ = await asked.answer(
            "snooze_incident", incident="absence", by="jun", span="pattern", until="2025-11-30"
        )
        assert done["fits"] >= 1
        await asked.answer("label_incident", incident="fatal", by="aoi", label="not_an_anomaly")
        noted, _ = await asked.answer("write_memo", incident="spike", by="mika", text="ios 3.2.1 retries")
        assert "at is no time" in await asked.refused("write_memo", at="soon", by="mika", text="x")
        await asked.answer(
            "write_memo", at="2025-11-27T08:32", scope="table:items", by="mika", text="a load test"
        )
        assert noted["memo"]
        whole, words = await asked.answer("show_incident", incident="spike")
        assert whole["incident"]["acknowledged_by"] == "mika"
        assert [memo["text"] for memo in whole["memos"]][-1] == "ios 3.2.1 retries"
    assert data.service.given[-1].moment == NOW // 60 * 60 - 60
    assert [(command.kind.value, command.by) for command in data.service.given] == [
        ("acknowledge", "mika"),
        ("snooze", "jun"),
        ("snooze", "jun"),
        ("not_an_anomaly", "aoi"),
        ("note", "mika"),
        ("note", "mika"),
    ]


async def test_nobody_acts_without_a_name_or_on_what_there_is_not() -> None:
    data = busy_board()
    async with board_over(data, data.service, locked()) as url, asked_of(url, OPERATE) as asked:
        assert "by" in await asked.refused("acknowledge_incident", incident="spike", by="")
        assert "Field required" in await asked.refused("acknowledge_incident", incident="spike")
        said = await asked.refused("acknowledge_incident", incident="nope", by="mika")
        assert said.startswith("there is no such incident")
        said = await asked.refused("acknowledge_incident", incident="spike-last-week", by="mika")
        assert said.startswith("the incident has ended")
        said = await asked.refused("snooze_incident", incident="spike", by="mika", span="pattern")
        assert said.startswith("say until which day")
        assert "U0123ABCD" not in await asked.refused(
            "acknowledge_incident", incident="spike", by="U0123ABCD"
        )
    assert all(command.incident != "spike" for command in data.service.given)


async def test_a_token_that_is_withdrawn_meanwhile_acts_no_more() -> None:
    data, access = busy_board(), locked()
    async with board_over(data, data.service, access) as url, asked_of(url, OPERATE) as asked:
        access.replace_tokens(Tokens(token for token in TOKENS.known if token.digest != digest_of(OPERATE)))
        said = await asked.refused("acknowledge_incident", incident="spike", by="mika")
        assert said.startswith("a token that allows operate is not known")
        assert (await asked.refused("is_all_well")).startswith("a token that allows read is not known")
    assert data.service.given == []


@pytest.mark.parametrize("token", ["", INTAKE], ids=["none", "intake"])
async def test_a_token_that_does_not_read_is_refused_in_one_line(token: str) -> None:
    data = busy_board()
    async with board_over(data, data.service, locked()) as url:
        with pytest.raises(BoardAnswerError, match="allow") as refused:
            async with asked_of(url, token):
                pass
        assert "\n" not in str(refused.value)
        assert "UNERI_TOKEN" in str(refused.value)
