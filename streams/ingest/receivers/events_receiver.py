"""``POST /events``: native records as NDJSON, or payloads of any source and format."""

from http import HTTPStatus

from aiohttp import web

from streams.ingest.receivers.ingest_handler import IngestHandler, body_error
from streams.ingest.receivers.payload_lines import Receipt, as_lines, reader_of
from streams.ingest.receivers.record_sink import NotTakenError
from streams.process.web.request_body import BodyError


class EventsReceiver:
    """The route that accepts events.

    ``?source=NAME`` names an input of the configuration, ``?format=F`` a format (``auto`` recognises it);
    without both, a body is native records, one a line.

    ====== ==========================================================================================
    answer what became of the request
    ====== ==========================================================================================
    202    all records that can be read are durable; ``refused`` lists the others, which the engine
           dead-letters with their reason
    400    nothing can be read, or the format is unknown
    404    the source is unknown
    408    the body was too slow
    413    it was too large
    422    too many records are bad (``dead_letters``); other senders are not affected
    503    the engine is too far behind, too many requests are under way, or the log cannot be written
    ====== ==========================================================================================

    Except with 202, nothing was stored. A sender should send again what was answered with 408 or 503.
    """

    def __init__(self, reception: IngestHandler) -> None:
        self._reception = reception

    def routes(self) -> list[web.RouteDef]:
        """Return what the web server adds."""
        return [web.post("/events", self.post)]

    async def post(self, request: web.Request) -> web.Response:
        """Have the body's records stored: 202 when they are durable, else nothing was stored."""
        name, form = request.query.get("source"), request.query.get("format")
        try:
            if name is None and form is None:
                receipt = await self._reception.take(request, as_lines, of_lines=True)
                if not receipt.accepted:
                    raise _nothing()
            else:
                read = reader_of(self._reception.source(name, form))
                receipt = await self._reception.take(request, read)
        except BodyError as error:
            self._reception.count(error)
            return body_error(error)
        return taken(receipt)


def _nothing() -> NotTakenError:
    return NotTakenError(
        "no events in the body; send one JSON object per line, or name another format: POST "
        "/events?format=auto",
        HTTPStatus.BAD_REQUEST,
    )


def taken(receipt: Receipt) -> web.Response:
    """Return the answer for what is durable."""
    answer: dict[str, object] = {"accepted": receipt.accepted}
    total = receipt.accepted + receipt.refusals
    if receipt.late:
        answer["late"] = receipt.late
    if 2 * receipt.late > total:
        answer["warning"] = (
            f"{receipt.late:,} of {total:,} events are of a time that is judged already: they "
            "correct the last hours at most. Replay history with `uneri replay`"
        )
    if receipt.refused:
        answer["refused"] = receipt.refused
    if receipt.skipped:
        answer["skipped"] = dict(receipt.skipped)
    return web.json_response(answer, status=202)
