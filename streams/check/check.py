"""``uneri check``: says what is wrong before the daemon does."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from config.settings import KafkaSettings, Settings
from streams.check.buttons import check_buttons
from streams.check.checked import Check
from streams.check.past import check_past
from streams.check.sinks import check_sinks
from streams.check.slack import check_slack
from streams.kafka.client import CredentialsMissingError, client_options, open_client
from streams.kafka.topics import missing_topics


def check(settings: Settings) -> Iterator[Check]:
    """Look at everything a running daemon needs; the configuration itself has been read already."""
    yield Check(True, "configuration: no mistakes found")
    yield from check_past(settings, time.time())
    if settings.kafka:
        yield from check_kafka(settings.kafka)
    else:
        yield Check(
            None, f"kafka: not configured, events are taken in on http://{settings.local.listen}/events"
        )
    yield from asyncio.run(_all(check_slack(settings)))
    yield from asyncio.run(_all(check_buttons(settings)))
    yield from asyncio.run(_all(check_sinks(settings.notify)))


async def _all(checks: AsyncIterator[Check]) -> list[Check]:
    return [one async for one in checks]


def check_kafka(kafka: KafkaSettings) -> Iterator[Check]:
    """Reach the brokers and look for the topics."""
    brokers = ", ".join(kafka.brokers)
    try:
        with open_client(KafkaAdminClient, **client_options(kafka)) as admin:
            topics = set(admin.list_topics())
    except CredentialsMissingError as error:
        yield Check(False, f"kafka: {error}")
        return
    except KafkaError as error:
        yield Check(
            False,
            f"kafka: {brokers} does not answer ({type(error).__name__}); is the address right?",
        )
        return
    yield Check(True, f"kafka: {brokers} answers")
    if kafka.requests in topics:
        yield Check(True, f"kafka: topic {kafka.requests} is there")
    else:
        yield Check(
            False,
            f"kafka: there is no topic {kafka.requests}; set kafka.requests, or create it with `uneri setup`",
        )
    if missing := missing_topics(kafka, topics):
        yield Check(
            False, f"kafka: {', '.join(missing)} missing; `uneri setup` creates what the daemon needs"
        )
