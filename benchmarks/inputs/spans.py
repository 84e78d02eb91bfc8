"""OpenTelemetry messages of 256 spans, and a topic of them with the answer to it.

A request has three table calls, as an instrumented function sends them. For a topic, some messages are drawn
and written again and again; each time with other traces, requests and times, which are written over theirs.
"""

from collections import Counter
from typing import Any, Final, NamedTuple

import numpy as np
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.harness.meter import PARTITIONS
from benchmarks.harness.totals import WINDOW, Totals
from benchmarks.inputs.requests import Answer
from benchmarks.inputs.topic_writer import write
from detectors.model.array_types import Bytes, Ints

SPANS: Final = 256  # of a message
START_NS: Final = 1_760_000_000_000_000_000
OF_RESOURCE: Final = {
    "cloud.provider": "aws", "cloud.account.id": "123456789012", "cloud.region": "eu-west-1",
    "telemetry.sdk.language": "python", "telemetry.sdk.version": "1.45.2",
}  # fmt: skip
OF_REQUEST: Final = {"http.route": "/items/{id}", "http.request.method": "POST"}
OF_CALL: Final = {
    "db.system.name": "aws.dynamodb", "rpc.system": "aws-api", "rpc.service": "DynamoDB",
    "rpc.method": "UpdateItem", "cloud.region": "eu-west-1",
    "server.address": "dynamodb.eu-west-1.amazonaws.com",
}  # fmt: skip
KINDS: Final = 30  # of messages
REQUESTS: Final = SPANS // 4  # of a message
EVERY_NS: Final = 200_000  # a request, in event time: 5,000 a second
PER_WINDOW: Final = WINDOW * 1_000_000_000 // EVERY_NS
_SMALL, _CAPITAL = (np.frombuffer(raw, np.uint8) for raw in (b"0123456789abcdef", b"0123456789ABCDEF"))
_DRAWN_NS: Final = 1_000_000  # a request, as they were drawn
_TO_END: Final = 9  # bytes from the start of a span to its end
_TOOK_NS: Final = (0, 41_000_000, 7_000_000)  # from the start of a request to what is written


def _describe(what: Any, attributes: dict[str, str]) -> None:
    for key, text in attributes.items():
        what.attributes.add(key=key).value.string_value = text


def _request(scope: Any, place: int) -> None:
    """Add the span of a request and those of three table calls."""
    trace, begin = (place + 1).to_bytes(16, "big"), START_NS + place * 1_000_000
    server = scope.spans.add(trace_id=trace, span_id=b"\1" * 8, kind=2, name="handler")
    server.start_time_unix_nano, server.end_time_unix_nano = begin, begin + 41_000_000
    _describe(server, OF_REQUEST | {"faas.invocation_id": f"{place:08x}-7c1d-4a6e-9b2f-{place:012x}"})
    server.attributes.add(key="http.response.status_code").value.int_value = 200
    for call in range(3):
        span = scope.spans.add(
            trace_id=trace, span_id=bytes([2 + call]) * 8, parent_span_id=b"\1" * 8, kind=3
        )
        span.name, span.start_time_unix_nano, span.end_time_unix_nano = "DynamoDB", begin, begin + 7_000_000
        _describe(span, OF_CALL | {"aws.request_id": f"{place:040X}"})
        tables = span.attributes.add(key="aws.dynamodb.table_names").value.array_value
        tables.values.add(string_value=f"table-{call}")
        used = span.attributes.add(key="aws.dynamodb.consumed_capacity").value.array_value
        used.values.add(string_value=f'{{"TableName":"table-{call}","CapacityUnits":2.5}}')


