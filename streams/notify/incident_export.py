"""Sends one incident, whole, to a webhook: because a person asks for it, and once."""

import json
import time
from typing import Any

from alerting.commands.destination import WEBHOOK, Destination
from alerting.incidents.notice import identify
from alerting.outbox.ports import Result
from alerting.outbox.row import OutboxRow, Send
from alerting.sinks.http_outcome import rfc3339
from alerting.sinks.webhook import WebhookSink


class ExportError(Exception):
    """The destination refuses or does not answer; the message is one line with the remedy."""


async def export_to_webhook(destination: str, url: str, key: bytes | None, answer: dict[str, Any]) -> str:
    """Post the answer of ``GET /incidents/ID``; return what to tell the person.

    The same incident has the same ``webhook-id`` until something is new about it.

    Parameters
    ----------
    destination
        ``webhook:`` and its name, or the host of an address.
    url, key
        As for ``WebhookSink``.
    answer
        What is sent.

    Raises
    ------
    ExportError
        When it is not taken.
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
        body=json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(),
    )
    async with WebhookSink(destination, url, key) as sink:
        outcome = await sink.deliver(row)
    if outcome.result is Result.SENT:
        return f"sent to {destination}"
    remedy = "try again later" if outcome.result is Result.RETRY else "check its address and its secret"
    raise ExportError(f"{destination} did not take it ({outcome.error}); {remedy}")
