"""Puts outbox, renderer, sink and courier together, as the settings say."""

import os
import random
from collections.abc import Mapping

from rich.console import Console

from alerting.deliver import Courier
from alerting.digest_time import zone_of
from alerting.outbox import PACE, Outbox, OutboxStorage
from alerting.render import Renderer
from alerting.slack import SlackSink
from alerting.terminal import Terminal
from config.links import Links
from config.settings import Settings


def connect(
    settings: Settings,
    storage: OutboxStorage,
    *,
    environment: Mapping[str, str] = os.environ,
    console: Console | None = None,
) -> tuple[Courier, SlackSink | Terminal]:
    """Return a courier to Slack where there is a token, else to the terminal, and its sink.

    The token is read from the environment variable that ``slack.token_env`` names. A Slack sink is to be
    closed with ``await sink.close()``.
    """
    zone = zone_of(settings.digest)
    token = environment.get(settings.slack.token_env, "").strip()
    sink = SlackSink(token, settings.slack.base_url, zone) if token else Terminal(console or Console(), zone)
    courier = Courier(
        Outbox(storage, random.SystemRandom(), pace=PACE if token else 0.0),
        sink,
        Renderer(Links(settings.links), zone),
        pages=settings.slack.channel,
        digests=settings.slack.digest_channel,
    )
    return courier, sink
