"""Slack and the Kafka daemon: requests of people are as durable there as incidents."""

import asyncio
import getpass
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path

import aiohttp
from typer.testing import CliRunner

from config.settings import KafkaSettings, Settings, SlackSettings, WebSettings
from streams.cli.commands import app
from streams.drivers.kafka.topics import setup_topics
from tests.alerting.slack_app import APP_TOKEN, SECRET, SlackApp
from tests.alerting.slack_standin import TOKEN, texts
from tests.free_port import free_port
from tests.kafka import topic as topics

ROOT = Path(__file__).parent.parent.parent
PROGRAM = """
import sys
from config.settings import Settings
from streams.drivers.kafka.daemon import run_kafka
sys.exit(run_kafka(Settings.model_validate_json(sys.argv[1])))
"""


@asynccontextmanager
async def daemon(settings: Settings, slack: SlackApp) -> AsyncIterator[None]:
    secrets = {"SLACK_BOT_TOKEN": TOKEN, "SLACK_APP_TOKEN": APP_TOKEN, "SLACK_SIGNING_SECRET": SECRET}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, settings.model_dump_json()),
        cwd=ROOT,
        env=os.environ | secrets,
        stderr=subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(240), aiohttp.ClientSession() as session:
            await slack.connected.wait()
            while True:  # what is asked while stages open has to wait for them
                async with session.get(f"{slack.daemon}/readyz") as answer:
                    if answer.status == HTTPStatus.OK:
                        break
                await asyncio.sleep(0.1)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        _, said = await asyncio.wait_for(process.communicate(), 90)
        print(said.decode())  # noqa: T201  where the check for secrets sees it
    assert process.returncode == 0
    assert b"Traceback" not in said


async def asked(slack: SlackApp, text: str, over: str) -> str:
    slack.answers.clear()
    assert await slack.slash(text, over=over) < 3
    async with asyncio.timeout(60):
        while not slack.answers:
            await asyncio.sleep(0.02)
    return "\n".join(block["text"] for block in texts(slack.answers[0]["blocks"]))


async def test_a_silence_and_memos_hold_after_a_restart(kafka: str) -> None:
    async with SlackApp() as slack:
        settings = Settings(
            kafka=KafkaSettings(
                brokers=[kafka], app=topics.unique("app"), requests=topics.unique("requests"), shards=2
            ),
            web=WebSettings(listen=f"127.0.0.1:{free_port()}"),
            slack=SlackSettings(base_url=slack.base_url),
        )
        slack.daemon = f"http://{settings.web.listen}"
        await asyncio.to_thread(setup_topics, settings)
        async with daemon(settings, slack):
            assert "No active silences" in await asked(slack, "silences", "http")
            assert "Done" in await asked(slack, "silence table:items 2h moving house", "socket")
            assert "moving house" in await asked(slack, "silences", "http")
            assert "Done" in await asked(slack, "note now table:items the import begins", "socket")
            by_hand = ["note", "--at", "now", "a game day", "--url", slack.daemon]
            assert (await asyncio.to_thread(CliRunner().invoke, app, by_hand)).exit_code == 0
        async with daemon(settings, slack):
            assert "moving house" in await asked(slack, "silences", "socket")
            listed = await asyncio.to_thread(CliRunner().invoke, app, ["memos", "--url", slack.daemon])
            assert [line.partition("UTC")[2] for line in listed.output.splitlines()] == [
                "  table:items  by mika: the import begins",
                f"  by {getpass.getuser()}: a game day",
            ]
