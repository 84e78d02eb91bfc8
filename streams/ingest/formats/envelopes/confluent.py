"""The envelope ``confluent``: records framed for a schema registry, as its serializers write them to Kafka.

A frame is a zero and the number of a schema (four bytes), or a one and its GUID (sixteen bytes). What follows
is JSON, or Avro by that schema; Protobuf is refused by name. What a record means is up to the format that its
JSON looks like: docs/event.md's, or a mapping of the configuration.

Nothing here calls a registry. A record whose schema is not at hand is a refusal that names it
(``Refused.needs``); the reader of the source fetches it, waits while the registry is down, and reads again.
"""

from collections.abc import Callable, Collection
from typing import Final, NamedTuple, Protocol

from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.envelopes.envelope import Enclosed, Opened
from streams.ingest.formats.format import Reading, RefusalError, Refused, Surroundings

SchemaId = int | str
"""The number of a schema in its registry, or its GUID as 32 hex digits."""

_NUMBERED: Final = 0
_NUMBERED_BYTES: Final = 5
_BY_GUID: Final = 1
_BY_GUID_BYTES: Final = 17

MOST_AT_ONCE: Final = 100
"""Schemas that one payload may need; beyond them, records that need another are refused."""

MOST_READINGS: Final = 10
"""Times that one payload is read again: one is enough, unless a schema was dropped meanwhile."""


class Frame(NamedTuple):
    """A record in its frame."""

    schema: SchemaId
    body: bytes


class Schema(Protocol):
    """Reads the records of a schema."""

    def as_json(self, body: bytes) -> bytes:
        """Return a record as JSON.

        Raises
        ------
        RefusalError
            When it is no record of this schema.
        """
        ...


class SchemaNeededError(RefusalError):
    """The schema of a record is not at hand."""

    def __init__(self, schema: SchemaId) -> None:
        super().__init__(RejectReason.UNKNOWN_FORMAT, f"the schema {schema} is not at hand")
        self.schema: Final = schema

    def of(self, payload: bytes) -> Refused:
        """Return the refusal of these bytes, with the schema that they need."""
        return super().of(payload)._replace(needs=self.schema)


class JsonSchema:
    """A schema of JSON, whose records are JSON already."""

    def as_json(self, body: bytes) -> bytes:
        """Return the record."""
        return body


class UnreadSchema:
    """A schema by which nothing is read, and why."""

    def __init__(self, why: str) -> None:
        self._why = why

    def as_json(self, body: bytes) -> bytes:  # noqa: ARG002 - as of other schemas
        """Refuse the record."""
        raise RefusalError(RejectReason.UNKNOWN_FORMAT, self._why)


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
    """Removes frames. ``schema`` returns a schema that is at hand; without a registry, only JSON is read."""

    name: Final = "confluent"

    def __init__(self, schema: Callable[[SchemaId], Schema | None] | None = None) -> None:
        self._schema = schema

    def looks_like(self, payload: bytes) -> bool:
        """Return whether a payload begins with a frame: no other format begins with its first bytes."""
        first = payload[:1]
        return (first == b"\0" and len(payload) > _NUMBERED_BYTES) or (
            first == b"\1" and len(payload) > _BY_GUID_BYTES
        )

    def opened(self, payload: bytes, around: Surroundings) -> Opened:
        """Return the record in a frame, as JSON."""
        framed, body = frame_of(payload)
        if self._schema is not None:
            schema = self._schema(framed)
            if schema is None:
                raise SchemaNeededError(framed)
            return Opened([Enclosed(schema.as_json(body), around)])
        if body.strip()[:1] + body.strip()[-1:] not in {b"{}", b"[]"}:
            raise RefusalError(
                RejectReason.UNKNOWN_FORMAT,
                f"of the schema {framed}, and not JSON; set sources.registry to have it read by its schema",
            )
        return Opened([Enclosed(body, around)])


class Schemas(Protocol):
    """The schemas that are at hand, and the way to others."""

    def get(self, schema: SchemaId) -> Schema | None:
        """Return a schema, None if it is not at hand."""
        ...

    def fetch(self, needed: Collection[SchemaId]) -> None:
        """Fetch these; raise an error to end the reading."""
        ...


class SchemasNeededError(Exception):
    """A payload cannot be read before these schemas are at hand."""

    def __init__(self, needed: Collection[SchemaId]) -> None:
        super().__init__(f"schemas are needed: {', '.join(map(str, needed))}")
        self.needed = needed


class SchemasAtHand:
    """Schemas that are at hand, for readers that fetch others outside of a reading."""

    def __init__(self, get: Callable[[SchemaId], Schema | None]) -> None:
        self.get = get

    def fetch(self, needed: Collection[SchemaId]) -> None:
        """Raise ``SchemasNeededError``."""
        raise SchemasNeededError(needed)


def read_with(schemas: Schemas | None, read: Callable[[], Reading]) -> Reading:
    """Return the reading with all the schemas that it needs at hand."""
    reading = read()
    if schemas is None:
        return reading
    for _ in range(MOST_READINGS):
        needed = dict.fromkeys(refused.needs for refused in reading.refused if refused.needs is not None)
        if not needed or len(needed) > MOST_AT_ONCE:
            break
        schemas.fetch(list(needed))
        reading = read()
    return reading
