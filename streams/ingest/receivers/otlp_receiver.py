"""``/v1/traces``, ``/v1/logs``, ``/v1/metrics``: OTLP over HTTP, as protobuf or JSON.

As the protocol asks (https://opentelemetry.io/docs/specs/otlp/#otlphttp): 200 with the response of the
signal, in the encoding of the request, and refused records counted in ``partial_success``; 400 for what can
never be read; and 503, the only answer here after which exporters send again.
"""

from http import HTTPStatus
from typing import Final, NamedTuple

import msgspec
from aiohttp import web
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from streams.engine.decode.records import Records
from streams.ingest.receivers.ingest_handler import IngestHandler, retry_after
from streams.ingest.receivers.payload_lines import Reader, ReadPayload, Receipt, payload_reader
from streams.process.web.request_body import BodyError

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
_FORMATS: Final = {PROTOBUF: "otlp_proto", "application/protobuf": "otlp_proto", JSON: "otlp_json"}
_LATER: Final = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_CODES: Final = {HTTPStatus.SERVICE_UNAVAILABLE: 14, HTTPStatus.NOT_FOUND: 5}
"""Codes of gRPC: unavailable, not found; else, an invalid argument."""
_INVALID: Final = 3


class _Signal(NamedTuple):
    response: type[Message]
    rejected: str  # the field of its partial success that counts, in protobuf and in JSON
    json_rejected: str


_SIGNALS: Final = {
    "/v1/traces": _Signal(ExportTraceServiceResponse, "rejected_spans", "rejectedSpans"),
    "/v1/logs": _Signal(ExportLogsServiceResponse, "rejected_log_records", "rejectedLogRecords"),
    "/v1/metrics": _Signal(ExportMetricsServiceResponse, "rejected_data_points", "rejectedDataPoints"),
}


class OtlpReceiver:
    """The routes that exporters and collectors send to; ``?source=NAME`` as at ``/events``."""

    def __init__(self, handler: IngestHandler) -> None:
        self._handler = handler

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for a web server."""
        return [web.post(path, self._post) for path in _SIGNALS]

    async def _post(self, request: web.Request) -> web.Response:
        signal = _SIGNALS[request.path]
        encoding = PROTOBUF if "protobuf" in request.content_type else JSON
        try:
            read = self._reader(request)
            receipt = await self._handler.receive(request, read)
        except BodyError as error:
            self._handler.count(error)
            return _error_answer(error, encoding)
        return _stored_answer(receipt, signal, encoding)

    def _reader(self, request: web.Request) -> Reader:
        form = _FORMATS.get(request.content_type)
        if form is None:
            raise BodyError(
                f"Content-Type {request.content_type!r} is none of OTLP; send {PROTOBUF} or {JSON}",
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            )
        read = payload_reader(self._handler.source(request.query.get("source"), form))
        nothing = b"" if form == "otlp_proto" else b"{}"

        def read_some(payload: bytes) -> ReadPayload:
            return ReadPayload(Records.of([]), 0) if payload.strip() == nothing else read(payload)

        return read_some


def _stored_answer(receipt: Receipt, signal: _Signal, encoding: str) -> web.Response:
    reason = _why_refused(receipt)
    if encoding == JSON:
        partial: dict[str, object] = {signal.json_rejected: str(receipt.refusals), "errorMessage": reason}
        return web.json_response({"partialSuccess": partial} if reason else {})
    response = signal.response()
    if reason:
        response.partial_success.error_message = reason
        setattr(response.partial_success, signal.rejected, receipt.refusals)
    return web.Response(body=response.SerializeToString(), content_type=PROTOBUF)


def _why_refused(receipt: Receipt) -> str:
    if not receipt.refused:
        return ""
    first = receipt.refused[0]
    others = receipt.refusals - 1
    more = f"; {others:,} more were refused" if others else ""
    return f"{first.reason}: {first.detail}{more}"


def _error_answer(error: BodyError, encoding: str) -> web.Response:
    """Return a ``google.rpc.Status``, as the protocol wants it of every error."""
    # exporters drop what is answered with 408
    status = HTTPStatus.SERVICE_UNAVAILABLE if error.status in _LATER else HTTPStatus(error.status)
    code = _CODES.get(status, _INVALID)
    headers = retry_after(error)
    if encoding == JSON:
        body = msgspec.json.encode({"code": code, "message": str(error)})
    else:  # the same fields in the same places as those of Status: a number in 1, a text in 2
        message = ExportTracePartialSuccess(rejected_spans=code, error_message=str(error))
        body = message.SerializeToString()
    return web.Response(body=body, content_type=encoding, status=status, headers=headers)
