"""Recorded events in files and folders: NDJSON (plain, gzip or zstd) and Parquet."""

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

from detectors.state import zstd
from streams.engine.decode.records import Records
from streams.ingest.formats.inputs import Input, converted
from streams.offline.sources.file_content import PayloadRun, decompress, read_payloads
from streams.offline.sources.file_lanes import MOST_LANES, PARQUET, arrange_files, time_of
from streams.offline.sources.replay_error import ReplayError
from streams.offline.sources.source import Piece

SUFFIXES: Final = (".ndjson", ".jsonl", ".json", ".log")
PACKED: Final = ("", ".gz", ".zst")
LINE_BYTES: Final = 4 * 1024 * 1024
"""As in ``streams.drivers.local.line_inputs``: a longer line is cut, and its parts become dead letters."""

END: Final = "end"  # the place after the last file, once the end has been yielded


class _Place(NamedTuple):
    """Where reading continues: the index of the file, and a byte (uncompressed) or a row in it."""

    file: int
    at: int


class FileSource:
    """Files read in the order of their first records; those that overlap in time form source partitions.

    Files that are read one after the other are one partition, as if it had been followed.

    Parameters
    ----------
    start, end
        Epoch seconds: only events from ``start`` (inclusive) to ``end`` (exclusive). A record without a
        readable time is kept, so that it is dead-lettered with its reason.
    input_
        Converts the payloads of the files; None for files of native records.

    Raises
    ------
    ReplayError
        When a path does not exist, or a folder contains no event files.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        start: float | None = None,
        end: float | None = None,
        input_: Input | None = None,
    ) -> None:
        self._input = input_
        self._start = -math.inf if start is None else start
        self._end = math.inf if end is None else end
        self._all = start is None and end is None
        given = [file for path in paths for file in _files_of(path)]
        self._files, lanes, crowded = arrange_files(given, input_)
        self._at_start = [_stat_of(file) for file in self._files]
        self._sizes = [result.st_size for result in self._at_start]
        self._bytes = max(sum(self._sizes), 1)
        self._lanes = {f"files/{number}": lane for number, lane in enumerate(lanes)}
        self._places: dict[str, _Place | None] = {
            name: _Place(lane[0], 0) for name, lane in self._lanes.items()
        }
        self._done = dict.fromkeys(self._lanes, 0.0)  # bytes
        empty = [str(file) for file, size in zip(self._files, self._sizes, strict=True) if not size]
        self.notes = [f"{file}: empty file" for file in empty]
        if crowded:
            self.notes.append(
                f"more than {MOST_LANES} files overlap in time: records of some of them will be late; merge "
                "them first"
            )
        self.partitions = tuple(self._lanes)

    @property
    def bounds(self) -> dict[str, Any]:
        """The files with size and modification time on opening; they may change while being read."""
        files = zip(self._files, self._at_start, strict=True)
        return {"files": [[str(file), stat.st_size, stat.st_mtime_ns] for file, stat in files]}

    def resume(self, bounds: Mapping[str, Any], places: Mapping[str, Any]) -> None:
        """Resume an earlier replay; ``ReplayError`` when a file was changed, added or removed since."""
        before = {file: (size, time) for file, size, time in bounds["files"]}
        now = {file: (size, time) for file, size, time in self.bounds["files"]}
        for file in sorted(before.keys() | now.keys()):
            if before.get(file) != now.get(file):
                what = "added" if file not in before else "changed" if file in now else "removed"
                raise ReplayError(f"{file}: {what} since the replay started; start over with --restart")
        for name, lane in self._lanes.items():
            place = places.get(name, [lane[0], 0])
            self._places[name] = None if place == END else _Place(*place)
            if place == END:
                self._done[name] = sum(self._sizes[number] for number in lane)

    def pieces(self, level: Callable[[str], int] | None = None) -> Iterator[Piece]:
        """Yield the records of each partition in file order; the one that is furthest behind comes next."""
        left = {name: self._pieces(name, place) for name, place in self._places.items() if place is not None}
        while left:
            name = min(left, key=level or (lambda _: 0))
            piece = next(left[name], None)
            if piece is None:
                del left[name]
            else:
                yield piece

    def _pieces(self, name: str, place: _Place) -> Iterator[Piece]:
        lane, skip = self._lanes[name], place.at
        left = lane[lane.index(place.file) :]
        before = sum(self._sizes[number] for number in lane[: -len(left)])
        for number in left:
            file = self._files[number]
            try:
                with _opened(file) as raw:
                    _check_whole(file, raw, self._at_start[number])
                    for piece in self._file_pieces(name, number, raw, skip):
                        self._done[name] = before + self._sizes[number] * piece.done
                        yield piece._replace(done=self._share)
                    _check_whole(file, raw, self._at_start[number])
            except (OSError, EOFError, zstd.ZstdError, ValueError, OverflowError) as error:
                reason = str(error).partition("\n")[0]
                raise ReplayError(
                    f"{file}: {reason}; the file is damaged, or its suffix does not match its content"
                ) from error
            before += self._sizes[number]
            skip = 0
        self._done[name] = before
        yield Piece(name, None, self._share, END)

    def _file_pieces(self, name: str, number: int, raw: BinaryIO, skip: int) -> Iterator[Piece]:
        """Yield the pieces of a file; their ``done`` is the part of this file."""
        wanted = None if self._all else self._is_wanted
        for payloads, after, part in self._runs(number, raw, skip):
            if self._input is None:
                kept = payloads if wanted is None else list(filter(wanted, payloads))
                yield Piece(name, kept, part, [number, after[-1]])
                continue
            for run in converted(self._input, payloads, wanted=wanted):
                yield Piece(name, run.records, part, [number, after[run.payloads - 1]], converted=run)

    def _runs(self, number: int, raw: BinaryIO, skip: int) -> Iterator[PayloadRun]:
        file = self._files[number]
        if file.suffix == PARQUET:
            from streams.offline.sources.parquet import parquet_rows

            rows = parquet_rows(raw, skip)
            return (PayloadRun(some.records, some.after, some.after[-1] / some.of) for some in rows)
        if self._input is not None:
            return read_payloads(file, raw, self._input, self._sizes[number], skip)
        return _lines(file, raw, skip)

    @property
    def _share(self) -> float:
        """The part that is read, in [0, 1]."""
        return min(sum(self._done.values()) / self._bytes, 1.0)

    def _is_wanted(self, record: bytes) -> bool:
        at = time_of(record)
        return at is None or self._start <= at < self._end


def _lines(file: Path, raw: BinaryIO, skip: int) -> Iterator[PayloadRun]:
    """Yield the lines of a file, from (uncompressed) byte ``skip`` on; only the end of a run has a place."""
    rest, at, size = b"", skip, max(os.fstat(raw.fileno()).st_size, 1)
    for data in decompress(file, raw, skip):
        held, done = rest + data, 0
        while done < len(held):
            records, length = _next_lines(held, done)
            if not length:
                break
            done += length
            at += length
            yield PayloadRun(records, (at,), raw.tell() / size)
        rest = held[done:]
    if rest:
        yield PayloadRun(Records.of_lines(rest), (at + len(rest),), 1.0)


def _next_lines(held: bytes, begin: int) -> tuple[Sequence[bytes], int]:
    """Return the lines that ``local.follow`` would read at a time, and their size in bytes; 0 without any.

    A longer line is cut at multiples of LINE_BYTES from its own start, wherever reading resumed.
    """
    within = min(begin + LINE_BYTES, len(held))
    end = held.rfind(b"\n", begin, within) + 1
    if end:
        return Records.of_lines(held[begin : end - 1]), end - begin
    if within - begin == LINE_BYTES:
        return [held[begin:within]], LINE_BYTES
    return [], 0


def _stat_of(file: Path) -> os.stat_result:
    try:
        return file.stat()
    except OSError as error:
        raise ReplayError(f"{file}: {error.strerror}") from error


def _opened(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except FileNotFoundError as error:
        raise ReplayError(
            f"{file}: removed after the replay started; restore it, and run the same command again"
        ) from error
    except OSError as error:
        raise ReplayError(f"{file}: {error.strerror}") from error


def _check_whole(file: Path, raw: BinaryIO, before: os.stat_result) -> None:
    """Raise unless a file is the one that was there ``before``, or that and more: a log may still grow."""
    now = os.fstat(raw.fileno())
    same = (now.st_dev, now.st_ino) == (before.st_dev, before.st_ino)
    # some network file systems give a file another number whenever it is opened
    if (same or now.st_mtime_ns == before.st_mtime_ns) and now.st_size >= before.st_size:
        return
    what = "cut short" if same else "replaced"
    raise ReplayError(f"{file}: {what} after the replay started; start over with --restart")


def _files_of(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if path.exists() and not path.is_dir():
        raise ReplayError(f"{path}: not a regular file; give files or folders")
    if not path.is_dir():
        raise ReplayError(f"{path}: no such file or folder")
    endings = (PARQUET, *(suffix + packed for suffix in SUFFIXES for packed in PACKED))
    found = sorted(file for file in path.rglob("*") if file.is_file() and file.name.endswith(endings))
    if not found:
        raise ReplayError(
            f"{path}: no event files; names must end in {', '.join(SUFFIXES)} (also .gz or .zst) or {PARQUET}"
        )
    return found
