"""The content of a file: decompressed as its name says, divided into lines or into payloads of a format."""

import gzip
import io
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from detectors.state import zstd
from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.inputs import Input, converted
from streams.ingest.formats.payloads import Payload, divided

READ: Final = 1024 * 1024
"""Bytes that are decompressed at a time: a hundred kilobytes of a file may become gigabytes."""

BATCH_BYTES: Final = 256 * 1024
_ENDS: Final = 8  # payloads at either end of a file that are asked for the times of its records


def decompress(file: Path, raw: BinaryIO, skip: int = 0, most: int | None = None) -> Iterator[bytes]:
    """Yield the content of a file in parts of at most ``most`` bytes, from (uncompressed) byte ``skip`` on.

    The suffix of its name decides the compression; skipped bytes of a compressed file are decompressed all
    the same. ``raw`` is the file, opened at its beginning.

    Raises
    ------
    OSError, EOFError, zstd.ZstdError
        When the file is damaged or truncated.
    """
    content = gzip.GzipFile(fileobj=raw) if file.suffix == ".gz" else _without_zstd(file, raw)
    content.seek(skip)
    while data := content.read(most or READ):
        yield data


def _without_zstd(file: Path, raw: BinaryIO) -> BinaryIO | zstd.ZstdFile:
    if file.suffix != ".zst" or not raw.read(1):  # nothing has no frame, which would be an error
        return raw
    raw.seek(0)
    return zstd.ZstdFile(raw)


class PayloadRun(NamedTuple):
    """Consecutive payloads of a file, one at least."""

    payloads: Sequence[bytes]
    after: Sequence[int]  # by payload: how much of the file was read with it, in payloads or rows
    part: float  # fraction of the file read


def read_payloads(file: Path, raw: BinaryIO, input_: Input, size: int, skip: int = 0) -> Iterator[PayloadRun]:
    """Yield the payloads of a file, divided as ``uneri try`` does, from number ``skip`` on.

    Raises
    ------
    ValueError, OSError, EOFError, zstd.ZstdError
        When the file is damaged.
    """
    batch: list[bytes] = []
    held, number = 0, skip
    for payload in islice(_divided(file, raw, input_), skip, None):
        if payload.refusal is not None and payload.refusal.reason is RejectReason.DAMAGED:
            raise ValueError(payload.refusal.detail)
        number += 1
        batch.append(payload.content)
        held += len(payload.content)
        if held >= BATCH_BYTES:
            yield PayloadRun(batch, _up_to(number, batch), min(raw.tell() / max(size, 1), 1.0))
            batch, held = [], 0
    if batch:
        yield PayloadRun(batch, _up_to(number, batch), 1.0)


def _up_to(number: int, batch: list[bytes]) -> range:
    return range(number - len(batch) + 1, number + 1)


def end_records(file: Path, raw: BinaryIO, input_: Input) -> tuple[list[bytes], list[bytes]]:
    """Return the records of the first and of the last payloads of a file."""
    payloads = _divided(file, raw, input_)
    first = list(islice(payloads, _ENDS))
    last = deque(first, maxlen=_ENDS)
    last.extend(payloads)
    head, tail = (
        [record for run in converted(input_, [payload.content for payload in some]) for record in run.records]
        for some in (first, last)
    )
    return head, tail


def _divided(file: Path, raw: BinaryIO, input_: Input) -> Iterator[Payload]:
    content = raw
    if file.suffix == ".zst":
        content = io.BufferedReader(_without_zstd(file, raw))  # type: ignore[type-var] # as a raw file
    return divided(content, input_.claims).payloads  # type: ignore[arg-type] # both are buffered readers
