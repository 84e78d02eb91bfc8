"""Files of payloads in a format: divided as ``uneri try`` does, and converted on the way."""

import io
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.converted import converted
from streams.ingest.formats.formats import recognised
from streams.ingest.formats.inputs import Input
from streams.ingest.formats.payloads import Payload, divided
from streams.offline.sources.unpacked import unpacked_zstd

BATCH_BYTES: Final = 256 * 1024
_ENDS: Final = 8  # payloads at either end of a file that are asked for the times of its records


class PayloadRun(NamedTuple):
    """Consecutive payloads of a file, and how many of it were read with them."""

    payloads: list[bytes]
    read: int
    part: float  # fraction of the file read


def payloads_of(file: Path, raw: BinaryIO, source: Input, size: int, skip: int = 0) -> Iterator[PayloadRun]:
    """Yield the payloads of a file from number ``skip`` on.

    Raises
    ------
    ValueError, OSError, EOFError, zstd.ZstdError
        When the file is damaged.
    """
    batch: list[bytes] = []
    held, number = 0, skip
    for payload in islice(_divided(file, raw, source), skip, None):
        if payload.refusal is not None and payload.refusal.reason is RejectReason.DAMAGED:
            raise ValueError(payload.refusal.detail)
        number += 1
        batch.append(payload.content)
        held += len(payload.content)
        if held >= BATCH_BYTES:
            yield PayloadRun(batch, number, min(raw.tell() / max(size, 1), 1.0))
            batch, held = [], 0
    if batch:
        yield PayloadRun(batch, number, 1.0)


def ends_of(file: Path, raw: BinaryIO, source: Input) -> tuple[list[bytes], list[bytes]]:
    """Return the records of the first and of the last payloads of a file."""
    payloads = _divided(file, raw, source)
    first = list(islice(payloads, _ENDS))
    last = deque(first, maxlen=_ENDS)
    last.extend(payloads)
    head, tail = (
        [record for run in converted(source, [payload.content for payload in some]) for record in run.records]
        for some in (first, last)
    )
    return head, tail


def _divided(file: Path, raw: BinaryIO, source: Input) -> Iterator[Payload]:
    def claimed(content: bytes) -> bool:
        if source.format is not None:
            return source.format.looks_like(content)
        return recognised(content, source.formats) is not None

    content = io.BufferedReader(_Parts(unpacked_zstd(raw))) if file.suffix == ".zst" else raw
    return divided(content, claimed).payloads  # type: ignore[arg-type] # both are buffered readers


class _Parts(io.RawIOBase):
    """What comes in parts as a file."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        while not self._rest:
            part = next(self._parts, None)
            if part is None:
                return 0
            self._rest = memoryview(part)
        taken, self._rest = self._rest[: len(into)], self._rest[len(into) :]
        into[: len(taken)] = taken
        return len(taken)
