"""The board of an embedded daemon that has judged the week of incidents: every page, by a real browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.alerting.slack_standin import SlackStandin
from tests.main_job.board_job import (
    HOUR,
    WEEK,
    Counted,
    Loaded,
    events_of,
    hold_to_the_events,
    write_scenario,
)
from tests.main_job.job import daemon, free_port, status, uneri, wait_until, write_config


@pytest.fixture
def loaded(slack: SlackStandin, tmp_path: Path) -> Iterator[Loaded]:
    port = free_port()
    config = write_config(
        tmp_path / "uneri.yaml",
        slack,
        local={"listen": f"127.0.0.1:{port}", "state": str(tmp_path / "state")},
    )
    scenario = tmp_path / "scenario.yaml"
    end = write_scenario(scenario)
    newest = end - 5 * HOUR, end
    known = events_of(scenario, tmp_path / "known.ndjson", (newest[0] - WEEK, newest[1] - WEEK), newest)
    with daemon(config):
        wait_until(lambda: bool(status(port)), "the start")
        done = uneri("simulate", scenario, "--to", f"http://127.0.0.1:{port}/events")
        assert done.returncode == 0, done.stderr
        wait_until(lambda: status(port).get("lag") == 0 and status(port).get("outbox") == 0, "catching up")
        yield Loaded(port, end, Counted(known, newest[0] - WEEK))


def test_every_page_shows_what_the_engine_knows(loaded: Loaded) -> None:
    hold_to_the_events(loaded)
