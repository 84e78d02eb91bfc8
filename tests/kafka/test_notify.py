"""Notifying in a process of its own: findings of the deciding one are sent once, also through a kill."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

from aiohttp import web
from kafka.admin import NewTopic

from config.settings import (
    JudgeSettings,
    KafkaSettings,
    NotifySettings,
    Settings,
    SlackSettings,
    TimeSettings,
    WebSettings,
)
from streams.drivers.kafka.topics import setup_topics
from tests.alerting.slack_standin import TOKEN, SlackStandin
from tests.faults.test_page_kills import FUNCTIONS, events
from tests.kafka import topic as topics

ROOT = Path(__file__).parent.parent.parent
PROGRAM = """
import sys
from config.settings import Settings
from streams.drivers.kafka.daemon import run_kafka
sys.exit(run_kafka(Settings.model_validate_json(sys.argv[1]), set(sys.argv[2:])))
"""


class Killer(SlackStandin):
    """Kills the notifying process at the first message, after Slack has it."""

    victim: asyncio.subprocess.Process
    killed = False

    async def _api(self, request: web.Request) -> web.StreamResponse:
        answer = await super()._api(request)
        if request.match_info["method"] == "chat.postMessage" and not self.killed:
            self.killed = True
            self.victim.kill()
            return self._drop(request)
        return answer


async def started(settings: Settings, *roles: str, **environment: str) -> asyncio.subprocess.Process:
    command = (sys.executable, "-c", PROGRAM, settings.model_dump_json(), *roles)
    return await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env={**os.environ, **environment}, stderr=subprocess.DEVNULL
    )


async def test_a_notifier_that_is_killed_posts_each_page_once_and_the_decider_needs_no_token(
    kafka: str,
) -> None:
    async with Killer() as slack:
        settings = Settings(
            kafka=KafkaSettings(
                brokers=[kafka], app=topics.unique("app"), requests=topics.unique("requests"), shards=1
            ),
            web=WebSettings(listen="127.0.0.1:0"),
            time=TimeSettings(idle=2),
            judge=JudgeSettings(young=3600),
            notify=NotifySettings(since="2020-01-01"),
            slack=SlackSettings(base_url=slack.base_url, channel="C0UNERI"),
        )
        assert settings.kafka is not None
        topics.create(kafka, NewTopic(settings.kafka.requests, 1, 1, topic_configs={"retention.ms": "-1"}))
        await asyncio.to_thread(setup_topics, settings)
        await asyncio.to_thread(topics.fill, kafka, settings.kafka.requests, [events().split(b"\n")])
        decider = await started(settings, "rollup", "detect", "incidents", SLACK_BOT_TOKEN="")
        slack.victim = await started(settings, "notify", SLACK_BOT_TOKEN=TOKEN)
        try:
            async with asyncio.timeout(300):
                while not slack.killed:
                    await asyncio.sleep(0.1)
                await slack.victim.wait()
                slack.victim = await started(settings, "notify", SLACK_BOT_TOKEN=TOKEN)
                while len(slack.parents) < FUNCTIONS:
                    await asyncio.sleep(0.1)
            await asyncio.sleep(2)
        finally:
            for process in (decider, slack.victim):
                if process.returncode is None:
                    process.send_signal(signal.SIGTERM)
                    await asyncio.wait_for(process.wait(), 90)
        assert decider.returncode == slack.victim.returncode == 0
    assert len({message.id for message in slack.messages}) == len(slack.messages)
    named = sorted(parent.text.split(" · ")[1] for parent in slack.parents if "KeyError" in parent.text)
    assert named == [f"function put-{number}" for number in range(FUNCTIONS)]
