"""Assembles the delivery of messages: the outbox, the sinks of the settings, and the courier."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final
from zoneinfo import ZoneInfo

import structlog

from alerting.commands.dispatch import SLACK
from alerting.messages.render import Renderer
from alerting.outbox.courier import Courier
from alerting.outbox.outbox import PACE, Outbox
from alerting.outbox.ports import OutboxStorage, Result, Sink
from alerting.pipeline.pipeline import Pipeline
from alerting.sinks.slack import SlackSink
from alerting.sinks.slack_errors import trouble
from alerting.sinks.terminal import TerminalSink
from alerting.words.locales import phrases_of
from config.links import Links
from config.settings import Settings, SlackSettings
from streams.notify.http_sinks import http_sinks
from streams.notify.interactions import SlackSecrets, slack_secrets, transports
from streams.process.metrics import Metrics

log = structlog.get_logger("uneri.messenger")
RETRY_SECONDS: Final = 15.0


@asynccontextmanager
async def messenger(
    settings: Settings,
    storage: OutboxStorage,
    pipeline: Pipeline | None = None,
    metrics: Metrics | None = None,
    probe: "SlackProbe | None" = None,
    *,
    secrets: SlackSecrets | None = None,
) -> AsyncIterator[tuple[Courier, Outbox]]:
    """Yield a courier and its outbox: to Slack (the terminal without a token) and to other sinks.

    ``pipeline`` precedes the outbox, ``metrics`` count deliveries, ``probe`` checks the token. The secrets of
    Slack are read anew if absent.
    """
    zone = ZoneInfo(settings.digest.timezone)
    slack = settings.slack
    links, words = Links(settings.links), phrases_of(settings.notify.locale, settings.account_names)
    known = secrets or slack_secrets(slack)
    renderer = Renderer(links, zone, words, pressable=bool(transports(known)))
    token, deciding = known.token, pipeline or Pipeline(settings)
    outbox = Outbox(
        storage,
        random.Random(),  # noqa: S311 - jitter, not a secret
        pace=PACE if token else 0.0,
        fallback=deciding.routing.fallback,
    )
    async with AsyncExitStack() as stack:
        sinks: dict[str, Sink] = {}
        for name, sink in http_sinks(settings, links).items():
            sinks[name] = await stack.enter_async_context(sink)
        if token:
            to_slack = await stack.enter_async_context(SlackSink(token, slack.base_url, renderer))
            sinks[SLACK] = to_slack
            probing = asyncio.create_task((probe or SlackProbe()).run(to_slack, slack))
            stack.callback(probing.cancel)
        else:
            log.info("no Slack token: messages are printed here", variables=[slack.token_env])
            sinks[SLACK] = TerminalSink(renderer)
        counted = metrics or Metrics()
        counted.outbox.set_function(outbox.unsent)
        courier = Courier(
            outbox,
            sinks,
            deciding,
            delivered=lambda result, destination: counted.deliveries.labels(destination, result).inc(),
        )
        yield courier, outbox


class SlackProbe:
    """Checks at the start whether Slack accepts the token, and retries until it does."""

    def __init__(self) -> None:
        self.not_ready: str | None = None  # the reason

    async def run(self, sink: SlackSink, slack: SlackSettings) -> None:
        """Check the token until Slack accepts it; log the first failure and the success."""
        self.not_ready = "Slack has not answered yet"
        warned, kept = False, slack.token.name()
        while True:
            outcome = await sink.authorise()
            if outcome.result is Result.SENT:
                self.not_ready = None
                log.info("Slack accepted the token", channel=slack.channel)
                return
            unreachable = outcome.result in (Result.RETRY, Result.UNKNOWN)
            self.not_ready = (
                f"Slack {trouble(outcome)}"
                if unreachable
                else f"Slack refuses the token in {kept} ({outcome.error})"
            )
            if not warned:
                warned = True
                log.warning(
                    f"Slack {trouble(outcome, '')}; messages are kept, retrying"
                    if unreachable
                    else f"Slack refuses the token in {kept}; messages are kept until it is valid",
                    url=slack.base_url,
                    reason=outcome.error,
                )
            await asyncio.sleep(RETRY_SECONDS)
