"""Every example in the table of what to ask where is answered."""

import asyncio
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import polars as pl
import pytest
from typer.testing import CliRunner

from streams.cli.commands import app
from streams.offline.replay import load_settings, open_history, replay
from streams.process.web.tokens import new_token
from tests.alerting.slack_app import SlackApp
from tests.docs.asked import (
    ASSISTANT,
    BOARD,
    END,
    GRAFANA,
    NOTEBOOK,
    SLACK,
    TERMINAL,
    Example,
    daemon,
    examples,
    write_history,
)
from tests.streams.drivers.world import know_slack
from tests.streams.screens.mcp.assistant_given import asked_of

PAGES = {"": "wall", "incidents": "incidents", "scope": "scope", "map": "map"}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("asked")
    write_history(folder)
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("events", "history", "uneri.yaml"):
        (tmp_path / name).symlink_to(written / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def behind(address: str) -> str:
    """Return where the page of an address of the board has its data from."""
    query = urlsplit(address).query
    page, _, about = query.partition("&")[0].partition("=")
    if page == "incident":
        return f"/board/incidents/{about}"
    return f"/board/{PAGES[page]}?{query}"


async def test_the_board_answers_its_questions(folder: Path) -> None:
    asked = examples(BOARD)
    assert len(asked) >= 5
    async with daemon(folder) as running, aiohttp.ClientSession() as session:
        for example in asked:
            address = example.text.replace("ID", running.incident)
            for path in (address, behind(address)):
                async with session.get(running.url + path) as answer:
                    assert answer.status == 200, (example, await answer.text())


async def test_slack_answers_its_questions(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    know_slack(monkeypatch)
    asked = examples(SLACK)
    assert len(asked) >= 4
    async with SlackApp() as slack, daemon(folder, slack):
        for example in asked:
            command, _, text = example.text.partition(" ")
            assert command == "/uneri"
            await slack.slash(text)
            async with asyncio.timeout(30):
                while not slack.answers:
                    await asyncio.sleep(0.01)
            said = str(slack.answers.pop(0))
            assert "items" in said or "Done, until" in said, (example, said)


def words_of(text: str) -> list[str]:
    command, *words = shlex.split(text)
    assert command == "uneri"
    return words


def needs_no_daemon(example: Example) -> bool:
    return words_of(example.text)[0] in ("replay", "history")


async def test_the_terminal_answers_its_questions(folder: Path) -> None:
    asked = [example for example in examples(TERMINAL) if not needs_no_daemon(example)]
    assert len(asked) >= 4
    async with daemon(folder) as running:
        for example in asked:
            words = words_of(example.text.replace("ID", running.incident))
            done = await asyncio.to_thread(CliRunner().invoke, app, [*words, "--url", running.url])
            assert done.exit_code == 0, (example, done.output)


def test_the_terminal_answers_without_a_daemon(folder: Path) -> None:
    asked = [example for example in examples(TERMINAL) if needs_no_daemon(example)]
    assert len(asked) >= 2
    for example in asked:
        done = CliRunner().invoke(app, [*words_of(example.text), "--config", "uneri.yaml"])
        assert done.exit_code == 0, (example, done.output)
    assert (folder / "january" / "incidents.jsonl").exists()
    assert "items" in (folder / "items.csv").read_text("utf-8")


async def test_grafana_answers_its_questions(folder: Path) -> None:
    asked = examples(GRAFANA)
    assert len(asked) >= 5
    async with daemon(folder) as running, aiohttp.ClientSession() as session:
        for example in asked:
            query = {"query": example.text, "time": str(END - 60)}
            async with session.get(f"{running.url}/api/v1/query", params=query) as answer:
                found = await answer.json()
            assert found["status"] == "success", (example, found)
            assert found["data"]["result"], example


@pytest.fixture
def replayed(folder: Path) -> Path:
    done = CliRunner().invoke(app, ["replay", "events/", "--out", "january", "--config", "uneri.yaml"])
    assert done.exit_code == 0, done.output
    return folder


async def test_an_assistant_answers_its_questions(replayed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = new_token()
    monkeypatch.setenv("UNERI_OPERATE_TOKEN", token)
    async with daemon(replayed) as running:
        given: dict[str, dict[str, Any]] = {
            "show_incident": {"incident": running.incident},
            "who_calls": {"scope": "table:items", "measure": "wcu"},
            "show_series": {"scope": "table:items", "measure": "wcu"},
            "rank_scopes": {"kind": "function", "measure": "cost"},
            "find_names": {"like": "item"},
            "show_replay": {"replay": "january"},
            "snooze_incident": {"incident": running.incident, "by": "mika"},
        }
        asked = {example.text for example in examples(ASSISTANT)}
        assert given.keys() < asked
        async with asked_of(running.url, token, replayed) as assistant:
            for name in asked:
                _, words = await assistant.answer(name, **given.get(name, {}))
                assert words


@pytest.mark.parametrize("example", examples(NOTEBOOK), ids=lambda one: one.question)
def test_a_notebook_answers_its_questions(example: Example, folder: Path) -> None:
    names = {"pl": pl, "replay": replay, "open_history": open_history, "load_settings": load_settings}
    found = eval(example.text, names)  # noqa: S307 - our own page
    assert len(found) > 0 or example.text.startswith("replay("), folder
