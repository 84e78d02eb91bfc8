"""History in files: NDJSON, plain, gzip or zstd; one file, several, or a folder of them."""

import gzip
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec
import zstandard

from streams.intake_http import split_lines
from streams.parse import stamp_of
from streams.replay_source import Piece, ReplayError

READ = 1024 * 1024
SUFFIXES = (".ndjson", ".jsonl", ".json", ".log")
PACKED = ("", ".gz", ".zst")


class FileHistory:
    """Files read one after the other, in the order given; the files of a folder by name.

    All of them are one source partition, as they would be had they been followed.

    Parameters
    ----------
    paths
        Files and folders.
    start, end
        Epoch seconds: only events from ``start`` on and before ``end``. A record whose time cannot be read is
        kept, so that it is dead-lettered with its reason.

    Raises
    ------
    ReplayError
        When a path is missing or a folder holds nothing to read.
    """

    partitions = ("files/0",)

    def __init__(self, paths: Sequence[Path], start: float | None = None, end: float | None = None) -> None:
        self._start = -math.inf if start is None else start
        self._end = math.inf if end is None else end
        self._all = start is None and end is None
        self._files = [file for path in paths for file in _files_of(path)]
        self._bytes = sum(file.stat().st_size for file in self._files)

    def pieces(self) -> Iterator[Piece]:
        """Yield runs of records in file order."""
        done = 0
        for file in self._files:
            with file.open("rb") as raw:
                try:
                    yield from self._of_file(file, raw, done)
                except (OSError, EOFError, zstandard.ZstdError) as error:
                    raise ReplayError(
                        f"{file}: {error}; the file is damaged or not what its name says"
                    ) from error
            done += file.stat().st_size
        yield Piece(self.partitions[0], None, 1.0)

    def _of_file(self, file: Path, raw: BinaryIO, done: int) -> Iterator[Piece]:
        rest = b""
        for data in _unpacked(file, raw):
            whole, line_end, rest = (rest + data).rpartition(b"\n")
            if line_end:
                yield self._piece(whole, done + raw.tell())
        if rest:
            yield self._piece(rest, done + raw.tell())

    def _piece(self, lines: bytes, read: int) -> Piece:
        records = split_lines(lines)
        if not self._all:
            records = [
                record for record in records if self._start <= _time_of(record, self._start) < self._end
            ]
        return Piece(self.partitions[0], records, min(read / max(self._bytes, 1), 1.0))


class _Stamped(msgspec.Struct):
    ts: float | str | None = None


_stamped = msgspec.json.Decoder(_Stamped)


def _time_of(record: bytes, unknown: float) -> float:
    try:
        found = stamp_of(_stamped.decode(record).ts)
    except msgspec.MsgspecError:
        return unknown
    return found if isinstance(found, float) else unknown


def _unpacked(file: Path, raw: BinaryIO) -> Iterator[bytes]:
    if file.suffix == ".zst":
        yield from _unpacked_zstd(raw)
        return
    stream = gzip.GzipFile(fileobj=raw) if file.suffix == ".gz" else raw
    while data := stream.read(READ):
        yield data


def _unpacked_zstd(raw: BinaryIO) -> Iterator[bytes]:
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


def _files_of(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if path.exists() and not path.is_dir():
        raise ReplayError(f"{path}: is no file; replay reads files and folders")
    if not path.is_dir():
        raise ReplayError(f"{path}: no such file or folder")
    endings = tuple(suffix + packed for suffix in SUFFIXES for packed in PACKED)
    found = sorted(file for file in path.rglob("*") if file.is_file() and file.name.endswith(endings))
    if not found:
        raise ReplayError(
            f"{path}: holds no events; files must end in {', '.join(SUFFIXES)}, also .gz and .zst"
        )
    return found
