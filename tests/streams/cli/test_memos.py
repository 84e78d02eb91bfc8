"""Memos from a terminal beside the daemon."""

import getpass
import time
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from tests.alerting.given import T0
from tests.alerting.notices import opened
from tests.streams.cli.command_line import GivenDaemon, serving

ME = getpass.getuser()


@pytest.fixture
async def daemon() -> AsyncIterator[GivenDaemon]:
    async with serving(GivenDaemon()) as daemon:
        assert daemon.pipeline is not None
        daemon.pipeline.feed([opened("feed-1", fingerprint="kind"), opened("feed-2")], T0)
        yield daemon


async def test_a_memo_is_kept_on_an_incident_and_listed(daemon: GivenDaemon) -> None:
    assert await daemon.type("note", "feed-1", "ios 3.2.1", "retried") == (0, ["noted on incident feed-1"])
    assert await daemon.type("note", "feed-1", "ios 3.2.1", "retried") == (0, ["noted already"])
    assert await daemon.type("note", "feed-2", "two\nlines") == (0, ["noted on incident feed-2"])
    own = f"2025-10-09 09:01:00 UTC  incident feed-1  by {ME}: ios 3.2.1 retried"
    assert await daemon.type("memos") == (
        0,
        [own, f"2025-10-09 09:01:00 UTC  incident feed-2  by {ME}: two", "    lines"],
    )
    assert await daemon.type("memos", "feed-1") == (0, [own])


async def test_a_memo_is_removed_by_the_first_characters_of_its_id(daemon: GivenDaemon) -> None:
    await daemon.type("note", "feed-1", "ios 3.2.1\nretried")
    code, (first, _) = await daemon.type("memos", "--ids")
    name, _, rest = first.partition("  ")
    assert (code, rest) == (0, f"2025-10-09 09:01:00 UTC  incident feed-1  by {ME}: ios 3.2.1")
    assert await daemon.type("forget", name[:6]) == (0, ["removed: ios 3.2.1 retried"])
    assert await daemon.type("memos") == (0, ["none"])
    assert await daemon.type("forget", name) == (
        1,
        ["uneri: no memo has this ID, or several begin with it; `uneri memos --ids` lists them"],
    )
    assert (await daemon.type("forget", " ")).code == 2


async def test_a_memo_is_kept_on_the_timeline(daemon: GivenDaemon) -> None:
    at = ("--at", "2025-10-01T09:00:00+09:00")
    assert await daemon.type("memos") == (0, ["none"])
    noted = (0, ["noted at 2025-10-01 00:00:00 UTC"])
    assert await daemon.type("note", *at, "a game day") == noted
    assert await daemon.type("note", *at, "--scope", "route:POST /items/{id}", "it moves") == noted
    assert await daemon.type("memos") == (
        0,
        [
            f"2025-10-01 00:00:00 UTC  by {ME}: a game day",
            f"2025-10-01 00:00:00 UTC  route:POST /items/{{id}}  by {ME}: it moves",
        ],
    )
    daemon.now = time.time()
    assert (await daemon.type("note", "--at", "now", "so")).code == 0


DAY = 86_400


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        (T0 + 60 + DAY + 1, "more than a day ahead"),
        (4_070_908_800, "more than a day ahead"),
        (T0 - 401 * DAY, "more than 13 months back"),
        (0, "more than 13 months back"),
    ],
)
async def test_a_memo_that_no_board_would_show_at_its_time_is_refused(
    daemon: GivenDaemon, at: int, reason: str
) -> None:
    code, (line,) = await daemon.type("note", "--at", str(at), "a game day")
    assert (code, reason in line) == (1, True)
    for kept in (T0 + 60 + DAY, T0 - 399 * DAY):
        assert (await daemon.type("note", "--at", str(kept), "a game day")).code == 0


async def test_nothing_unseen_is_kept_of_the_scope_of_a_memo(daemon: GivenDaemon) -> None:
    _, answer = await daemon.post("/memos", {"text": "so", "at": T0, "scope": "table:it\x1b\u202eems\x07"})
    assert answer["memo"]["scope"] == "table:items"


async def test_the_incidents_that_programs_read_have_their_memos(daemon: GivenDaemon) -> None:
    await daemon.type("note", "feed-1", "so")
    async with ClientSession() as session, session.get(f"{daemon.url}/incidents") as answer:
        found = {incident["id"]: incident["memos"] for incident in (await answer.json())["incidents"]}
    assert found["feed-2"] == []
    (memo,) = found["feed-1"]
    assert memo.pop("id")
    assert memo == {"incident": "feed-1", "at": T0 + 60, "written": T0 + 60, "by": ME, "text": "so"}


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["feed-1"], "write an incident and what to note, or --at TIME and what"),
        (["feed-1", " \u200b"], "write an incident and what to note"),
        (["--at", "now", "  "], "write what to note"),
        (["feed-1", "x" * 1001], "a memo holds up to 1,000 characters, this has 1,001; shorten it"),
        (["--at", "soon", "so"], "'soon' is not a valid date or time; write 2026-01-31T08:00:00Z"),
        (["--at", "now", "--scope", "items", "so"], "--scope items: not a scope; write kind:name"),
        (["--scope", "table:items", "feed-1", "so"], "add --at TIME, such as --at now"),
    ],
)
async def test_what_is_no_memo_is_one_line_and_exit_2(
    daemon: GivenDaemon, words: list[str], reason: str
) -> None:
    code, (line,) = await daemon.type("note", *words)
    assert (code, line.startswith("uneri: "), reason in line) == (2, True, True)
    assert daemon.pipeline is not None
    assert daemon.pipeline.memos == []


@pytest.mark.parametrize("words", [["note", "feed", "so"], ["note", "other", "so"], ["memos", "other"]])
async def test_an_incident_that_is_not_known_or_not_the_only_one_is_one_line_and_exit_1(
    daemon: GivenDaemon, words: list[str]
) -> None:
    code, (line,) = await daemon.type(*words)
    assert (code, "no incident has this ID, or several begin with it" in line) == (1, True)
