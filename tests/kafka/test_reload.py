"""With Kafka, a reload changes what judges and notifies in the middle of the stream, and loses nothing."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from kafka.admin import NewTopic

from config.load import load_settings
from streams.drivers.kafka.topics import setup_topics
from tests.alerting.slack_standin import TOKEN, SlackStandin
from tests.faults.test_page_kills import FUNCTIONS, events
from tests.kafka import topic as topics

UNERI = Path(sys.executable).with_name("uneri")
ROOT = Path(__file__).parent.parent.parent


def heard_again() -> None:
    """Receive a signal that the tests may ignore, as under nohup."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.mark.release
async def test_what_came_before_a_reload_goes_on_under_the_new_settings(kafka: str, tmp_path: Path) -> None:
    async with SlackStandin() as slack:
        config = tmp_path / "uneri.yaml"

        def write(channel: str, more: str = "") -> None:
            config.write_text(
                f"kafka: {{brokers: ['{kafka}'], app: {app}, requests: {requests}, shards: 2}}\n"
                "web: {listen: '127.0.0.1:0'}\ntime: {idle: 2}\njudge: {young: 3600}\n"
                "notify: {since: 2020-01-01}\n"
                f"slack: {{base_url: '{slack.base_url}', channel: {channel}}}\n"
                f"{more}"
            )

        app, requests = topics.unique("app"), topics.unique("requests")
        write("C0UNERI")
        lines = events().split(b"\n")
        half = len(lines) // 2
        topics.create(kafka, NewTopic(requests, 1, 1, topic_configs={"retention.ms": "-1"}))
        await asyncio.to_thread(setup_topics, load_settings(config))
        await asyncio.to_thread(topics.fill, kafka, requests, [lines[:half]])
        daemon = await asyncio.create_subprocess_exec(
            *(UNERI, "run", "--config", config),
            cwd=ROOT,
            env={**os.environ, "SLACK_BOT_TOKEN": TOKEN},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            preexec_fn=heard_again,
        )
        assert daemon.stderr is not None
        log = daemon.stderr

        async def until(said: str) -> str:
            while line := (await log.readline()).decode():
                sys.stderr.write(line)  # shown when the test fails
                if said in line:
                    return line
            raise AssertionError(f"the daemon ended without {said}")

        try:
            async with asyncio.timeout(300):
                await until("started [")
                write("C0SPARE", "floors: {rcu: {absolute: 5, relative: 1}}\ndead_letters: {share: 0.2}\n")
                daemon.send_signal(signal.SIGHUP)
                assert "floors.rcu" in await until("configuration reloaded")
                assert "settings=['dead_letters.share']" in await until("take effect at a restart")
                config.write_text("kafka: {broker: x}")
                daemon.send_signal(signal.SIGHUP)
                assert "unknown key 'broker'" in await until("nothing was changed")
                await asyncio.to_thread(topics.fill, kafka, requests, [lines[half:]])
                reading = asyncio.create_task(until("no such line"))
                while len(slack.parents) < FUNCTIONS:
                    assert not reading.done()
                    await asyncio.sleep(0.1)
        finally:
            if daemon.returncode is None:
                daemon.send_signal(signal.SIGTERM)
                await asyncio.wait_for(daemon.wait(), 40)
        assert daemon.returncode == 0
        await asyncio.gather(reading, return_exceptions=True)
    assert len({message.id for message in slack.messages}) == len(slack.messages)
    assert len(slack.parents) == FUNCTIONS
    assert {parent.channel for parent in slack.parents} <= {"C0UNERI", "C0SPARE"}
    assert slack.parents[-1].channel == "C0SPARE"
