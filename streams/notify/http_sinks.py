"""Webhooks and Alertmanagers of the settings: sinks for the outbox, and the export of one incident."""

import json
import os
import time
from collections.abc import Mapping
from typing import Any

from alerting.commands.dispatch import ALERTMANAGER, WEBHOOK, Destination
from alerting.commands.local_time import rfc3339
from alerting.incidents.notice import identify
from alerting.outbox.ports import Result
from alerting.outbox.row import OutboxRow, Send
from alerting.sinks.alertmanager import AlertmanagerSink
from alerting.sinks.http_sink import HttpOptions, HttpSink
from alerting.sinks.webhook import WebhookSink, encoded, signing_key
from alerting.words.locales import phrases_of
from config.links import Links
from config.secret import SecretError, passphrase_in
from config.settings import Settings, WebhookSettings


def http_sinks(
    settings: Settings, links: Links, environment: Mapping[str, str] = os.environ
) -> dict[str, HttpSink]:
    """Return the sinks over HTTP by destination, to be closed."""
    notify = settings.notify
    options = HttpOptions(links, phrases_of("en", settings.account_names))  # programs read English
    sinks: dict[str, HttpSink] = {}
    for webhook in notify.webhooks:
        name = str(Destination(WEBHOOK, webhook.name))
        try:
            sinks[name] = WebhookSink(name, webhook.url, key_of(webhook, environment), options)
        except SecretError as error:
            unusable = options._replace(unusable=str(error))  # nothing is sent unsigned
            sinks[name] = WebhookSink(name, webhook.url, None, unusable)
    for alertmanager in notify.alertmanagers:
        name = str(Destination(ALERTMANAGER, alertmanager.name))
        sinks[name] = AlertmanagerSink(name, alertmanager.url, alertmanager.labels, options)
    return sinks


def key_of(webhook: WebhookSettings, environment: Mapping[str, str]) -> bytes | None:
    """Return the signing key of a webhook, None if it is not signed.

    Raises
    ------
    SecretError
        When the variable is not set, the file cannot be read, or either holds no valid secret.
    """
    place = webhook.secret
    if place is None:
        return None
    secret = passphrase_in(place, environment)
    if not secret:
        raise SecretError(f"{place.variable} is not set: nothing is sent there until you set it and restart")
    try:
        return signing_key(secret)
    except ValueError as error:
        raise SecretError(f"the secret in {place.name(environment)} is invalid: {error}") from None


class ExportError(Exception):
    """The destination refuses or does not answer; one line with the remedy."""


async def export_to_webhook(destination: str, url: str, key: bytes | None, answer: dict[str, Any]) -> str:
    """Post the answer of ``GET /incidents/ID`` at a person's request; return a line for that person.

    The same incident has the same ``webhook-id`` until something is new about it.

    ``destination`` is ``webhook:`` and its name, or the host of an address.

    Raises
    ------
    ExportError
        When it is not accepted.
    """
    now = time.time()
    body = {"type": "incident.export", "timestamp": rfc3339(now), "data": answer}
    row = OutboxRow(
        id=identify("export", json.dumps(answer, sort_keys=True)),
        destination=str(Destination(WEBHOOK, destination)),
        subject=str(answer["incident"]["id"]),
        send=Send.POST,
        urgency=0,
        sequence=0,
        created=now,
        body=encoded(body),
    )
    async with WebhookSink(destination, url, key) as sink:
        outcome = await sink.deliver(row)
    if outcome.result is Result.SENT:
        return f"sent to {destination}"
    remedy = "try again later" if outcome.result is Result.RETRY else "check its address and its secret"
    raise ExportError(f"{destination} did not take it ({outcome.error}); {remedy}")
