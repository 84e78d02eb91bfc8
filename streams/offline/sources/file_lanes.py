"""Files in the order of their times; those that overlap in time are read beside each other.

Logs are often cut by host and hour, so that the order of their names is not that of their records, and one
after the other most of them would be late.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import msgspec

from detectors.state import zstd
from streams.engine.decode.parse import stamp_of
from streams.ingest.formats.inputs import Input
from streams.ingest.formats.json_payload import JSON_ERRORS
from streams.offline.sources.file_content import decompress, end_records
from streams.process.machine import cores

PARQUET: Final = ".parquet"
TOGETHER_SECONDS: Final = 10.0
"""Files that overlap by less are read one after the other: that much is not late."""
MOST_LANES: Final = 16

_LOOKED_AT: Final = 64 * 1024  # bytes at the beginning and the end of a file
_ROWS: Final = 100  # of a Parquet file
_UNKNOWN: Final = float("-inf")


class FileSpan(NamedTuple):
    """The times of the first and the last record of a file, epoch seconds; where none is readable, -inf."""

    first: float
    last: float


class _Stamped(msgspec.Struct):
    ts: float | str | None = None


_stamped = msgspec.json.Decoder(_Stamped)


def time_of(record: bytes) -> float | None:
    """Return the time of a record, epoch seconds; None if it has no readable one.

    Examples
    --------
    >>> time_of(b'{"ts": "2026-01-01T00:00:00Z"}'), time_of(b"no event")
    (1767225600.0, None)
    """
    try:
        found = stamp_of(_stamped.decode(record).ts)
    except JSON_ERRORS:
        return None
    return found if isinstance(found, float) else None


def span_of(file: Path, input_: Input | None = None) -> FileSpan:
    """Return the span of a file; a compressed one, or one in a format, is read whole."""
    try:
        with file.open("rb") as raw:
            if file.suffix == PARQUET:
                first, last = _ends_of_rows(raw)
            elif input_ is not None:
                first, last = end_records(file, raw, input_)
            else:
                first, last = _ends_of_lines(file, raw)
    except (OSError, EOFError, zstd.ZstdError, ValueError):
        return FileSpan(_UNKNOWN, _UNKNOWN)  # reading it will raise the reason
    begin = next((at for at in map(time_of, first) if at is not None), _UNKNOWN)
    end = next((at for at in map(time_of, reversed(last)) if at is not None), begin)
    return FileSpan(begin, max(begin, end))


def _ends_of_lines(file: Path, raw: BinaryIO) -> tuple[list[bytes], list[bytes]]:
    head = tail = b""
    if file.suffix not in (".gz", ".zst"):
        head = raw.read(_LOOKED_AT)
        raw.seek(max(file.stat().st_size - _LOOKED_AT, 0))
        tail = raw.read()
    else:
        # as much as stays in the processor's cache: twice as fast as whole megabytes
        for data in decompress(file, raw, most=2 * _LOOKED_AT):
            head = head or data[:_LOOKED_AT]
            tail = data if len(data) >= _LOOKED_AT else tail + data
            tail = tail[-_LOOKED_AT:]
    return head.splitlines(), tail.splitlines()


def _ends_of_rows(raw: BinaryIO) -> tuple[Sequence[bytes], Sequence[bytes]]:
    from streams.offline.sources.parquet import parquet_rows

    some = next(parquet_rows(raw), None)
    if some is None:
        return [], []
    raw.seek(0)
    last = next(parquet_rows(raw, max(some.of - _ROWS, 0)), some)
    return some.records[:_ROWS], last.records


class FileLanes(NamedTuple):
    """Files, and the order in which they are read."""

    files: list[Path]  # by the time of their first record
    lanes: list[list[int]]  # indexes of files that are read one after the other
    crowded: bool  # more files overlap than there are lanes: some records will be late


def arrange_files(files: Sequence[Path], input_: Input | None = None) -> FileLanes:
    """Arrange files; those without readable times keep their order, at the beginning."""
    if len(files) == 1:
        return FileLanes(list(files), [[0]], crowded=False)
    # lines take as long as their decompression, which threads do at once; formats are converted in Python
    with ThreadPoolExecutor(cores() if input_ is None else 1) as pool:
        found = pool.map(lambda file: span_of(file, input_), files)
        spans = sorted(zip(found, range(len(files)), strict=True), key=lambda pair: pair[0].first)
    lanes: list[list[int]] = []
    ends: list[float] = []
    crowded = False
    for index, (span, _) in enumerate(spans):
        free = [lane for lane, end in enumerate(ends) if end <= span.first + TOGETHER_SECONDS]
        if not free and len(lanes) < MOST_LANES:
            lanes.append([index])
            ends.append(span.last)
            continue
        crowded = crowded or not free
        # the one that ended last: a log and its continuation stay together
        lane = max(free, key=ends.__getitem__) if free else min(range(len(lanes)), key=ends.__getitem__)
        lanes[lane].append(index)
        ends[lane] = max(ends[lane], span.last)
    return FileLanes([files[number] for _, number in spans], lanes, crowded)
