"""The receivers of the settings besides Slack: sinks for the outbox, and the export of one incident."""

import json
import os
import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from pydantic import TypeAdapter

from alerting.commands.dispatch import ALERTMANAGER, WEBHOOK, Destination
from alerting.commands.local_time import rfc3339
from alerting.incidents.digest_reporter import zone_of
from alerting.incidents.notice import identify
from alerting.outbox.ports import Result
from alerting.outbox.row import OutboxRow, Send
from alerting.sinks.alarm_sink import AlarmSink
from alerting.sinks.alertmanager import AlertmanagerSink
from alerting.sinks.discord import DiscordSink
from alerting.sinks.email import EmailSink
from alerting.sinks.http_sink import HttpOptions, HttpSink
from alerting.sinks.opsgenie import OpsgenieSink
from alerting.sinks.pagerduty import PagerdutySink
from alerting.sinks.teams import TeamsSink
from alerting.sinks.webhook import WebhookSink, encoded, signing_key
from alerting.words.locales import phrases_of
from config.links import Links
from config.secret import SecretError, passphrase_in, token_in
from config.sections.values import RECEIVERS, HttpUrl
from config.settings import EmailSettings, ReceiverSettings, Settings, WebhookSettings


def http_sinks(
    settings: Settings, links: Links, environment: Mapping[str, str] = os.environ
) -> dict[str, HttpSink]:
    """Return the sinks over HTTP by destination, to be closed."""
    notify = settings.notify
    options = HttpOptions(links, phrases_of("en", settings.account_names))  # programs read English
    sinks: dict[str, HttpSink] = {**alarm_sinks(settings, links, environment)}
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


ALARMS: Final[Mapping[str, type[AlarmSink]]] = {
    "pagerduty": PagerdutySink,
    "opsgenie": OpsgenieSink,
    "teams": TeamsSink,
    "discord": DiscordSink,
    "email": EmailSink,
}
"""The sinks that call somebody, by the kind of their destinations."""


def alarm_sinks(
    settings: Settings, links: Links, environment: Mapping[str, str] = os.environ, *, test: bool = False
) -> dict[str, AlarmSink]:
    """Return the sinks that call somebody by destination, to be closed; ``test`` marks what is sent."""
    words = phrases_of(settings.notify.locale, settings.account_names)
    options = HttpOptions(links, words, zone=zone_of(settings.digest), test=test)
    sinks: dict[str, AlarmSink] = {}
    for kind, sink in ALARMS.items():
        for receiver in getattr(settings.notify, RECEIVERS[kind]):
            name = str(Destination(kind, receiver.name))
            more: dict[str, Any] = {"settings": receiver} if isinstance(receiver, EmailSettings) else {}
            try:
                found = access_of(receiver, environment)
                sinks[name] = sink(name, found.url, found.secret, options, found.kept, **more)
            except SecretError as error:
                sinks[name] = sink(name, "", "", options._replace(unusable=str(error)), **more)
    return sinks


class ReceiverAccess(NamedTuple):
    """The address of a receiver and its secret, which may be the address; and where that is kept."""

    url: str
    secret: str
    kept: str


def access_of(receiver: ReceiverSettings, environment: Mapping[str, str]) -> ReceiverAccess:
    """Return how to reach a receiver.

    Raises
    ------
    SecretError
        When the variable is not set, the file cannot be read, or it holds no address where it is to.
    """
    place, url = receiver.secret, getattr(receiver, "url", None)
    if place is None:
        return ReceiverAccess(url or "", "", "")
    read = passphrase_in if isinstance(receiver, EmailSettings) else token_in  # spaces may belong to it
    secret, kept = read(place, environment), place.name(environment)
    if not secret:
        raise SecretError(f"{place.variable} {_NOT_SET}")
    if url is not None:
        return ReceiverAccess(url, secret, kept)
    try:
        return ReceiverAccess(TypeAdapter(HttpUrl).validate_python(secret), secret, kept)
    except ValueError:
        raise SecretError(f"{kept} holds no address; set it to the whole address of the webhook") from None


_NOT_SET: Final = "is not set: nothing is sent there until you set it and restart"


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
        raise SecretError(f"{place.variable} {_NOT_SET}")
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
