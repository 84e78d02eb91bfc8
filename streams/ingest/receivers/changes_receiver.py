"""``POST /changes``: what was deployed or configured.

Native change records, one a line; events of EventBridge and records of CloudTrail as JSON; and GitHub's
webhooks ``deployment`` and ``deployment_status``, which bring a signature in the place of a token.
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
from streams.ingest.receivers.events_receiver import taken
from streams.ingest.receivers.ingest_handler import IngestHandler, body_error
from streams.ingest.receivers.payload_lines import Reader, ReadPayload, delivered
from streams.ingest.receivers.record_sink import NotTakenError
from streams.process.web.request_body import BodyError

MOST: Final = 1024 * 1024
"""Bytes of a signed body, which is received before anything proves who sent it."""

_FORM: Final = "application/x-www-form-urlencoded"


HEADER: Final = "X-Hub-Signature-256"


class GithubSignature:
    """Verifies bodies.

    Parameters
    ----------
    secret
        Empty if there is none: then no signature is accepted.
    variable
        Where the secret is to be set, for messages.
    """

    def __init__(self, secret: str = "", variable: str = "UNERI_GITHUB_SECRET") -> None:
        self.secret = secret  # as the newest reload read it
        self._variable = variable

    def __repr__(self) -> str:
        return "GithubSignature(…)"

    def needed(self) -> None:
        """Refuse signed bodies if there is no secret, before they are received.

        Raises
        ------
        NotTakenError
            With what to set.
        """
        if not self.secret:
            said = f"signed, but the secret is not known here; set {self._variable} to that of the webhook"
            raise NotTakenError(said, HTTPStatus.FORBIDDEN, "signature")

    def verify(self, body: bytes, signed: str) -> None:
        """Check the signature of a body.

        Raises
        ------
        NotTakenError
            When it is not that of the body.
        """
        wanted = f"sha256={hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()}"
        same = hmac.compare_digest(wanted.encode(), signed.encode(errors="replace"))
        if not (self.secret and same):
            said = f"{HEADER} is not that of the body; give the webhook the secret that {self._variable} has"
            raise NotTakenError(said, HTTPStatus.UNAUTHORIZED, "signature")


class ChangesReceiver:
    """The route that is told of changes; ``?source=NAME`` and ``?format=F`` as at ``/events``.

    Parameters
    ----------
    reception
        Receives.
    signature
        Verifies those of GitHub.
    """

    def __init__(self, reception: IngestHandler, signature: GithubSignature) -> None:
        self._reception = reception
        self._signature = signature

    def routes(self) -> list[web.RouteDef]:
        """Return what the web server adds."""
        return [web.post("/changes", self._post)]

    async def _post(self, request: web.Request) -> web.Response:
        signed = request.headers.get(HEADER)
        try:
            read = self._reader(request)
            if signed is None:
                receipt = await self._reception.take(request, read)
            else:
                self._signature.needed()

                def read_verified(body: bytes) -> ReadPayload:
                    self._signature.verify(body, signed)
                    return read(_of_form(body) if request.content_type == _FORM else body)

                receipt = await self._reception.take(request, read_verified, most=MOST)
        except BodyError as error:
            self._reception.count(error)
            return body_error(error)
        return taken(receipt)

    def _reader(self, request: web.Request) -> Reader:
        name = request.query.get("source")
        given = self._reception.source(name, request.query.get("format"))
        changes, lines = (self._reception.source(name, form) for form in (CHANGES.name, "uneri"))

        def read(body: bytes) -> ReadPayload:
            found = given if given.format else changes if CHANGES.looks_like(body) else lines
            return delivered(_changes(found.read(body)))

        return read


def _changes(reading: Reading) -> Reading:
    """Refuse what is a record of another kind."""
    only = Reading(refused=list(reading.refused), skipped=reading.skipped)
    for record in reading.records:
        if isinstance(record, ChangeRecord):
            only.records.append(record)
        else:
            error = RefusalError(RejectReason.UNKNOWN_KIND, "not a change; send other records to /events")
            only.refused.append(error.of(to_json_line(record)))
    return only


def _of_form(body: bytes) -> bytes:
    """Return what a webhook with the content type of forms sends as ``payload``."""
    try:
        found = parse_qs(body.decode(), strict_parsing=True, max_num_fields=10)["payload"]
    except (ValueError, KeyError):
        said = "not a form with a payload; set the content type of the webhook to application/json"
        raise NotTakenError(said, HTTPStatus.BAD_REQUEST) from None
    return found[0].encode()
