"""The state of every release is read by this version, which goes on as that release did."""

import asyncio
import json
import time
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from streams.drivers.local.state_transfer import import_state
from streams.process.files.state_archive import members_of
from tests.alerting.slack_standin import TOKEN, SlackStandin
from tests.golden.embedded import playing, restore_slack
from tests.golden.story import MINUTES, SILENCED, START, read_sent

RELEASES = sorted(path.parent for path in Path(__file__).parent.glob("*/embedded.tar.zst"))
RESTART_SECONDS = 10.0  # to read a state, however it is encoded


def same(found: Any, expected: Any) -> bool:
    """Compare, and allow floats the last digits, which differ from machine to machine."""
    if isinstance(expected, float):
        return bool(found == pytest.approx(expected, rel=1e-9))
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(same(found[key], expected[key]) for key in expected)
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(same, found, expected))
    return bool(found == expected)


async def goes_on(release: Path, state: Path) -> tuple[dict[str, Any], dict[str, Any], float]:
    """Return how a state was at its start and how it went on, and how long the start took."""
    import_state(release / "embedded.tar.zst", state)
    sent = read_sent(release / "after.ndjson.zst")
    minutes = [list(each) for _, each in groupby(sent, lambda one: (one.arrived - START) // 60)]
    async with SlackStandin() as slack:
        restore_slack(slack, release / "slack.json")
        began = time.process_time()
        async with playing(state, slack, START + 60 * MINUTES) as player:
            took = time.process_time() - began
            at_start = player.outcome()
            await player.play(minutes)
            await player.delivered()
            return at_start, player.outcome(), took


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
def test_the_state_of_a_release_is_read_and_goes_on_as_if_it_had_never_been_interrupted(
    release: Path, tmp_path: Path
) -> None:
    at_start, outcome, took = asyncio.run(goes_on(release, tmp_path / "state"))
    expected = json.loads((release / "embedded.json").read_text())
    assert same(outcome["findings"], expected["findings"]), outcome["findings"]
    # the open incident is resolved in its own message, and what a person did is still there
    assert outcome["messages"] == expected["messages"]
    assert [ts for _, ts, _ in at_start["messages"]] == [ts for _, ts, _ in outcome["messages"]]
    assert outcome["messages"][-1][2].startswith("RESOLVED")
    assert not at_start["messages"][-1][2].startswith("RESOLVED")
    for told in (at_start, outcome):
        assert (told["silences"], told["labels"]) == (expected["silences"], expected["labels"])
        assert SILENCED in told["silences"]
    assert took < RESTART_SECONDS


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
def test_no_credential_of_the_daemon_is_in_its_state(release: Path) -> None:
    for archive in release.glob("*.tar.zst"):
        for name, member in members_of(archive):
            assert TOKEN.encode() not in member.read(), f"{archive.name}: {name}"


def test_there_is_a_state_of_a_release() -> None:
    assert RELEASES
    kept = [path for path in Path(__file__).parent.rglob("*") if path.suffix in (".zst", ".json")]
    assert sum(path.stat().st_size for path in kept) < 1_000_000 * len(RELEASES)
