"""Plays the story on the embedded daemon, on one clock for its records and its sinks."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from alerting.commands.command import Command, CommandKind, Matcher
from alerting.outbox.courier import SystemClock
from streams.drivers.checkpointing import RunOptions
from streams.drivers.local.daemon import LocalDaemon
from streams.drivers.local.log_judge import LogJudge
from streams.engine.stages.detection_engine import Emitted
from tests.alerting.slack_standin import TOKEN, Posted, SlackStandin
from tests.golden.story import SILENCED, START, Sent, settings, told
from tests.streams.drivers.world import pipeline_of, running

PATIENCE = 120.0
LIVE = 200  # minutes: fewer are judged one by one


class Player:
    """A daemon that is fed the story, minute by minute."""

    def __init__(self, state: Path, slack: SlackStandin, start: float) -> None:
        self.now = start
        self.slack = slack
        self.findings: list[dict[str, Any]] = []
        local = {"listen": "127.0.0.1:0", "state": str(state)}
        channel = {"base_url": slack.base_url, "channel": "#uneri", "digest_channel": "#digest"}
        self.daemon = LocalDaemon(
            settings(local=local, slack=channel),
            clock=lambda: self.now,
            options=RunOptions(every=0.2, run_records=2000),
        )

    async def play(self, minutes: Sequence[Sequence[Sent]]) -> None:
        """Feed minutes, each when it has passed, and wait until they are judged."""
        for sent in minutes:
            if sent:
                self.now = START + 60 * ((sent[-1].arrived - START) // 60 + 1)
                await self.daemon._intake.append_read([one.record for one in sent])
            if len(minutes) < LIVE:
                await self.judged()
        await self.judged()

    async def judged(self) -> None:
        """Wait until all is judged."""
        async with asyncio.timeout(PATIENCE):
            while self.daemon._judge.lag:
                await asyncio.sleep(0.002)

    async def saved(self) -> None:
        """Wait until all that was judged is in a checkpoint."""
        async with asyncio.timeout(PATIENCE):
            while self.daemon._judge.changed:
                await asyncio.sleep(0.01)

    async def delivered(self) -> None:
        """Let time pass until nothing waits to be sent."""
        async with asyncio.timeout(PATIENCE):
            while self.daemon.delivery.unsent:
                self.now += 1
                await asyncio.sleep(0.01)

    async def command(self, kind: CommandKind, **more: Any) -> None:
        """Execute a person's command."""
        name = f"{kind}-golden"
        await self.daemon.delivery.execute(Command(id=name, kind=kind, at=int(self.now), by="U0ANA", **more))

    async def silence(self) -> None:
        """Silence what never happens, for years."""
        matching = Matcher(scopes=[SILENCED])
        await self.command(CommandKind.SILENCE, matcher=matching, until=START + 10**9, why="is moved")

    def outcome(self) -> dict[str, Any]:
        """Return what no later version may do otherwise."""
        pipeline = pipeline_of(self.daemon)
        return {
            "findings": self.findings,
            "messages": [[parent.channel, parent.ts, parent.text] for parent in self.slack.parents],
            "silences": sorted(one.what for one in pipeline.silences()),
            "labels": sorted([label.scope, label.kind.value] for label in pipeline.labels),
        }


@asynccontextmanager
async def playing(state: Path, slack: SlackStandin, start: float) -> AsyncIterator[Player]:
    """Run a daemon on a state folder; what it finds is noted."""
    emit = LogJudge._emit
    player: Player

    async def noting(self: LogJudge, emitted: Emitted, *rest: Any) -> None:
        player.findings += [told(finding) for finding in emitted.findings]
        await emit(self, emitted, *rest)

    async def wait(_: SystemClock, event: asyncio.Event, seconds: float | None) -> None:
        if seconds is None:
            await event.wait()
        else:
            await asyncio.sleep(0.005)

    with (
        patch.dict("os.environ", {"SLACK_BOT_TOKEN": TOKEN}),
        patch.object(LogJudge, "_emit", noting),
        patch.object(SystemClock, "now", lambda _: player.now),
        patch.object(SystemClock, "wait", wait),
    ):
        player = Player(state, slack, start)
        async with running(player.daemon):
            yield player


def keep_slack(slack: SlackStandin, path: Path) -> None:
    """Write what Slack has when the state is taken."""
    posted = [vars(message) for message in slack.messages]
    path.write_text(json.dumps({"messages": posted, "shared": slack._shared}, indent=1) + "\n")


def restore_slack(slack: SlackStandin, path: Path) -> None:
    """Have a stand-in know the messages of the state."""
    kept = json.loads(path.read_text())
    slack.messages += [Posted(**one) for one in kept["messages"]]
    slack._shared |= {name: (channel, float("-inf")) for name, (channel, _) in kept["shared"].items()}
