"""Silences from a terminal beside the daemon."""

from collections.abc import AsyncIterator

import pytest

from config.settings import Settings
from tests.alerting.given import T0
from tests.alerting.notices import opened
from tests.streams.cli.command_line import GivenDaemon, serving, type_command

SETTINGS = Settings.model_validate(
    {
        "notify": {
            "silences": [{"match": {"scopes": ["table:known"]}, "until": "2025-12-01", "why": "it moves"}]
        }
    }
)


@pytest.fixture
async def daemon() -> AsyncIterator[GivenDaemon]:
    async with serving(GivenDaemon(SETTINGS)) as daemon:
        daemon.now = float(T0)
        yield daemon


async def test_a_silence_is_made_listed_and_ended(daemon: GivenDaemon) -> None:
    assert daemon.pipeline is not None
    scopes = ("table:items", "route:POST /items/{id}")
    made = await daemon.type("silence", *scopes, "--for", "2h", "--why", "a load test")
    assert made.code == 0
    name = made.lines[0].split()[0]
    assert daemon.pipeline.feed([opened()], T0) == []
    listed = await daemon.type("silences")
    assert listed.code == 0
    assert "table:items or route:POST /items/{id}  until 2025-10-09 11:00:00 UTC" in listed.lines[0]
    assert listed.lines[0].endswith(": a load test")
    assert listed.lines[1] == (
        "config/1  table:known  until 2025-12-01 00:00:00 UTC  by the configuration: it moves"
    )
    assert await daemon.type("unsilence", name[:8]) == (0, ["ended"])
    assert daemon.pipeline.held() == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nothing", "no silence has this ID, or several begin with it"),
        ("config/1", "this silence is in the configuration"),
    ],
)
async def test_what_cannot_be_ended_is_one_line(daemon: GivenDaemon, name: str, reason: str) -> None:
    code, (line,) = await daemon.type("unsilence", name)
    assert (code, reason in line) == (1, True)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["silence", "items", "--for", "2h"], "'items': name what to silence"),
        (["silence", "table:items", "--for", "long"], "give a duration"),
        (["silence", "table:items", "--for", "5000d"], "choose a duration between"),
        (
            ["silence", "everything", "table:items", "--for", "2h"],
            'name what to silence, or write "everything", but not both',
        ),
        (["silence", "table:" + "i" * 5000, "--for", "2h"], "too long; write at most 2000 characters"),
        (["unsilence", ""], "name the silence"),
        (["unsilence", " "], "name the silence"),
    ],
)
def test_what_is_not_understood_is_one_line_and_exit_2(words: list[str], reason: str) -> None:
    code, (line,) = type_command(*words, "--url", "http://127.0.0.1:9")
    assert (code, reason in line) == (2, True)


async def test_a_silence_that_no_known_incident_matches_is_made_with_a_note(daemon: GivenDaemon) -> None:
    assert daemon.pipeline is not None
    daemon.pipeline.feed([opened()], T0)
    code, (_, note) = await daemon.type("silence", "service:inventory,store", "--for", "2h")
    assert (code, note.startswith("note: no known incident matches")) == (0, True)
    code, (_,) = await daemon.type("silence", "table:items", "--for", "2h")
    assert code == 0
    assert len(daemon.pipeline.silences()) == 3
