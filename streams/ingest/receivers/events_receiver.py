"""``POST /events``: native records as NDJSON, or payloads of any source and format."""

from http import HTTPStatus

import msgspec
from aiohttp import web
from msgspec import UNSET, UnsetType

from streams.ingest.receivers.ingest_handler import IngestHandler, error_answer
from streams.ingest.receivers.payload_lines import Receipt, payload_reader, read_native
from streams.ingest.receivers.record_sink import DeadLetterAnswer
from streams.process.web.answer_forms import json_of
from streams.process.web.request_body import BodyError


class EventsReceiver:
    """The route that accepts events.

    ``?source=NAME`` names an input of the configuration, ``?format=F`` a format (``auto`` recognises it);
    without both, a body is native records, one a line.

    ====== ==========================================================================================
    answer what became of the request
    ====== ==========================================================================================
    202    all records that can be read are durable; ``refused`` lists the others, which the engine
           dead-letters with their reason, as far as their sender's limit allows (``dead_letters``)
    400    nothing can be read, or the format is unknown
    404    the source is unknown
    408    the body was too slow
    413    it was too large
    503    the engine is too far behind, too many requests are under way, the log cannot be written, or
           this host's clock may be behind
    ====== ==========================================================================================

    Except with 202, nothing was stored. A sender should send again what was answered with 408 or 503.
    """

    def __init__(self, handler: IngestHandler) -> None:
        self._handler = handler

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for a web server."""
        return [web.post("/events", self.post)]

    async def post(self, request: web.Request) -> web.Response:
        """Store the records of the body: 202 when they are durable, else nothing was stored."""
        name, form = request.query.get("source"), request.query.get("format")
        try:
            if name is None and form is None:
                receipt = await self._handler.receive(request, read_native, of_lines=True)
                if not receipt.accepted:
                    raise _no_events()
            else:
                read = payload_reader(self._handler.source(name, form))
                receipt = await self._handler.receive(request, read)
        except BodyError as error:
            self._handler.count(error)
            return error_answer(error)
        return stored_answer(receipt)


def _no_events() -> BodyError:
    return BodyError(
        "no events in the body; send one JSON object per line, or name another format: POST "
        "/events?format=auto",
        HTTPStatus.BAD_REQUEST,
    )


class ReceiptAnswer(msgspec.Struct, kw_only=True):
    """What is durable of a body, and what is not."""

    accepted: int
    late: int | UnsetType = UNSET
    warning: str | UnsetType = UNSET
    refused: list[DeadLetterAnswer] | UnsetType = UNSET
    skipped: dict[str, int] | UnsetType = UNSET


def stored_answer(receipt: Receipt) -> web.Response:
    """Return the answer for records that are durable."""
    total = receipt.accepted + receipt.refusals
    warning = (
        f"{receipt.late:,} of {total:,} events are of a time that is judged already: they "
        "correct the last hours at most. Replay history with `uneri replay`"
    )
    answer = ReceiptAnswer(
        accepted=receipt.accepted,
        late=receipt.late or UNSET,
        warning=warning if 2 * receipt.late > total else UNSET,
        refused=list(receipt.refused) or UNSET,
        skipped=dict(receipt.skipped) or UNSET,
    )
    return json_of(answer, 202)
