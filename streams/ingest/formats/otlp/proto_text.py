"""Protobuf whose texts are no UTF-8: some senders write what a visitor sent, and the parser refuses it.

The messages are read by twins of their types, in which texts are bytes: the wire form of both is the same.
"""

from functools import cache
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FieldDescriptor, FileDescriptor
from google.protobuf.message import DecodeError, Message

_FIELD: Final = descriptor_pb2.FieldDescriptorProto


def readable_proto(payload: bytes, of: type[Message]) -> bytes | None:
    """Return a message with U+FFFD in the place of what is no character; None if it is none of this type."""
    twin = _twin(of.DESCRIPTOR.full_name)()
    try:
        twin.ParseFromString(payload)
    except DecodeError:
        return None
    _mend(twin)
    return bytes(twin.SerializeToString())


def _mend(message: Any) -> None:
    for field, value in message.ListFields():
        if field.name not in _texts(message.DESCRIPTOR.full_name):
            if field.type == FieldDescriptor.TYPE_MESSAGE:
                for part in value if field.is_repeated else (value,):
                    _mend(part)
        elif field.is_repeated:
            value[:] = [_mended(text) for text in value]
        else:
            setattr(message, field.name, _mended(value))


def _mended(text: bytes) -> bytes:
    return text.decode(errors="replace").encode()


@cache
def _texts(name: str) -> frozenset[str]:
    """Return the fields of a type that are texts."""
    own = descriptor_pool.Default().FindMessageTypeByName(name)
    return frozenset(field.name for field in own.fields if field.type == FieldDescriptor.TYPE_STRING)


@cache
def _twin(name: str) -> type[Message]:
    pool = descriptor_pool.DescriptorPool()
    _add(pool, descriptor_pool.Default().FindMessageTypeByName(name).file, set())
    twin: type[Message] = message_factory.GetMessageClass(pool.FindMessageTypeByName(name))
    return twin


def _add(pool: descriptor_pool.DescriptorPool, file: FileDescriptor, added: set[str]) -> None:
    if file.name in added:
        return
    added.add(file.name)
    for needed in file.dependencies:
        _add(pool, needed, added)
    copied = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(copied)
    waiting = list(copied.message_type)
    while waiting:
        message = waiting.pop()
        waiting += message.nested_type
        for field in message.field:
            if field.type == _FIELD.TYPE_STRING:
                field.type = _FIELD.TYPE_BYTES
    pool.Add(copied)
