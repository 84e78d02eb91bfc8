"""History in files: NDJSON, plain, gzip or zstd, and Parquet; one file, several, or a folder of them."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import msgspec
import zstandard
from pyarrow.lib import ArrowException

from streams.intake_http import split_lines
from streams.parse import stamp_of
from streams.replay_parquet import parquet_records
from streams.replay_source import Piece, ReplayError
from streams.unpacked import unpacked

SUFFIXES: Final = (".ndjson", ".jsonl", ".json", ".log")
PACKED: Final = ("", ".gz", ".zst")
PARQUET: Final = ".parquet"
END: Final = "end"  # the place behind the last file, once the end was told


class _Place(NamedTuple):
    """Where to go on: in which file, and at which byte of what is unpacked, or at which row."""

    file: int
    at: int


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
        self._sizes = [file.stat().st_size for file in self._files]
        self._bytes = max(sum(self._sizes), 1)
        self._place: _Place | None = _Place(0, 0)
        empty = [str(file) for file, size in zip(self._files, self._sizes, strict=True) if not size]
        self.notes = [f"{file}: is empty" for file in empty]

    @property
    def bounds(self) -> dict[str, Any]:
        """The files, with size and time of the last change."""
        files = zip(self._files, self._sizes, strict=True)
        return {"files": [[str(file), size, file.stat().st_mtime_ns] for file, size in files]}

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
                with file.open("rb") as raw:
                    read = self._rows if file.suffix == PARQUET else self._lines
                    for records, at in read(file, raw, skip):
                        share = min((before + raw.tell()) / self._bytes, 1.0)
                        yield Piece(self.partitions[0], self._wanted(records), share, [number, at])
            except (OSError, EOFError, zstandard.ZstdError, ArrowException) as error:
                reason = str(error).partition("\n")[0]
                raise ReplayError(
                    f"{file}: {reason}; the file is damaged or not what its name says"
                ) from error
            before += self._sizes[number]
            skip = 0
        yield Piece(self.partitions[0], None, 1.0, END)

    @staticmethod
    def _lines(file: Path, raw: BinaryIO, skip: int) -> Iterator[tuple[list[bytes], int]]:
        """Yield whole lines, and at which byte of what is unpacked the next begins."""
        rest, at = b"", skip
        for data in unpacked(file, raw, skip):
            whole, line_end, rest = (rest + data).rpartition(b"\n")
            if line_end:
                at += len(whole) + 1
                yield split_lines(whole), at
        if rest:
            yield split_lines(rest), at + len(rest)

    @staticmethod
    def _rows(_: Path, raw: BinaryIO, skip: int) -> Iterator[tuple[list[bytes], int]]:
        """Yield rows as records, and which row is next."""
        at = skip
        for records in parquet_records(raw, skip):
            at += len(records)
            yield records, at

    def _wanted(self, records: list[bytes]) -> list[bytes]:
        if self._all:
            return records
        return [record for record in records if self._start <= _time_of(record, self._start) < self._end]


class _Stamped(msgspec.Struct):
    ts: float | str | None = None


_stamped = msgspec.json.Decoder(_Stamped)


def _time_of(record: bytes, unknown: float) -> float:
    try:
        found = stamp_of(_stamped.decode(record).ts)
    except msgspec.MsgspecError:
        return unknown
    return found if isinstance(found, float) else unknown


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
