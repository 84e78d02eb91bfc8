"""Attributes as protobuf has them."""

from collections.abc import Iterable

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from streams.ingest.formats.otlp.attributes import MOST_TEXTS, Attributes, Value
from streams.ingest.formats.otlp.span import NO_ATTRIBUTES


def attributes_of(attributes: Iterable[KeyValue], wanted: frozenset[str]) -> Attributes:
    """Return those that are read."""
    found: dict[str, Value] = {}
    for attribute in attributes:
        key = attribute.key
        if key in wanted:
            value = attribute.value
            said = value.string_value  # most are texts; only an empty one may be something else
            if said:
                found[key] = said
            elif (other := _value(value)) is not None:
                found[key] = other
    return found or NO_ATTRIBUTES


def _value(value: AnyValue) -> Value | None:
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value
        case "int_value":
            return value.int_value
        case "bool_value":
            return value.bool_value
        case "double_value":
            return value.double_value
        case "array_value":
            return [
                each.string_value
                for each in value.array_value.values[:MOST_TEXTS]
                if each.string_value or each.HasField("string_value")
            ]
        case _:
            return None
