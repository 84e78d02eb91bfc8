"""Makes the golden state of the present version: PYTHONPATH=. python tests/golden/make.py FOLDER.

Run it once for each release, commit the folder, and never change it: later versions are tested on it.
"""

import asyncio
import json
import shutil
import sys
import tempfile
from itertools import chain
from pathlib import Path

from alerting.commands.command import CommandKind
from streams.drivers.compile_ahead import prepare_process
from streams.drivers.local.state_transfer import StateExport
from tests.alerting.slack_standin import SlackStandin
from tests.golden.embedded import keep_slack, playing
from tests.golden.kafka_story import make_kafka
from tests.golden.story import AFTER, MINUTES, START, minutes, write_sent
from tests.kafka.broker import Broker
from tests.streams.drivers.world import pipeline_of

TROUBLE = 3  # minutes for which Slack is down when the state is taken


async def make_embedded(folder: Path, state: Path) -> None:
    """Take the state in the middle, and note how the same daemon goes on."""
    async with SlackStandin() as slack, playing(state, slack, START) as player:
        await player.play(minutes(0, MINUTES - 60))
        await player.delivered()
        (resolved,) = [
            incident for incident in pipeline_of(player.daemon)._registry if incident.ended_at is not None
        ]
        await player.command(CommandKind.NOT_AN_ANOMALY, incident=resolved.incident.id)
        await player.silence()
        await player.delivered()
        await player.play(minutes(MINUTES - 60, MINUTES - TROUBLE))
        await player.delivered()
        (open_,) = [
            incident for incident in pipeline_of(player.daemon)._registry if incident.ended_at is None
        ]
        slack.always = "503"
        await player.play(minutes(MINUTES - TROUBLE, MINUTES))
        await player.command(CommandKind.ACKNOWLEDGE, incident=open_.incident.id)
        assert player.daemon.delivery.unsent, "an edit waits"
        await player.saved()
        daemon = player.daemon
        export = StateExport(state, daemon._store, daemon._rows, daemon._judge.by_clock)
        shutil.move(await export.make_archive(), folder / "embedded.tar.zst")
        keep_slack(slack, folder / "slack.json")
        slack.always, player.findings = None, []
        await player.play(minutes(MINUTES, MINUTES + AFTER))
        await player.delivered()
        outcome = player.outcome()
    (folder / "embedded.json").write_text(json.dumps(outcome, indent=1, ensure_ascii=False) + "\n")


def main() -> None:
    """Make the folder."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    prepare_process()
    write_sent(folder / "after.ndjson.zst", list(chain.from_iterable(minutes(MINUTES, MINUTES + AFTER))))
    with tempfile.TemporaryDirectory() as state:
        asyncio.run(make_embedded(folder, Path(state) / "state"))
        with Broker() as broker:
            make_kafka(folder, broker.address, Path(state))


if __name__ == "__main__":
    main()
