"""From settings to a courier."""

import asyncio
import io

from rich.console import Console

from alerting.connect import connect
from alerting.slack import SlackSink
from alerting.terminal import Terminal
from config.settings import Settings, Slack
from tests.alerting.given import table_finding, told
from tests.alerting.slack_standin import TOKEN, SlackStandin
from tests.alerting.test_slack_delivery import Memory


async def test_with_a_token_messages_go_to_slack_and_settle_within_seconds_of_real_time() -> None:
    async with SlackStandin() as slack:
        settings = Settings(slack=Slack(base_url=slack.base_url, token_env="OWN_TOKEN"))  # noqa: S106  a name
        courier, sink = connect(settings, Memory(), environment={"OWN_TOKEN": f"{TOKEN}\n"})
        assert isinstance(sink, SlackSink)
        await courier.start()
        await courier.put(told(table_finding()))
        task = asyncio.create_task(courier.run())
        async with asyncio.timeout(10):
            await courier.settled()
        courier.stop()
        await task
        await sink.close()
        assert len(slack.messages) == len(slack.files) == 1


async def test_without_a_token_they_are_shown_on_the_terminal() -> None:
    written = io.StringIO()
    courier, sink = connect(Settings(), Memory(), environment={}, console=Console(file=written, width=80))
    assert isinstance(sink, Terminal)
    await courier.put(told(table_finding()))
    task = asyncio.create_task(courier.run())
    async with asyncio.timeout(10):
        await courier.settled()
    courier.stop()
    await task
    assert "SPIKE · table items" in written.getvalue()
