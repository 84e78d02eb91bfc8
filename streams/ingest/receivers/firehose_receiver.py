"""``POST /firehose``: Amazon Data Firehose delivers to an HTTP endpoint.

Its access key is an intake token (``process.web.access``). ``?source=NAME`` or the common attribute
``source`` names an input of the configuration. Firehose repeats a whole delivery until it is answered with
200, and then puts it into the bucket for failed ones. So a delivery that is refused in part gets 200, and its
refused parts are dead letters.
"""

from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import web

from streams.ingest.receivers.ingest_handler import IngestHandler, retry_after
from streams.ingest.receivers.payload_lines import ReadPayload, payload_reader
from streams.process.web.answer_forms import FIREHOSE, REQUEST_ID, firehose_answer
from streams.process.web.request_body import BodyError

_ATTRIBUTES: Final = "X-Amz-Firehose-Common-Attributes"


class _Named(msgspec.Struct, rename="camel"):
    request_id: str | None = None
    timestamp: int | None = None


class _Common(msgspec.Struct, rename="camel"):
    common_attributes: dict[str, str] = {}


_NAMED: Final = msgspec.json.Decoder(_Named)
_COMMON: Final = msgspec.json.Decoder(_Common)


class FirehoseReceiver:
    """The route that Firehose delivers to."""

    def __init__(self, handler: IngestHandler) -> None:
        self._handler = handler

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for a web server."""
        return [web.post(FIREHOSE, self._post)]

    async def _post(self, request: web.Request) -> web.Response:
        named = _Named()
        expected = request.headers.get(REQUEST_ID)
        try:
            read = payload_reader(self._handler.source(_source(request), "firehose"))

            def read_named(payload: bytes) -> ReadPayload:
                nonlocal named
                try:
                    named = _NAMED.decode(payload)
                except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
                    return read(payload)  # its error names the fault
                if expected is not None and named.request_id not in (None, expected):
                    raise _of_another_request()
                return read(payload)

            await self._handler.receive(request, read_named)
        except BodyError as error:
            self._handler.count(error)
            return firehose_answer(
                request,
                error.status,
                str(error),
                named=named.request_id,
                timestamp=named.timestamp,
                headers=retry_after(error),
            )
        return firehose_answer(request, named=named.request_id, timestamp=named.timestamp)


def _of_another_request() -> BodyError:
    text = f"the body is of another request than the header {REQUEST_ID} says; send it again"
    return BodyError(text, HTTPStatus.BAD_REQUEST)


def _source(request: web.Request) -> str | None:
    if (name := request.query.get("source")) is not None:
        return name
    attributes = request.headers.get(_ATTRIBUTES)
    if not attributes:
        return None
    try:
        return _COMMON.decode(attributes.encode(errors="surrogateescape")).common_attributes.get("source")
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise BodyError(
            f'{_ATTRIBUTES} is not {{"commonAttributes": {{…}}}} with texts; send it as Firehose does',
            HTTPStatus.BAD_REQUEST,
        ) from None
