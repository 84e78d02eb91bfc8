"""The way of an event as docs/architecture.md has it is the way that one takes, call by call."""

from pathlib import Path

import pytest

from streams.drivers.checkpointing import RunOptions
from streams.drivers.local.daemon import LocalDaemon
from tests.alerting.slack_app import SlackApp
from tests.streams.drivers.trace import traced
from tests.streams.drivers.way import hold_to, table
from tests.streams.drivers.world import know_slack, local_settings, running
from tests.streams.notify.test_examples_shown import JUMP, T0, backend

HISTORY = (JUMP - T0) // 2  # records before the jump


async def test_an_event_takes_the_way_of_the_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    know_slack(monkeypatch)
    rows, stored = table("From `POST /events` to Slack"), table("What the embedded daemon stores")
    async with SlackApp() as slack:
        notify = {"since": "2020-01-01", "routes": [{"match": {}, "to": ["#uneri"]}]}
        given = {"judge": {"young": 2 * 3600}, "slack": {"base_url": slack.base_url}, "notify": notify}
        with traced() as trace:
            daemon = LocalDaemon(local_settings(tmp_path, **given), options=RunOptions(every=0))
            async with running(daemon) as world:
                records = backend()
                await world.post(records[:HISTORY], 500)
                await world.judged()
                await world.until(lambda: not daemon._judge.changed)  # no checkpoint is on its way
                trace.clear()
                await world.post(records[HISTORY:])
                await world.until(lambda: slack.messages and trace.has(rows[-1].name))
                hold_to(rows, trace.calls())
                await world.until(lambda: trace.has(stored[-1].name))
                hold_to(stored, trace.calls())
