"""Encodings of spans that a collector can also write to Kafka, refused by name."""

import re
from typing import Final

from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.format import RefusalError

_HEAD: Final = 65_536
_IDS: Final = rb"\x0a(?:\x10.{16}|\x08.{8})"
_ENCODINGS: Final = (
    ("jaeger_proto", re.compile(rb"\x0a\x10.{16}\x12\x08.{8}[\x1a\x22\x28\x32]", re.DOTALL)),
    (
        "zipkin_proto",
        re.compile(rb"\x0a(?:[\x80-\xff]{0,4}[\x00-\x7f])" + _IDS + rb"(?:\x12\x08.{8})?\x1a\x08", re.DOTALL),
    ),
    ("zipkin_thrift", re.compile(rb"\x0c[\x00-\x7f].{3}\x0a\x00\x01", re.DOTALL)),
    ("jaeger_json", re.compile(rb'\s*\{(?=.*"trace(?:ID|Id)")(?=.*"operationName")', re.DOTALL)),
    (
        "zipkin_json",
        re.compile(rb'\s*\[\s*\{(?=.*"traceId")(?=.*"(?:localEndpoint|timestamp|duration|name)")', re.DOTALL),
    ),
)


def refuse_stranger(payload: bytes) -> None:
    """Refuse spans of Jaeger and Zipkin, with the remedy; what is neither passes.

    Raises
    ------
    RefusalError
        When the payload is in an encoding of theirs.
    """
    head = payload[:_HEAD]
    for name, encoding in _ENCODINGS:
        if encoding.match(head):
            raise RefusalError(
                RejectReason.UNKNOWN_FORMAT,
                f"this looks like {name}; let the collector's exporter write otlp_proto or otlp_json",
            )
