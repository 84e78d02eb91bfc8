"""Reading what needs schemas: what is not at hand is got by whoever reads, and then all is read again."""

from collections.abc import Callable, Collection
from typing import Final, Protocol

from streams.ingest.formats.envelopes.confluent import Schema, SchemaId
from streams.ingest.formats.format import Reading

MOST_AT_ONCE: Final = 100
"""Schemas that one payload may need: beyond them, what needs another is refused."""

MOST_READINGS: Final = 10
"""Times that one payload is read again: one is enough, unless what it needs was given up meanwhile."""


class Schemas(Protocol):
    """The schemas that are at hand, and the way to others."""

    def get(self, schema: SchemaId) -> Schema | None:
        """Return a schema, None if it is not at hand."""
        ...

    def fetch(self, needed: Collection[SchemaId]) -> None:
        """Have these at hand; else, raise what ends the reading."""
        ...


class SchemasNeededError(Exception):
    """A payload cannot be read before these schemas are at hand."""

    def __init__(self, needed: Collection[SchemaId]) -> None:
        super().__init__(f"schemas are needed: {', '.join(map(str, needed))}")
        self.needed = needed


class SchemasAtHand:
    """Those that are at hand, for whoever gets others elsewhere than within a reading.

    Parameters
    ----------
    get
        Returns them.
    """

    def __init__(self, get: Callable[[SchemaId], Schema | None]) -> None:
        self.get = get

    def fetch(self, needed: Collection[SchemaId]) -> None:
        """Raise ``SchemasNeededError``."""
        raise SchemasNeededError(needed)


def read_with(schemas: Schemas | None, read: Callable[[], Reading]) -> Reading:
    """Return what ``read`` does, with all the schemas that it needs at hand."""
    reading = read()
    if schemas is None:
        return reading
    for _ in range(MOST_READINGS):
        needed = dict.fromkeys(one.needs for one in reading.refused if one.needs is not None)
        if not needed or len(needed) > MOST_AT_ONCE:
            break
        schemas.fetch(list(needed))
        reading = read()
    return reading
