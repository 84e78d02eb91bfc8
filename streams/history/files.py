"""History in files: NDJSON, plain, gzip or zstd, and Parquet; one file, several, or a folder of them."""

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import msgspec
import zstandard
from pyarrow.lib import ArrowException

from streams.decode.parse import stamp_of
from streams.history.lines import lines_of
from streams.history.parquet import parquet_rows
from streams.history.source import Piece, ReplayError
from streams.history.unpacked import unpacked

SUFFIXES: Final = (".ndjson", ".jsonl", ".json", ".log")
PACKED: Final = ("", ".gz", ".zst")
PARQUET: Final = ".parquet"
LINE_BYTES: Final = (
    4 * 1024 * 1024
)  # as streams.local.follow reads: a longer line is cut, all of it dead letters
END: Final = "end"  # the place behind the last file, once the end was told


class _Place(NamedTuple):
    """Where to go on: in which file, and at which byte of what is unpacked, or at which row."""

    file: int
    at: int


class _Read(NamedTuple):
    """Records of a file, and where they end."""

    records: Sequence[bytes]
    next: int  # the byte of what is unpacked, or the row, behind them
    part: float  # of the file that was read


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
        found = [_stat_of(file) for file in self._files]
        self._sizes = [one.st_size for one in found]
        self._changed = [one.st_mtime_ns for one in found]
        self._bytes = max(sum(self._sizes), 1)
        self._place: _Place | None = _Place(0, 0)
        empty = [str(file) for file, size in zip(self._files, self._sizes, strict=True) if not size]
        self.notes = [f"{file}: is empty" for file in empty]

    @property
    def bounds(self) -> dict[str, Any]:
        """The files, with size and time of the last change at the beginning: they may change while read."""
        files = zip(self._files, self._sizes, self._changed, strict=True)
        return {"files": [[str(file), size, changed] for file, size, changed in files]}

    def resume(self, bounds: Mapping[str, Any], places: Mapping[str, Any]) -> None:
        """Go on where an earlier replay stopped.

        Raises
        ------
        ReplayError
            When a file has changed, came or went since.
        """
        before = {file: (size, time) for file, size, time in bounds["files"]}
        now = {file: (size, time) for file, size, time in self.bounds["files"]}
        for file in sorted(before.keys() | now.keys()):
            if before.get(file) != now.get(file):
                what = "has changed" if file in before and file in now else "came or went"
                raise ReplayError(f"{file}: {what} since the replay began; begin anew with --restart")
        place = places.get(self.partitions[0], [0, 0])
        self._place = None if place == END else _Place(*place)

    def pieces(self, level: Callable[[str], int] | None = None) -> Iterator[Piece]:  # noqa: ARG002 - one partition
        """Yield runs of records in file order."""
        if self._place is None:
            return
        first, skip = self._place
        before = sum(self._sizes[:first])
        for number in range(first, len(self._files)):
            file = self._files[number]
            try:
                with _opened(file) as raw:
                    read = self._rows if file.suffix == PARQUET else self._lines
                    for records, at, part in read(file, raw, skip):
                        share = min((before + self._sizes[number] * part) / self._bytes, 1.0)
                        yield Piece(self.partitions[0], self._wanted(records), share, [number, at])
            except (
                OSError,
                EOFError,
                zstandard.ZstdError,
                ArrowException,
                ValueError,
                OverflowError,
            ) as error:
                reason = str(error).partition("\n")[0]
                raise ReplayError(
                    f"{file}: {reason}; the file is damaged or not what its name says"
                ) from error
            before += self._sizes[number]
            skip = 0
        yield Piece(self.partitions[0], None, 1.0, END)

    @staticmethod
    def _lines(file: Path, raw: BinaryIO, skip: int) -> Iterator[_Read]:
        rest, at, size = b"", skip, max(os.fstat(raw.fileno()).st_size, 1)
        for data in unpacked(file, raw, skip):
            held, done = rest + data, 0
            while done < len(held):
                records, length = _next_lines(held, done)
                if not length:
                    break
                done += length
                at += length
                yield _Read(records, at, raw.tell() / size)
            rest = held[done:]
        if rest:
            yield _Read(lines_of(rest), at + len(rest), 1.0)

    @staticmethod
    def _rows(_: Path, raw: BinaryIO, skip: int) -> Iterator[_Read]:
        for rows in parquet_rows(raw, skip):
            yield _Read(rows.records, rows.next, rows.next / rows.of)

    def _wanted(self, records: Sequence[bytes]) -> Sequence[bytes]:
        if self._all:
            return records
        return [record for record in records if self._start <= _time_of(record, self._start) < self._end]


def _next_lines(held: bytes, begin: int) -> tuple[Sequence[bytes], int]:
    """Return the lines of what ``local.follow`` reads at a time, and how many bytes they are; 0 of none.

    A line that is longer is cut at so many bytes from its own beginning, wherever reading went on.
    """
    within = min(begin + LINE_BYTES, len(held))
    end = held.rfind(b"\n", begin, within) + 1
    if end:
        return lines_of(held[begin : end - 1]), end - begin
    if within - begin == LINE_BYTES:
        return [held[begin:within]], LINE_BYTES
    return [], 0


class _Stamped(msgspec.Struct):
    ts: float | str | None = None


_stamped = msgspec.json.Decoder(_Stamped)


def _time_of(record: bytes, unknown: float) -> float:
    try:
        found = stamp_of(_stamped.decode(record).ts)
    except msgspec.MsgspecError:
        return unknown
    return found if isinstance(found, float) else unknown


def _stat_of(file: Path) -> os.stat_result:
    try:
        return file.stat()
    except OSError as error:
        raise ReplayError(f"{file}: {error.strerror}") from error


def _opened(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except FileNotFoundError as error:
        raise ReplayError(f"{file}: was there when the replay began, and is not any more") from error
    except OSError as error:
        raise ReplayError(f"{file}: {error.strerror}") from error


def _files_of(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if path.exists() and not path.is_dir():
        raise ReplayError(f"{path}: is no file; replay reads files and folders")
    if not path.is_dir():
        raise ReplayError(f"{path}: no such file or folder")
    endings = (PARQUET, *(suffix + packed for suffix in SUFFIXES for packed in PACKED))
    found = sorted(file for file in path.rglob("*") if file.is_file() and file.name.endswith(endings))
    if not found:
        raise ReplayError(
            f"{path}: holds no events; files must end in {', '.join(SUFFIXES)}, also .gz and .zst, or in "
            f"{PARQUET}"
        )
    return found
