"""Reads plain, gzip and zstd files; the file name decides which."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from detectors.state import zstd

READ: Final = 1024 * 1024
MOST: Final = 4 * READ
"""Bytes that are decompressed at a time: a hundred kilobytes of a file may become gigabytes."""


def unpacked(file: Path, raw: BinaryIO, skip: int = 0, most: int = MOST) -> Iterator[bytes]:
    """Yield the uncompressed content of a file, starting ``skip`` bytes into it.

    Parameters
    ----------
    file
        The path, whose suffix names the compression.
    raw
        The file, opened at its beginning.
    skip
        Uncompressed bytes to leave out; of a compressed file, they are decompressed all the same.
    most
        Bytes to yield at a time, at most.

    Raises
    ------
    OSError, EOFError, zstd.ZstdError
        When the file is damaged or truncated.
    """
    if file.suffix not in {".gz", ".zst"}:
        raw.seek(skip)
        while data := raw.read(min(READ, most)):
            yield data
        return
    for data in unpacked_zstd(raw, most) if file.suffix == ".zst" else _gzip(raw, min(READ, most)):
        if skip < len(data):
            yield data[skip:] if skip else data
        skip = max(0, skip - len(data))


def _gzip(raw: BinaryIO, most: int) -> Iterator[bytes]:
    stream = gzip.GzipFile(fileobj=raw)
    while data := stream.read(most):
        yield data


def unpacked_zstd(raw: BinaryIO, most: int = MOST) -> Iterator[bytes]:
    """Decompress frame by frame, ``most`` bytes at a time.

    A truncated frame is an error, which the reader of the library ignores.

    Raises
    ------
    EOFError, zstd.ZstdError
        When the file is truncated or damaged.
    """
    frame: zstd.ZstdDecompressor | None = None
    while data := raw.read(READ // 8):
        while data:
            frame = frame or zstd.ZstdDecompressor()
            yield frame.decompress(data, most)
            while not (frame.eof or frame.needs_input):
                yield frame.decompress(b"", most)
            data = frame.unused_data if frame.eof else b""
            frame = None if frame.eof else frame
    if frame is not None:
        raise EOFError("Compressed file ended before the end-of-stream marker was reached")
