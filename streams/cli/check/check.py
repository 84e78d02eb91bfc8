"""``uneri check``: everything that a daemon needs, checked before it runs."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Iterator

from config.settings import Settings
from streams.cli.check.kafka import check_kafka
from streams.cli.check.settings_checks import (
    CheckResult,
    check_expired,
    check_history,
    check_http_address,
    check_prices,
    remark,
    right,
    wrong,
)
from streams.cli.check.sinks import check_sinks
from streams.cli.check.slack import check_buttons, check_slack
from streams.cli.check.sources import check_limits, check_mappings, check_sources
from streams.drivers.kafka.roles import INTAKE


def check(settings: Settings, roles: Collection[str] = ()) -> Iterator[CheckResult]:
    """Check everything that a daemon with these roles needs; ``settings`` have been validated already."""
    yield right("configuration: valid")
    yield from check_expired(settings, time.time())
    yield from check_http_address(settings, intake=INTAKE in roles if settings.kafka else None)
    if settings.kafka:
        yield from check_kafka(
            settings.kafka, settings.sources, roles, settings.history, settings.time.future
        )
    else:
        scheme = "http" if settings.local.tls is None else "https"
        yield remark(
            f"kafka: not configured; events are accepted at {scheme}://{settings.local.listen}/events"
        )
        if settings.sources.topics:
            yield wrong(
                f"sources: nothing reads the topic {', '.join(settings.sources.topics)} of sources.inputs; "
                "add a kafka section, or remove it"
            )
    yield from check_mappings(settings)
    yield from asyncio.run(_all(check_sources(settings.sources)))
    yield from check_limits(settings, time.time())
    yield from check_prices(settings, time.time())
    yield from check_history(settings)
    for checks in (check_slack(settings), check_buttons(settings), check_sinks(settings.notify)):
        yield from asyncio.run(_all(checks))


async def _all(checks: AsyncIterator[CheckResult]) -> list[CheckResult]:
    return [result async for result in checks]
