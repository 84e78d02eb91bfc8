"""Receivers for the webhooks and Alertmanagers of the settings."""

import os
from collections.abc import Mapping

from alerting.commands.destination import ALERTMANAGER, WEBHOOK, Destination
from alerting.messages.console_links import LinkMaker
from alerting.outbox.ports import DeliveryOutcome, Receiver, Result
from alerting.outbox.row import OutboxRow
from alerting.sinks.alertmanager import AlertmanagerSink, in_alerts
from alerting.sinks.http_sink import HttpSink
from alerting.sinks.webhook import WebhookSink, in_json, signing_key
from alerting.words.locales import phrases_of
from config.secret import SecretError, passphrase_in
from config.settings import Settings, WebhookSettings


class Unsigned:
    """Replaces a webhook whose secret is missing: nothing is sent unsigned."""

    def __init__(self, why: str) -> None:
        self._why = why

    def __repr__(self) -> str:
        return f"Unsigned({self._why!r})"

    async def deliver(self, _: OutboxRow) -> DeliveryOutcome:
        """Refuse; the rows are kept until the daemon starts with the secret."""
        return DeliveryOutcome(result=Result.ROUTE, error=self._why)


def http_receivers(
    settings: Settings, links: LinkMaker, environment: Mapping[str, str] = os.environ
) -> tuple[dict[str, Receiver], list[HttpSink]]:
    """Return receivers by destination, and the sinks to close."""
    notify, words = settings.notify, phrases_of("en", settings.account_names)  # programs read English
    receivers: dict[str, Receiver] = {}
    sinks: list[HttpSink] = []
    for webhook in notify.webhooks:
        destination = str(Destination(WEBHOOK, webhook.name))
        try:
            sink = WebhookSink(destination, webhook.url, key_of(webhook, environment))
        except SecretError as error:
            receivers[destination] = Receiver(Unsigned(str(error)), in_json(links, words))
            continue
        sinks.append(sink)
        receivers[destination] = Receiver(sink, in_json(links, words))
    for alertmanager in notify.alertmanagers:
        destination = str(Destination(ALERTMANAGER, alertmanager.name))
        pager = AlertmanagerSink(destination, alertmanager.url)
        sinks.append(pager)
        receivers[destination] = Receiver(pager, in_alerts(links, alertmanager.labels, words))
    return receivers, sinks


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
