"""``uneri check``: everything that a daemon needs, checked before it runs."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from config.secret import SecretError
from config.settings import KafkaSettings, Settings
from streams.check.buttons import check_buttons
from streams.check.door import check_door
from streams.check.expired import check_expired
from streams.check.limits import check_limits
from streams.check.result import CheckResult
from streams.check.sinks import check_sinks
from streams.check.slack import check_slack
from streams.kafka.client import client_options, open_client
from streams.kafka.topics import missing_topics


def check(settings: Settings) -> Iterator[CheckResult]:
    """Check everything that a daemon needs; ``settings`` have been validated already."""
    yield CheckResult(True, "configuration: valid")
    yield from check_expired(settings, time.time())
    yield from check_door(settings)
    if settings.kafka:
        yield from check_kafka(settings.kafka)
    else:
        scheme = "http" if settings.local.tls is None else "https"
        yield CheckResult(
            None, f"kafka: not configured; events are accepted at {scheme}://{settings.local.listen}/events"
        )
    yield from check_limits(settings, time.time())
    yield from asyncio.run(_all(check_slack(settings)))
    yield from asyncio.run(_all(check_buttons(settings)))
    yield from asyncio.run(_all(check_sinks(settings.notify)))


async def _all(checks: AsyncIterator[CheckResult]) -> list[CheckResult]:
    return [one async for one in checks]


def check_kafka(kafka: KafkaSettings) -> Iterator[CheckResult]:
    """Check the brokers and the topics."""
    brokers = ", ".join(kafka.brokers)
    try:
        with open_client(KafkaAdminClient, **client_options(kafka)) as admin:
            topics = set(admin.list_topics())
    except SecretError as error:
        yield CheckResult(False, f"kafka: {error}")
        return
    except KafkaError as error:
        yield CheckResult(
            False,
            f"kafka: {brokers} does not answer ({type(error).__name__}); check kafka.brokers",
        )
        return
    yield CheckResult(True, f"kafka: {brokers} answers")
    if kafka.requests in topics:
        yield CheckResult(True, f"kafka: topic {kafka.requests} exists")
    else:
        yield CheckResult(
            False,
            f"kafka: no topic {kafka.requests}; correct kafka.requests, or create it with `uneri setup`",
        )
    if missing := missing_topics(kafka, topics):
        yield CheckResult(False, f"kafka: {', '.join(missing)} missing; create them with `uneri setup`")
