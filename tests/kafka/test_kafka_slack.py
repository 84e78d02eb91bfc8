"""Slack and the Kafka daemon: requests of people are as durable there as incidents."""

import asyncio
import getpass
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from typer.testing import CliRunner

from streams.cli.commands import app as uneri
from tests.alerting.slack_app import SlackApp
from tests.alerting.slack_standin import texts
from tests.kafka.kafka_app import KafkaApp, MakeApp
from tests.streams.drivers.world import SLACK_SECRETS


@asynccontextmanager
async def connected(app: KafkaApp, slack: SlackApp) -> AsyncIterator[None]:
    """Run the daemon; what is asked while stages open has to wait for them."""
    daemon = app.start(environment=SLACK_SECRETS)
    async with asyncio.timeout(240):
        await slack.connected.wait()
        await asyncio.to_thread(app.until, app.ready)
    yield
    assert await asyncio.to_thread(daemon.stop) == 0


async def asked(slack: SlackApp, text: str, over: str) -> str:
    slack.answers.clear()
    assert await slack.slash(text, over=over) < 3
    async with asyncio.timeout(60):
        while not slack.answers:
            await asyncio.sleep(0.02)
    return "\n".join(block["text"] for block in texts(slack.answers[0]["blocks"]))


@pytest.mark.release
async def test_a_silence_and_memos_hold_after_a_restart(make_app: MakeApp) -> None:
    async with SlackApp() as slack:
        app = await asyncio.to_thread(make_app, partitions=0, slack={"base_url": slack.base_url})
        slack.daemon = f"http://{app.settings.web.listen}"
        async with connected(app, slack):
            assert "No active silences" in await asked(slack, "silences", "http")
            assert "Done" in await asked(slack, "silence table:items 2h moving house", "socket")
            assert "moving house" in await asked(slack, "silences", "http")
            assert "Done" in await asked(slack, "note now table:items the import begins", "socket")
            by_hand = ["note", "--at", "now", "a game day", "--url", slack.daemon]
            assert (await asyncio.to_thread(CliRunner().invoke, uneri, by_hand)).exit_code == 0
        async with connected(app, slack):
            assert "moving house" in await asked(slack, "silences", "socket")
            listed = await asyncio.to_thread(CliRunner().invoke, uneri, ["memos", "--url", slack.daemon])
            assert [line.partition("UTC")[2] for line in listed.output.splitlines()] == [
                "  table:items  by mika: the import begins",
                f"  by {getpass.getuser()}: a game day",
            ]
