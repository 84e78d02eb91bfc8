"""Whole lines of a growing file, a pipe or a connection become native records."""

import asyncio
from collections.abc import Callable
from typing import Final

from streams.ingest.formats.inputs import Input
from streams.ingest.receivers.read_payload import reader_of
from streams.ingest.receivers.request_lines import split_lines
from streams.ingest.registry.registry_client import RegistryError

AT_ONCE: Final = 10_000
"""Lines that a format reads at once: it bounds what one payload may hold."""

_POLL: Final = 0.5  # seconds

LineReader = Callable[[bytes], list[bytes]]
"""Makes native records, or what becomes a dead letter, of whole lines."""


def line_reader(source: Input | None) -> LineReader:
    """Return what reads the lines of a source; None for native records, whose lines stay as they are."""
    if source is None:
        return split_lines
    read = reader_of(source)

    def read_lines(block: bytes) -> list[bytes]:
        lines, records = split_lines(block), list[bytes]()
        for first in range(0, len(lines), AT_ONCE):
            records += read(b"\n".join(lines[first : first + AT_ONCE])).lines
        return records

    return read_lines


async def lines_of(read: LineReader, block: bytes) -> list[bytes]:
    """Return what whole lines become, read in a thread; waits while a schema registry is down."""
    while True:
        try:
            return await asyncio.to_thread(read, block)
        except RegistryError:  # which says so itself
            await asyncio.sleep(_POLL)
