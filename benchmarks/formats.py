"""Records per second and core of every format: read alone, and from the payload to blocks.

python -m benchmarks.formats [records [spans]]

The payloads are those of the formats' corpora, each in turn, and for OpenTelemetry also messages of 256
spans, three table calls to each request. Beside each row is what a user would run instead: the library's own
JSON, or protobuf's own parser and a loop over the attributes, which do less.
"""

import base64
import contextlib
import itertools
import json
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.collector_rate import spans_per_second
from config.settings import Settings
from streams.drivers.compile_ahead import prepare_process
from streams.engine.decode.decoder import Decoder
from streams.engine.rollup.blocks.block_codec import encode_block
from streams.engine.rollup.rollup import Rollup
from streams.ingest.formats.format import Format, RefusalError, Surroundings, to_json_line
from streams.ingest.formats.formats import FORMATS
from streams.ingest.formats.inputs import Input

SHAPES = Path(__file__).parent.parent / "tests" / "streams" / "ingest" / "formats" / "shapes"
TURNS = 3
SPANS = 256
RUN = 10_000  # records decoded at once
START_NS = 1_760_000_000_000_000_000


OF_RESOURCE = {
    "cloud.provider": "aws", "cloud.account.id": "123456789012", "cloud.region": "eu-west-1",
    "telemetry.sdk.language": "python", "telemetry.sdk.version": "1.45.2",
}  # fmt: skip
OF_REQUEST = {"http.route": "/items/{id}", "http.request.method": "POST"}
OF_CALL = {
    "db.system.name": "aws.dynamodb", "rpc.system": "aws-api", "rpc.service": "DynamoDB",
    "rpc.method": "UpdateItem", "cloud.region": "eu-west-1",
    "server.address": "dynamodb.eu-west-1.amazonaws.com",
}  # fmt: skip


class Given(NamedTuple):
    """A format with payloads of it, and how many records they make."""

    title: str
    format: Format
    payloads: list[tuple[bytes, Surroundings]]
    records: int


def corpus(name: str, least: int) -> Given | None:
    """Return the payloads of a corpus that become records, in turn, until there are enough."""
    found: list[tuple[bytes, Surroundings, int]] = []
    for shape in json.loads((SHAPES / f"{name}.json").read_text()):
        payload = (
            base64.b64decode(shape["base64"]) if "base64" in shape else shape.get("payload", "").encode()
        )
        around = {"at": 1_760_000_000.0, **shape.get("around", {})}
        for key, value in around.items():
            around[key] = tuple(value) if isinstance(value, list) else value
        try:
            made = FORMATS[name].read(payload, Surroundings(**around)).records
        except RefusalError:
            continue
        if made:
            found.append((payload, Surroundings(**around), len(made)))
    if not found:
        return None
    payloads, records = list[tuple[bytes, Surroundings]](), 0
    for body, surroundings, count in itertools.cycle(found):
        payloads.append((body, surroundings))
        records += count
        if records >= least:
            return Given(name, FORMATS[name], payloads, records)
    return None


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


