"""``uneri mcp`` over standard input and output: a process of its own, and the official client."""

import asyncio
import json
import signal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streams.cli.commands import app
from streams.screens.mcp.board_client import BoardAnswerError
from streams.screens.mcp.run_mcp import serve_stdio
from tests.streams.screens.board.board_client import INTAKE, OPERATE, READ, locked
from tests.streams.screens.mcp.assistant_given import (
    ACTING,
    READING,
    UNERI,
    answer_of,
    asked_of,
    board_over,
    busy_board,
    environment,
    run_uneri,
    stdio_assistant,
)

HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}


async def test_the_official_client_reads_and_acts_through_a_process_of_its_own(tmp_path: Path) -> None:
    data = busy_board()
    async with (
        board_over(data, data.service, locked()) as url,
        stdio_assistant(url, OPERATE, "--replays", str(tmp_path)) as client,
    ):
        tools = {tool.name for tool in (await client.list_tools()).tools}
        assert tools == READING | ACTING | {"list_replays", "show_replay"}
        _, words = await answer_of(client, "is_all_well")
        assert words.startswith("NOT WELL: 3 incidents are open")
        await answer_of(client, "acknowledge_incident", incident="spike", by="mika")
        [command] = data.service.given
        assert (command.kind.value, command.by, command.incident) == ("acknowledge", "mika", "spike")


async def test_a_daemon_that_goes_away_is_one_line_until_it_is_back() -> None:
    data = busy_board()
    async with board_over(data, data.service) as url:
        made = asked_of(url)
        asked = await made.__aenter__()
    said = await asked.refused("is_all_well")
    assert said == f"no daemon answers at {url} (Connection refused); is it running? Check --url"
    async with board_over(data, data.service, port=int(url.rpartition(":")[2])):
        await asked.answer("is_all_well")
    await made.__aexit__(None, None, None)


async def test_garbage_is_answered_with_an_error_and_ends_nothing() -> None:
    data = busy_board()
    async with board_over(data, data.service) as url:
        garbage = [b"not json", b"\xff\xfe\x00", b"[]", b"{}", b'{"jsonrpc": "2.0"}', b"9" * 5000, b""]
        lines = [*garbage, json.dumps(HELLO).encode(), *garbage]
        code, out, err = await run_uneri("mcp", "--url", url, given=b"\n".join(lines) + b"\n")
    assert code == 0
    answers = [json.loads(line) for line in out.splitlines()]  # nothing else on standard output
    [hello] = [answer for answer in answers if answer.get("id") == 1]
    assert hello["result"]["serverInfo"]["name"] == "uneri"
    assert "«…»" in hello["result"]["instructions"]
    assert "Traceback" not in err


@pytest.mark.parametrize("token", ["", INTAKE, f"{READ}x"], ids=["none", "intake", "unknown"])
async def test_a_wrong_token_is_refused_in_one_line_with_the_remedy(
    token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNERI_TOKEN", token)
    data = busy_board()
    async with board_over(data, data.service, locked()) as url:
        with pytest.raises(BoardAnswerError) as refused:
            await serve_stdio(url, None)
    remedy = (
        "the token in UNERI_TOKEN does not allow read; use one that does"
        if token
        else ("asks for a token that allows read: put it into UNERI_TOKEN")
    )
    assert str(refused.value).endswith(remedy)
    assert "\n" not in str(refused.value)


async def test_somebody_else_there_is_no_board() -> None:
    data = busy_board()
    async with board_over(data, data.service) as url:
        with pytest.raises(BoardAnswerError) as refused:
            await serve_stdio(f"{url}/elsewhere", None)
    assert str(refused.value) == (
        f"{url}/elsewhere answers HTTP 404 and has no board there; check --url (with Kafka, name a "
        "process with the role board)"
    )


@pytest.mark.release
async def test_nobody_there_ends_it_with_one_line(
    closed_port: int,
) -> None:
    url = f"http://127.0.0.1:{closed_port}"
    code, out, err = await run_uneri("mcp", "--url", url)
    assert (code, out) == (1, "")
    assert err == f"uneri: no daemon answers at {url} (Connection refused); is it running? Check --url\n"


def test_what_makes_no_sense_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    for given, said in (
        (("--url", "localhost:8765"), "not a valid address"),
        (("--http", "8770"), "must be host:port"),
        (("--name", "uneri.example.com"), "add --http"),
        (("--replays", str(tmp_path / "none")), "no such folder"),
    ):
        done = CliRunner().invoke(app, ["mcp", *given])
        assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert said in done.stderr


@pytest.mark.release
async def test_it_ends_at_once_when_it_is_interrupted() -> None:
    data = busy_board()
    async with board_over(data, data.service) as url:
        process = await asyncio.create_subprocess_exec(
            str(UNERI),
            "mcp",
            "--url",
            url,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment(),
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(HELLO).encode() + b"\n")
        await asyncio.wait_for(process.stdout.readline(), 60)
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 60) == 130
