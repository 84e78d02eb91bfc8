"""A generic webhook as a sink: signed JSON, so that any receiver can trust it and recognise a repeat.

Headers and signature are those of Standard Webhooks 1.0 (standardwebhooks.com): there are verifiers for it in
most languages.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Final

import msgspec

from alerting.commands.dispatch import Dispatch, Form
from alerting.commands.local_time import rfc3339
from alerting.incidents.answers import IncidentEntry, incident_entry
from alerting.incidents.notice import Action
from alerting.messages.incident_answer import KnownIncident, incident_data
from alerting.outbox.ports import SubjectState
from alerting.outbox.row import OutboxRow, Send
from alerting.sinks.http_sink import USUAL, HttpCall, HttpOptions, HttpSink

PREFIX: Final = "whsec_"


def signing_key(secret: str) -> bytes:
    """Return the key of a secret: base64 after ``whsec_``, else the text itself.

    Raises
    ------
    ValueError
        When the text after ``whsec_`` is not base64.

    Examples
    --------
    >>> signing_key("whsec_c2VjcmV0"), signing_key("plain")
    (b'secret', b'plain')
    """
    if not secret.startswith(PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError(f"the text after {PREFIX} is not valid base64") from None


def signature(key: bytes, identity: str, timestamp: int, body: bytes) -> str:
    """Return the value of ``webhook-signature``.

    Examples
    --------
    >>> signature(b"secret", "msg_1", 1760000000, b"{}")
    'v1,jqaFf2WNHqAPF/XAPEr07UabUauiyrOpzchfmv8ubyY='
    """
    signed = f"{identity}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


class WebhookSink(HttpSink):
    """Posts JSON to one URL, signed when there is a key.

    ``webhook-id`` stays the same when a row is sent again, so the receiver recognises a repeat. ``key`` signs
    bodies (``signing_key``); None leaves them unsigned.
    """

    def __init__(
        self, destination: str, url: str, key: bytes | None = None, options: HttpOptions = USUAL
    ) -> None:
        super().__init__(destination, url, options)
        self._key = key

    def calls(self, row: OutboxRow, body: bytes) -> list[HttpCall]:
        """Return a post of the body, with the headers that authenticate it.

        What a receiver gets first about an incident that goes on opens it there.
        """
        if row.send is Send.POST and body.startswith(_UPDATE):
            told = json.loads(body)
            told["type"], told["data"]["action"] = f"incident.{Action.OPEN.value}", Action.OPEN.value
            body = encoded(told)
        timestamp = int(self._now())
        headers = {
            "Content-Type": "application/json",
            "webhook-id": row.id,
            "webhook-timestamp": str(timestamp),
        }
        if self._key is not None:
            headers["webhook-signature"] = signature(self._key, row.id, timestamp, body)
        return [HttpCall(self._url, body, headers)]

    def render(self, dispatch: Dispatch, _: SubjectState) -> OutboxRow | None:
        """Return the row of a dispatch, with its body (fields: ``docs/alerts.md``)."""
        if dispatch.form is Form.FILE:
            return None  # the flood's body lists all of its incidents
        notice = dispatch.notice
        data: dict[str, object] = {
            "dispatch": dispatch.id,
            "action": notice.action.value,
            "subject": dispatch.subject,
            "reason": dispatch.reason or notice.reason.value,
        }
        match dispatch.form:
            case Form.FLOOD:
                data["incidents"] = [_short(incident_entry(incident)) for incident in notice.incidents]
            case Form.DIGEST:
                data["incidents"] = [incident_entry(incident) for incident in notice.incidents]
                if notice.small:
                    data["small"] = [incident_entry(incident) for incident in notice.small]
            case _:
                known = KnownIncident(notice.incident, dispatch.at, dispatch.commands, dispatch.memos)
                data |= msgspec.structs.asdict(incident_data(known, self._links, self._words))
        if dispatch.follows is not None:
            data["follows"] = dispatch.follows
        if dispatch.line is not None:
            line = dispatch.line
            data["line"] = {"what": line.what, "at": rfc3339(line.at), "by": line.by, "detail": line.detail}
        kind = dispatch.form.value if dispatch.form is not Form.PARENT else f"incident.{notice.action.value}"
        body = {
            "type": kind,
            "timestamp": rfc3339(dispatch.at),
            "data": msgspec.to_builtins(data),
        }
        return OutboxRow.of(dispatch, body=encoded(body))


_UPDATE: Final = b'{"type":"incident.update",'


def encoded(body: Mapping[str, object]) -> bytes:
    """Return the body of a post."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


_SHORT: Final = (
    "id", "verdict", "state", "severity", "scope", "measure", "start", "end", "observed", "expected",
    "finding",
)  # fmt: skip


def _short(line: IncidentEntry) -> dict[str, object]:
    """Return the fields of an incident that fit into a flood's body."""
    return {name: getattr(line, name) for name in _SHORT}