def spans(least: int) -> tuple[list[bytes], int]:
    """Return messages of 256 spans as a collector exports them, and the number of spans."""
    messages = []
    for message in range(-(-least // SPANS)):
        request = ExportTraceServiceRequest()
        resource = request.resource_spans.add()
        names = {"faas.name": f"function-{message % 30}", "service.name": f"service-{message % 6}"}
        _describe(resource.resource, OF_RESOURCE | names)
        scope = resource.scope_spans.add()
        for number in range(SPANS // 4):
            _request(scope, message * SPANS + number)
        messages.append(request.SerializeToString())
    return messages, len(messages) * SPANS


Read = Callable[[Given], Iterator[Sequence[bytes]]]


def plainly(given: Given) -> Iterator[list[bytes]]:
    """Yield the records of every payload, as objects made into lines."""
    for payload, around in given.payloads:
        yield list(map(to_json_line, given.format.read(payload, around).records))


def as_driven(given: Given) -> Iterator[Sequence[bytes]]:
    """Yield the records of every payload as drivers read them: compiled where that can be."""
    for payload, around in given.payloads:
        yield Input("bench", given.format, around, FORMATS).lines(payload).records


def as_they_are(given: Given) -> Iterator[list[bytes]]:
    """Yield payloads that are native records."""
    for payload, _ in given.payloads:
        yield payload.splitlines()


def read_alone(given: Given) -> int:
    """Read every payload."""
    return sum(len(given.format.read(payload, around).records) for payload, around in given.payloads)


def scanned_alone(given: Given) -> int:
    """Do the same as drivers do."""
    return sum(map(len, as_driven(given)))


def whole(given: Given, read: Read = plainly) -> int:
    """Read, decode and roll up every payload, to blocks as bytes."""
    decoder = Decoder()
    rollup = Rollup("bench/0", 4, Settings().time, decoder)
    count, lines = 0, list[bytes]()

    def roll() -> None:
        for block in rollup.feed(decoder.decode(lines)[0]):
            encode_block(block)
        lines.clear()

    for records in read(given):
        count += len(records)
        lines.extend(records)
        if len(lines) >= RUN:
            roll()
    roll()
    for block in rollup.finish():
        encode_block(block)
    return count


def stock(given: Given) -> int:
    """Do what a user's own consumer does first: parse the payloads."""
    done = 0
    for payload, _ in given.payloads:
        unzip = zlib.decompressobj(31)
        plain = unzip.decompress(payload) if payload[:2] == b"\x1f\x8b" else payload
        for line in plain.split(b"\n"):
            with contextlib.suppress(ValueError):
                json.loads(line)
                done += 1
    return done


def stock_protobuf(given: Given) -> int:
    """Parse messages and read every attribute, in Python."""
    done = 0
    for payload, _ in given.payloads:
        for resource in ExportTraceServiceRequest.FromString(payload).resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    done += len({attribute.key: attribute.value for attribute in span.attributes}) > 0
    return done


def best(work: Callable[[Given], int], given: Given) -> float:
    """Return the least CPU seconds of some turns."""
    times = []
    for _ in range(TURNS):
        begin = time.process_time()
        work(given)
        times.append(time.process_time() - begin)
    return min(times)


def of_spans(least: int) -> Given:
    """Return messages of spans."""
    messages, count = spans(least)
    nothing = Surroundings()
    return Given(
        "otlp_proto, spans", FORMATS["otlp_proto"], [(message, nothing) for message in messages], count
    )


def print_spans(given: Given) -> None:
    """Print spans per second of messages, scanned, beside native events of the same traffic, in turns.

    Beside them is protobuf's own parser: with the plain reader, and with a loop that makes no records.

    Native events as services write them have neither ``joins`` nor ``trace``; joining the records of several
    sources costs far more than reading them, so there is a row for each.
    """
    lines = [line for some in plainly(given) for line in some]
    bare = [json.dumps({k: v for k, v in json.loads(line).items() if k not in {"joins", "trace"}},
                       separators=(",", ":")).encode() for line in lines]  # fmt: skip
    native_format = FORMATS["uneri"]
    works: list[tuple[str, Given, Read]] = [("otlp_proto, spans, scanned", given, as_driven)]
    for title, some in (("native, with joins", lines), ("native, without", bare)):
        works.append(
            (title, Given(title, native_format, [(b"\n".join(some), Surroundings())], 0), as_they_are)
        )

    def unjoined(found: Given) -> Iterator[list[bytes]]:
        for records in as_driven(found):
            yield [line[: line.index(b',"joins"')] + b"}" for line in records]

    works.insert(1, ("scanned, without joins", given, unjoined))
    works.append(("upb and the plain reader", given, plainly))
    least = dict.fromkeys((title for title, _, _ in works), 1e9)
    alone = {
        works[0][0]: best(scanned_alone, given),
        works[-1][0]: best(read_alone, given),
        "upb and a bare loop": best(stock_protobuf, given),
    }
    for _ in range(TURNS):
        for title, content, read in works:
            begin = time.process_time()
            whole(content, read)
            least[title] = min(least[title], time.process_time() - begin)
    print(f"\n{'spans/s of one core':28}{'read':>12}{'to blocks':>12}")
    for title, _, _ in works:
        first = f"{given.records / alone.pop(title):12,.0f}" if title in alone else " " * 12
        print(f"{title:28}{first}{given.records / least[title]:12,.0f}", flush=True)
    for title, seconds in alone.items():
        print(f"{title:28}{given.records / seconds:12,.0f}", flush=True)
    if (rate := spans_per_second([payload for payload, _ in given.payloads], given.records)) is not None:
        print(f"{'the collector: in and out':28}{rate:12,.0f}", flush=True)


def rows(records: int) -> Iterator[tuple[Given, Callable[[Given], int], int]]:
    """Yield what is measured, what it is measured beside, and how many units it has."""
    for name in FORMATS:
        given = corpus(name, records)
        if given is not None:
            yield given, stock, given.records
    found = of_spans(records)
    yield found, stock_protobuf, found.records


def main() -> None:
    """Print a row a format."""
    records = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    prepare_process()
    if "spans" not in sys.argv:
        print(f"{'records/s of one core':24}{'read':>12}{'to blocks':>12}{'parsing alone':>16}")
        for given, beside, units in rows(records):
            figures: list[Any] = [units / best(work, given) for work in (read_alone, whole, beside)]
            print(f"{given.title:24}{figures[0]:12,.0f}{figures[1]:12,.0f}{figures[2]:16,.0f}", flush=True)
    print_spans(of_spans(records))


if __name__ == "__main__":
    main()