def messages_of(count: int) -> list[bytes]:
    """Return messages as a collector exports them."""
    messages = []
    for message in range(count):
        request = ExportTraceServiceRequest()
        resource = request.resource_spans.add()
        names = {"faas.name": f"function-{message % 30}", "service.name": f"service-{message % 6}"}
        _describe(resource.resource, OF_RESOURCE | names)
        scope = resource.scope_spans.add()
        for number in range(SPANS // 4):
            _request(scope, message * SPANS + number)
        messages.append(request.SerializeToString())
    return messages


class _Pattern(NamedTuple):
    """A message, and where in it each request has what differs between messages: (requests, places)."""

    body: bytes
    traces: Ints
    times: tuple[Ints, ...]  # one for each of ``_TOOK_NS``
    heads: Ints  # of invocations: eight digits
    tails: Ints  # and twelve
    calls: Ints  # the last twelve digits of what calls are known by


class SpanTopic:
    """Messages with at least so many spans, dealt to the partitions in turn."""

    def __init__(self, least: int) -> None:
        self.messages = -(-least // (SPANS * PARTITIONS)) * PARTITIONS
        drawn = messages_of(KINDS)
        self._patterns = [_pattern(body, number * SPANS) for number, body in enumerate(drawn)]
        self.size = sum(map(len, drawn)) / (KINDS * SPANS)

    def message(self, number: int) -> bytes:
        """Return a message by its number."""
        pattern = self._patterns[number % KINDS]
        places = number * REQUESTS + np.arange(REQUESTS)
        body = bytearray(pattern.body)
        view = np.frombuffer(body, np.uint8)
        _over(view, pattern.traces, (places + 1).astype(">i8").view(np.uint8).reshape(-1, 8))
        for took, at in zip(_TOOK_NS, pattern.times, strict=True):
            nanoseconds = START_NS + places * EVERY_NS + took
            _over(view, at, nanoseconds.astype("<i8").view(np.uint8).reshape(-1, 8))
        _over(view, pattern.heads, _digits(places, 8, _SMALL))
        _over(view, pattern.tails, _digits(places, 12, _SMALL))
        _over(view, pattern.calls, _digits(places, 12, _CAPITAL))
        del view
        return bytes(body)

    def write(self, broker: str, name: str) -> None:
        """Make a topic of these messages, which arrived as they happened."""
        newest = (START_NS + ((number + 1) * REQUESTS - 1) * EVERY_NS for number in range(self.messages))
        stamps = (-(-last // 1_000_000) for last in newest)
        write(broker, name, zip(map(self.message, range(self.messages)), stamps, strict=True))

    @property
    def answer(self) -> Answer:
        """How many requests are in each window of each partition; records are messages."""
        numbers = np.repeat(np.arange(self.messages), REQUESTS)
        places = np.arange(len(numbers))
        keys = (places // PER_WINDOW) * PARTITIONS + numbers % PARTITIONS
        found, counts = np.unique(keys, return_counts=True)
        start = START_NS // 1_000_000_000
        buckets = Counter(
            {
                (key % PARTITIONS, start + WINDOW * (key // PARTITIONS)): count
                for key, count in zip(found.tolist(), counts.tolist(), strict=True)
            }
        )
        return Answer(self.messages, Totals(), buckets)


def _digits(numbers: Ints, digits: int, letters: Bytes) -> Bytes:
    """Return (n, digits) of hexadecimal."""
    shifts = 4 * np.arange(digits - 1, -1, -1)
    digits_of: Bytes = letters[(numbers[:, None] >> shifts) & 15]
    return digits_of


def _over(view: Bytes, places: Ints, written: Bytes) -> None:
    """Write (n, w) bytes at (n, k) places, each row at all of its places."""
    width = np.arange(written.shape[1])
    view[places[:, :, None] + width] = written[:, None, :]


def _pattern(body: bytes, first: int) -> _Pattern:
    places = range(first, first + REQUESTS)
    traces, starts, heads, calls = (
        np.array([_all(body, marked(place), behind) for place in places])
        for behind, marked in (
            (10, lambda place: b"\n\x10" + (place + 1).to_bytes(16, "big")),
            (1, lambda place: b"9" + (START_NS + place * _DRAWN_NS).to_bytes(8, "little") + b"A"),
            (0, lambda place: f"{place:08x}-7c1d-4a6e-9b2f-{place:012x}".encode()),
            (29, lambda place: b"(" + f"{place:040X}".encode()),
        )
    )
    ends = starts[:, :1] + _TO_END, starts[:, 1:] + _TO_END  # of the request, and of its calls
    return _Pattern(body, traces, (starts, *ends), heads, heads + 24, calls)


def _all(body: bytes, what: bytes, behind: int) -> list[int]:
    """Return where a text is found, so many bytes behind its beginning."""
    found, at = [], body.find(what)
    while at >= 0:
        found.append(at + behind)
        at = body.find(what, at + 1)
    return found
