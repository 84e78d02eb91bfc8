"""Messages as protobuf: their attributes, and how many parts they have, before these are made.

Two bytes on the wire can become hundreds in memory: an empty span, or an empty resource. Whatever its signal,
a message has resources in its field 1, a resource scopes in its field 2, and a scope spans, log records or
metrics in its field 2.
"""

from collections.abc import Iterable
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from streams.ingest.formats.format import MOST_RECORDS
from streams.ingest.formats.otlp.attributes import MOST_TEXTS, Attributes, Value
from streams.ingest.formats.otlp.message import bounded
from streams.ingest.formats.otlp.span import NO_ATTRIBUTES

SMALL: Final = 2 * MOST_RECORDS
"""Bytes of a message that has too few parts to count them: an empty one takes two."""


def attributes_of(attributes: Iterable[KeyValue], wanted: frozenset[str]) -> Attributes:
    """Return the attributes that are wanted."""
    found: dict[str, Value] = {}
    for attribute in attributes:
        key = attribute.key
        if key in wanted:
            value = attribute.value
            if text := value.string_value:  # most are texts; only an empty one may be something else
                found[key] = text
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
                item.string_value
                for item in value.array_value.values[:MOST_TEXTS]
                if item.string_value or item.HasField("string_value")
            ]
        case _:
            return None


def _shallow() -> Any:
    """Return a message whose fields are read as bytes, whatever is in them."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="uneri/shallow.proto", package="uneri", syntax="proto3")
    message = file.message_type.add(name="Shallow")
    for number, name in ((1, "first"), (2, "second")):
        message.field.add(name=name, number=number, type=field.TYPE_BYTES, label=field.LABEL_REPEATED)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("uneri.Shallow"))


_SHALLOW: Final = _shallow()


def bound_parts(payload: bytes) -> None:
    """Refuse a message of more resources, scopes or spans than a payload may have.

    Bytes that are no protobuf pass: their reader refuses them.

    Raises
    ------
    RefusalError
        When there are more than ``MOST_RECORDS`` of them.
    """
    if len(payload) <= SMALL:
        return
    scopes, parts = 0, 0
    try:
        resources = _SHALLOW.FromString(payload).first
        bounded(len(resources))
        for resource in resources:
            found = _SHALLOW.FromString(resource).second
            scopes += len(found)
            bounded(scopes)
            for scope in found:
                parts += len(_SHALLOW.FromString(scope).second)
                bounded(parts)
    except DecodeError:
        return
