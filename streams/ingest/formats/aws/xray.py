"""The format ``xray``: segments of AWS X-Ray show which function calls which table.

X-Ray samples at a rate that no segment holds: of Lambda's invocations one a second and one in twenty of the
others. So segments never show how much there is. They become records of the kind ``call`` that count the
edges from functions alone, whatever the source is configured to count: they bring these edges to tables, with
time and capacity for shares of it, and no request and no table is counted.

Read are segment documents, alone, in a row or in a list, as the daemon receives them (each after its header),
as ``PutTraceSegments`` sends them and as ``BatchGetTraces`` returns them. A segment that X-Ray inferred
repeats the caller's own subsegment, and one in progress comes again when it has ended: both are skipped.
"""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from streams.engine.decode.event import LARGEST, Event, TableCall
from streams.ingest.formats.aws.capacity import NOTHING, consumed_by, table_name
from streams.ingest.formats.aws.lambda_names import FunctionName, function_of_arn
from streams.ingest.formats.format import (
    Reading,
    Record,
    SkippedError,
    Surroundings,
    read_part,
    validated,
    with_defaults,
)
from streams.ingest.formats.json_payload import JSON_ERRORS, json_refusal, values
from streams.ingest.formats.trace_ids import joins

_HEAD: Final = 256 * 1024
_TRACE: Final = re.compile(rb'\\?"(?:trace_id|Id)\\?"\s*:\s*\\?"1-[0-9a-f]{8}-[0-9a-f]{24}', re.IGNORECASE)
_START: Final = re.compile(rb'\\?"start_time\\?"')
_COUNTED: Final = "table<function"

_NAMES: Final = msgspec.json.Decoder(list[str])


class _Aws(msgspec.Struct):
    operation: str | None = None
    table_name: str | None = None
    table_names: msgspec.Raw = msgspec.Raw()
    consumed_capacity: msgspec.Raw = msgspec.Raw()
    region: str | None = None
    account_id: str | None = None
    request_id: str | None = None
    function_arn: str | None = None


class _Subsegment(msgspec.Struct):
    namespace: str | None = None
    start_time: float | None = None
    end_time: float | None = None
    throttle: bool | None = None
    aws: _Aws | None = None
    subsegments: "list[_Subsegment] | None" = None


class _Segment(_Subsegment):
    name: str | None = None
    id: str | None = None
    trace_id: str | None = None
    type: str | None = None
    origin: str | None = None
    resource_arn: str | None = None
    in_progress: bool | None = None
    inferred: bool | None = None


class _Document(msgspec.Struct, rename="pascal"):
    document: str | None = None


class _Trace(msgspec.Struct, rename="pascal"):
    segments: list[_Document] | None = None


class _Holder(msgspec.Struct):
    """A container of segments."""

    traces: list[_Trace] | None = msgspec.field(default=None, name="Traces")
    documents: list[str] | None = msgspec.field(default=None, name="TraceSegmentDocuments")
    format: str | None = None  # the daemon's header


_HOLDER: Final = msgspec.json.Decoder(_Holder)
_SEGMENT: Final = msgspec.json.Decoder(_Segment)


class _XRay:
    name: Final = "xray"

    def looks_like(self, payload: bytes) -> bool:
        head = payload[:_HEAD]
        if head.lstrip()[:1] not in {b"{", b"["}:
            return False
        return _TRACE.search(head) is not None and _START.search(head) is not None

    def read(self, payload: bytes, around: Surroundings) -> Reading:
        documents = values(payload, "a list of segments")
        return Reading.of(found for document in documents for found in _read(document, around))


def _read(document: bytes, around: Surroundings) -> Iterator[Reading]:
    try:
        holder = _HOLDER.decode(document)
    except JSON_ERRORS as error:
        yield Reading(refused=[json_refusal(document, error, "a segment of X-Ray").of(document)])
        return
    held: list[str] | None = holder.documents
    if holder.traces is not None:
        held = [segment.document or "" for trace in holder.traces for segment in trace.segments or ()]
    if held is not None:
        for segment in held:
            yield read_part(segment.encode(), lambda part: _calls(part, around))
    elif holder.format is None:  # not the daemon's header
        yield read_part(document, lambda part: _calls(part, around))


def _calls(document: bytes, around: Surroundings) -> Record:
    try:
        segment = _SEGMENT.decode(document)
    except JSON_ERRORS as error:
        raise json_refusal(document, error, "a segment of X-Ray") from None
    if segment.inferred:
        raise SkippedError("inferred")
    if segment.in_progress or segment.end_time is None:
        raise SkippedError("in progress")
    calls = list(_walk(segment))
    tables = tuple(table for call in calls for table in _tables(call))
    if not tables:
        raise SkippedError("no table calls")
    aws = segment.aws or _Aws()
    place = function_of_arn(aws.function_arn) or function_of_arn(segment.resource_arn)
    event = Event(
        ts=segment.start_time,
        id=f"xray:{segment.trace_id}/{segment.id}" if segment.trace_id and segment.id else None,
        cloud="aws",
        account=aws.account_id or (place and place.account),
        region=(place and place.region) or next((call.aws.region for call in calls if call.aws), None),
        function=_function(segment, place),
        tables=tables,
        kind="call",
        joins=joins(segment.trace_id, None if segment.namespace == "aws" else aws.request_id),
        trace=segment.trace_id,
    )
    with_defaults(event, around).counts = _COUNTED
    return validated(event)


def _function(segment: _Segment, place: FunctionName | None) -> str | None:
    """Return the caller; the name of a subsegment that came alone is its callee."""
    if place:
        return place.function
    return None if segment.type == "subsegment" else segment.name


def _walk(segment: _Subsegment) -> Iterator[_Subsegment]:
    """Yield the calls of AWS in a segment, in the order in which it has them."""
    waiting = [segment]
    while waiting:
        at = waiting.pop()
        if at.namespace == "aws" and at.aws is not None:
            yield at
        waiting += reversed(at.subsegments or [])


def _tables(call: _Subsegment) -> Iterator[TableCall]:
    """Yield the calls of tables: a batch names several."""
    aws = call.aws or _Aws()
    names = dict.fromkeys(
        table_name(name) for name in (*([aws.table_name] if aws.table_name else []), *_names(aws))
    )
    used = consumed_by([bytes(aws.consumed_capacity)] if aws.consumed_capacity else [], aws.operation)
    if len(names) == 1 and None in used:
        used = dict.fromkeys(names, used[None])
    for name in names:
        if name:
            rcu, wcu = used.get(name, NOTHING)
            throttled = "unknown" if call.throttle else None
            yield TableCall(name, aws.operation, _milliseconds(call), rcu, wcu, throttled)


def _names(aws: _Aws) -> list[str]:
    try:
        return _NAMES.decode(aws.table_names) if aws.table_names else []
    except JSON_ERRORS:
        return []


def _milliseconds(call: _Subsegment) -> float | None:
    if call.start_time is None or call.end_time is None:
        return None
    found = round((call.end_time - call.start_time) * 1000, 3)
    return found if 0 <= found <= LARGEST else None


XRAY: Final = _XRay()
