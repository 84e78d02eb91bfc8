"""The messages of a topic of spans are whole, each request is there once, and the answer counts them."""

import json
from collections import Counter

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.harness.meter import PARTITIONS
from benchmarks.inputs.spans import EVERY_NS, KINDS, REQUESTS, SPANS, START_NS, SpanTopic, messages_of
from streams.ingest.formats.format import Surroundings
from streams.ingest.formats.formats import FORMATS
from streams.ingest.formats.inputs import Input


@pytest.fixture(scope="module")
def made() -> SpanTopic:
    return SpanTopic((KINDS + 3) * SPANS)


def test_every_partition_has_as_many_messages(made: SpanTopic) -> None:
    assert made.messages == -(-(KINDS + 3) // PARTITIONS) * PARTITIONS


def test_a_message_is_that_of_its_kind_but_for_traces_requests_and_times(made: SpanTopic) -> None:
    number = KINDS + 1
    found = ExportTraceServiceRequest.FromString(made.message(number))
    drawn = ExportTraceServiceRequest.FromString(messages_of(2)[1])
    ours, theirs = (batch.resource_spans[0].scope_spans[0].spans for batch in (found, drawn))
    assert found.resource_spans[0].resource == drawn.resource_spans[0].resource
    for index, (ours_span, other) in enumerate(zip(ours, theirs, strict=True)):
        place = number * REQUESTS + index // 4
        assert ours_span.trace_id == (place + 1).to_bytes(16, "big")
        assert ours_span.start_time_unix_nano == START_NS + place * EVERY_NS
        lasted = other.end_time_unix_nano - other.start_time_unix_nano
        assert ours_span.end_time_unix_nano - ours_span.start_time_unix_nano == lasted
        assert (ours_span.name, ours_span.kind, ours_span.span_id) == (other.name, other.kind, other.span_id)
        said, before = (
            {attribute.key: attribute.value for attribute in span.attributes} for span in (ours_span, other)
        )
        for key in ("faas.invocation_id", "aws.request_id"):
            assert (key in said) == (key in before)
            if key in said:
                assert f"{place:012x}" in said.pop(key).string_value.lower()
                before.pop(key)
        assert said == before


def test_the_answer_is_what_the_format_reads(made: SpanTopic) -> None:
    source = Input("spans", FORMATS["otlp_proto"], Surroundings(), FORMATS)
    counted = Counter[tuple[int, int]]()
    ids = set[str]()
    for number in range(made.messages):
        lines = source.lines(made.message(number)).records
        for line in lines:
            event = json.loads(line)
            ids.add(event["id"])
            counted[number % PARTITIONS, int(event["ts"] // 10 * 10)] += 1
    assert made.answer.buckets == counted
    assert made.answer.records == made.messages
    assert len(ids) == made.messages * REQUESTS
