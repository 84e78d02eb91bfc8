"""Checks whether receivers besides Slack can be reached."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from alerting.sinks.http_sink import host_of, no_answer
from config.secret import SecretError
from config.sections.values import RECEIVERS
from config.settings import AlertmanagerSettings, NotifySettings, ReceiverSettings, WebhookSettings
from streams.cli.check.settings_checks import CheckResult, right, wrong
from streams.notify.http_sinks import ALARMS, access_of, key_of

TIMEOUT: Final = 10.0
_OK: Final = 200
_PORTS: Final = {"http": 80, "https": 443}


async def check_sinks(
    notify: NotifySettings, environment: Mapping[str, str] = os.environ
) -> AsyncIterator[CheckResult]:
    """Check each receiver. Nothing is posted: it would be taken for an incident."""
    for webhook in notify.webhooks:
        yield await _check_webhook(webhook, environment)
    for alertmanager in notify.alertmanagers:
        yield await _check_alertmanager(alertmanager)
    for kind in ALARMS:
        for receiver in getattr(notify, RECEIVERS[kind]):
            yield await _check_alarms(kind, receiver, environment)


async def _check_alarms(kind: str, receiver: ReceiverSettings, environment: Mapping[str, str]) -> CheckResult:
    name, hint = f"{kind} {receiver.name}", f"`uneri send-test --to {kind}:{receiver.name}` tries its secret"
    try:
        url = access_of(receiver, environment).url
    except SecretError as error:
        return wrong(f"{name}: {error}")
    return await _check_address(name, url, hint)


async def _check_address(name: str, url: str, hint: str) -> CheckResult:
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(TIMEOUT):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port or _PORTS[parts.scheme])
    except (OSError, TimeoutError) as error:
        return wrong(f"{name}: {host_of(url)} does not answer ({no_answer(error)}); check its address")
    writer.close()
    return right(f"{name}: {host_of(url)} answers; nothing was posted; {hint}")


async def _check_webhook(webhook: WebhookSettings, environment: Mapping[str, str]) -> CheckResult:
    name = f"webhook {webhook.name}"
    try:
        key = key_of(webhook, environment)
    except SecretError as error:
        return wrong(f"{name}: {error}")
    signed = "signed" if key is not None else "not signed: set secret_env or secret_file"
    return await _check_address(name, webhook.url, f"bodies are {signed}")


async def _check_alertmanager(settings: AlertmanagerSettings) -> CheckResult:
    name, where = f"alertmanager {settings.name}", host_of(settings.url)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"{settings.url.rstrip('/')}/api/v2/status", allow_redirects=False) as answer,
        ):
            if answer.status != _OK:
                return wrong(f"{name}: {where}/api/v2/status answers HTTP {answer.status}; check its url")
            version = (await answer.json())["versionInfo"]["version"]
    except (aiohttp.ClientConnectionError, TimeoutError, OSError) as error:
        return wrong(f"{name}: {where} does not answer ({no_answer(error)}); check its url")
    except (ValueError, KeyError, TypeError, aiohttp.ContentTypeError):
        return wrong(f"{name}: the server at {where} is not an Alertmanager with API v2; check its url")
    return right(f"{name}: {where} answers, version {version}")
