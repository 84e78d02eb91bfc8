"""Puts together who carries messages: the outbox, the sink that the settings ask for, and the courier."""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from zoneinfo import ZoneInfo

import structlog

from alerting.deliver import Courier
from alerting.outbox import Outbox, OutboxStorage
from alerting.render import Renderer
from alerting.sink import Result
from alerting.slack import SlackSink
from alerting.terminal import TerminalSink
from config.links import Links
from config.settings import Settings, Slack

RETRY_SECONDS = 15.0

log = structlog.get_logger("uneri.messenger")


@asynccontextmanager
async def messenger(settings: Settings, storage: OutboxStorage) -> AsyncIterator[tuple[Courier, Outbox]]:
    """Give a courier to Slack, or to the terminal where no Slack token is set."""
    zone = ZoneInfo(settings.digest.timezone)
    slack = settings.slack
    render = Renderer(Links(settings.links), zone)
    rng = random.Random()  # noqa: S311 - spreads retries, keeps no secret
    token = os.environ.get(slack.token_env)
    if not token:
        log.info("no Slack token: messages are shown here", variable=slack.token_env)
        outbox = Outbox(storage, rng, pace=0.0)
        yield (
            Courier(outbox, TerminalSink(zone), render, pages=slack.channel, digests=slack.digest_channel),
            outbox,
        )
        return
    outbox = Outbox(storage, rng)
    async with SlackSink(token, slack.base_url, zone) as sink:
        greeting = asyncio.create_task(_greet(sink, slack))
        try:
            yield Courier(outbox, sink, render, pages=slack.channel, digests=slack.digest_channel), outbox
        finally:
            greeting.cancel()


async def _greet(sink: SlackSink, slack: Slack) -> None:
    """Find out at the start whether Slack takes our messages, say it once, and once more when it does."""
    complained = False
    while True:
        outcome = await sink.authorise()
        if outcome.result is Result.SENT:
            log.info("Slack answers", channel=slack.channel)
            return
        if not complained:
            complained = True
            waits = outcome.result in (Result.RETRY, Result.UNKNOWN)
            log.warning(
                "Slack does not answer; messages are kept, trying again"
                if waits
                else f"Slack refuses the token in {slack.token_env}; messages are kept until it is good",
                url=slack.base_url,
                reason=outcome.error,
            )
        await asyncio.sleep(RETRY_SECONDS)
