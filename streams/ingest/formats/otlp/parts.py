"""How many parts a message of protobuf has, before they are made.

Two bytes on the wire can become hundreds in memory: an empty span, or an empty resource. Whatever its signal,
a message has resources in its field 1, a resource scopes in its field 2, and a scope spans, log records or
metrics in its field 2.
"""

from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from streams.ingest.formats.otlp.message import bounded

SMALL: Final = 1024 * 1024
"""Bytes of a message that may hold nothing but empty parts."""


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

    What is no protobuf passes: its reader says so.

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
