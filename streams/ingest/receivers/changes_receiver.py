"""``POST /changes``: deployments and changes of configuration.

Native change records, one a line; events of EventBridge and records of CloudTrail as JSON; and GitHub's
webhooks ``deployment`` and ``deployment_status``, which are signed and need no token.
"""

import hashlib
import hmac
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs

from aiohttp import web

from streams.engine.decode.event import ChangeRecord
from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.changes.change_events import CHANGES
from streams.ingest.formats.format import Reading, RefusalError, to_json_line
from streams.ingest.receivers.events_receiver import stored_answer
from streams.ingest.receivers.ingest_handler import IngestHandler, error_answer
from streams.ingest.receivers.payload_lines import Reader, ReadPayload, from_reading
from streams.process.web.request_body import BodyError

MOST: Final = 1024 * 1024
"""Bytes of a signed body, which is received before its sender is known."""

_FORM: Final = "application/x-www-form-urlencoded"
HEADER: Final = "X-Hub-Signature-256"


class GithubSignature:
    """Verifies the signature of GitHub's webhooks: HMAC with SHA-256 of the body, by a shared secret."""

    def __init__(self, secret: str = "", variable: str = "UNERI_GITHUB_SECRET") -> None:
        self.secret = secret  # as the newest reload read it; empty: no signature is accepted
        self._variable = variable  # to set, for messages

    def __repr__(self) -> str:
        return "GithubSignature(…)"

    def require_secret(self) -> None:
        """Refuse signed bodies if there is no secret, before they are received.

        Raises
        ------
        BodyError
            With the variable to set.
        """
        if not self.secret:
            message = f"signed, but the secret is not known here; set {self._variable} to that of the webhook"
            raise BodyError(message, HTTPStatus.FORBIDDEN, "signature")

    def verify(self, body: bytes, signed: str) -> None:
        """Check the signature of a body.

        Raises
        ------
        BodyError
            When it does not match.
        """
        wanted = f"sha256={hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()}"
        same = hmac.compare_digest(wanted.encode(), signed.encode(errors="replace"))
        if not (self.secret and same):
            message = (
                f"{HEADER} is not that of the body; give the webhook the secret that {self._variable} has"
            )
            raise BodyError(message, HTTPStatus.UNAUTHORIZED, "signature")


class ChangesReceiver:
    """The route for changes; ``?source=NAME`` and ``?format=F`` as at ``/events``."""

    def __init__(self, handler: IngestHandler, signature: GithubSignature) -> None:
        self._handler = handler
        self._signature = signature

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for a web server."""
        return [web.post("/changes", self._post)]

    async def _post(self, request: web.Request) -> web.Response:
        signed = request.headers.get(HEADER)
        try:
            read = self._reader(request)
            if signed is None:
                receipt = await self._handler.receive(request, read)
            else:
                self._signature.require_secret()

                def read_verified(body: bytes) -> ReadPayload:
                    self._signature.verify(body, signed)
                    return read(_form_payload(body) if request.content_type == _FORM else body)

                receipt = await self._handler.receive(request, read_verified, most=MOST)
        except BodyError as error:
            self._handler.count(error)
            return error_answer(error)
        return stored_answer(receipt)

    def _reader(self, request: web.Request) -> Reader:
        name = request.query.get("source")
        given = self._handler.source(name, request.query.get("format"))
        changes, lines = (self._handler.source(name, form) for form in (CHANGES.name, "uneri"))

        def read(body: bytes) -> ReadPayload:
            found = given if given.format else changes if CHANGES.looks_like(body) else lines
            return from_reading(_only_changes(found.read(body)))

        return read


def _only_changes(reading: Reading) -> Reading:
    """Refuse records of another kind."""
    only = Reading(refused=list(reading.refused), skipped=reading.skipped)
    for record in reading.records:
        if isinstance(record, ChangeRecord):
            only.records.append(record)
        else:
            error = RefusalError(RejectReason.UNKNOWN_KIND, "not a change; send other records to /events")
            only.refused.append(error.of(to_json_line(record)))
    return only


def _form_payload(body: bytes) -> bytes:
    try:
        found = parse_qs(body.decode(), strict_parsing=True, max_num_fields=10)["payload"]
    except (ValueError, KeyError):
        message = "not a form with a payload; set the content type of the webhook to application/json"
        raise BodyError(message, HTTPStatus.BAD_REQUEST) from None
    return found[0].encode()
