"""The envelope ``confluent``: records framed for a schema registry, as its serializers write them to Kafka.

A frame is a zero and the number of a schema (four bytes), or a one and its GUID (sixteen bytes). What follows
is JSON, or Avro by that schema; Protobuf is refused by name. What a record means is up to the format that its
JSON looks like: docs/event.md's, or a mapping of the configuration.

Nothing here asks a registry. Who reads a source finds out by ``frame_of`` which schemas its records need,
gets them, waits where the registry is down, and hands them over; a schema that is not there is a refusal.
"""

from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from streams.decode.rejected import RejectReason
from streams.formats.envelopes.envelope import Enclosed, Opened
from streams.formats.format import RefusalError, Surroundings

SchemaId = int | str
"""The number of a schema in its registry, or its GUID as 32 hex digits."""

_NUMBERED: Final = 0
_NUMBERED_BYTES: Final = 5
_BY_GUID: Final = 1
_BY_GUID_BYTES: Final = 17


class Frame(NamedTuple):
    """A record in its frame."""

    schema: SchemaId
    body: bytes


class Schema(Protocol):
    """What the records of a schema say."""

    def as_json(self, body: bytes) -> bytes:
        """Return a record as JSON.

        Raises
        ------
        RefusalError
            When it is no record of this schema.
        """
        ...


class JsonSchema:
    """A schema of JSON: its records are what they are."""

    def as_json(self, body: bytes) -> bytes:
        """Return the record."""
        return body


class UnreadSchema:
    """A schema of a kind that is not read.

    Parameters
    ----------
    kind
        As the registry names it: ``PROTOBUF``.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def as_json(self, body: bytes) -> bytes:  # noqa: ARG002 - of no use
        """Refuse the record."""
        raise RefusalError(
            RejectReason.UNKNOWN_FORMAT, f"the schema is of the kind {self._kind}; JSON and AVRO are read"
        )


def frame_of(payload: bytes) -> Frame:
    r"""Return a record without its frame, and which schema it is of.

    Raises
    ------
    RefusalError
        When it has no frame.

    Examples
    --------
    >>> frame_of(b"\0\0\0\0\x07{}")
    Frame(schema=7, body=b'{}')
    """
    if not payload:
        raise RefusalError(RejectReason.EMPTY, "the record is empty")
    if payload[0] == _NUMBERED and len(payload) >= _NUMBERED_BYTES:
        return Frame(int.from_bytes(payload[1:_NUMBERED_BYTES]), payload[_NUMBERED_BYTES:])
    if payload[0] == _BY_GUID and len(payload) >= _BY_GUID_BYTES:
        return Frame(payload[1:_BY_GUID_BYTES].hex(), payload[_BY_GUID_BYTES:])
    raise RefusalError(RejectReason.DAMAGED, "no frame of a schema registry: 0 and a number, or 1 and a GUID")


class Confluent:
    """Takes frames off.

    Parameters
    ----------
    schema
        Returns the schema of an id, None if it is not known. Without any, JSON is read.
    """

    name: Final = "confluent"

    def __init__(self, schema: Callable[[SchemaId], Schema | None] = lambda _: None) -> None:
        self._schema = schema

    def looks_like(self, payload: bytes) -> bool:
        """Return whether a payload begins with a frame: no other format begins with its first bytes."""
        first = payload[:1]
        return (first == b"\0" and len(payload) > _NUMBERED_BYTES) or (
            first == b"\1" and len(payload) > _BY_GUID_BYTES
        )

    def opened(self, payload: bytes, around: Surroundings) -> Opened:
        """Return what a frame holds, as JSON."""
        framed, body = frame_of(payload)
        schema = self._schema(framed)
        if schema is not None:
            return Opened([Enclosed(schema.as_json(body), around)])
        if body.strip()[:1] + body.strip()[-1:] not in {b"{}", b"[]"}:
            raise RefusalError(
                RejectReason.UNKNOWN_FORMAT,
                f"the schema {framed} is not known; only JSON is read without one",
            )
        return Opened([Enclosed(body, around)])
