"""Reads a file as what it holds: plain, or packed by gzip or zstd, told apart by its name."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import zstandard

READ: Final = 1024 * 1024


def unpacked(file: Path, raw: BinaryIO, skip: int = 0) -> Iterator[bytes]:
    """Yield what is in a file, from a byte of the unpacked content on.

    Parameters
    ----------
    file
        Its name says how it is packed.
    raw
        The file, opened at its beginning.
    skip
        How many bytes are left out. Of a packed file they are unpacked all the same.

    Raises
    ------
    OSError, EOFError, zstandard.ZstdError
        When it is damaged or cut off.
    """
    if file.suffix not in {".gz", ".zst"}:
        raw.seek(skip)
        while data := raw.read(READ):
            yield data
        return
    for data in _zstd(raw) if file.suffix == ".zst" else _gzip(raw):
        if skip < len(data):
            yield data[skip:] if skip else data
        skip = max(0, skip - len(data))


def _gzip(raw: BinaryIO) -> Iterator[bytes]:
    stream = gzip.GzipFile(fileobj=raw)
    while data := stream.read(READ):
        yield data


def _zstd(raw: BinaryIO) -> Iterator[bytes]:
    """Unpack frame after frame; a frame that is cut off is an error, which the library's reader hides."""
    frame: zstandard.ZstdDecompressionObj | None = None
    while data := raw.read(READ // 8):
        while data:
            frame = frame or zstandard.ZstdDecompressor().decompressobj()
            yield frame.decompress(data)
            data = frame.unused_data if frame.eof else b""
            frame = None if frame.eof else frame
    if frame is not None:
        raise EOFError("Compressed file ended before its end")
