"""What was counted in a bucket or a step, per path and per call: mergeable, exact."""

from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.model.measures import SUMMED
from detectors.state.state import pack, unpack
from streams.decode.paths import OTHER
from streams.decode.values import COLUMNS
from streams.rollup.grouping import add_rows, group
from streams.rollup.narrow import columns_of, narrowed, narrowed_columns

ROOM: Final = 1024
"""Pieces are merged when they hold this many rows more than twice what they last came to."""

MAX_TAGS: Final = 1000
"""Distinct tags of a bucket; what comes after them is counted under ``other``.

Which these are depends on the order of the records; how many there are of each row and kind does not.
"""

_VERSION: Final = 6


class Sums:
    """Sums of columns by id, kept as pieces until they are asked for."""

    __slots__ = ("_columns", "_ids", "_room", "_values")  # three a bucket: half the time to make one

    def __init__(self, columns: int = len(SUMMED)) -> None:
        self._columns = columns
        self._ids: list[NDArray[np.int64]] = []
        self._values: list[NDArray[np.float64]] = []
        self._room = ROOM  # rows until the next merge: merging costs each row a bounded number of times

    def add(self, ids: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Add (k, columns) sums of k distinct ids."""
        self._ids.append(ids)
        self._values.append(values)
        self._room -= len(ids)
        if self._room < 0:
            self._room = ROOM + len(self.merged()[0])

    def merged(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the distinct ids, ascending if those of every piece are, and their sums."""
        if not self._ids:
            return np.zeros(0, np.int64), np.zeros((0, self._columns))
        if len(self._ids) > 1:
            every = np.concatenate(self._ids)
            ids, place = group(every, int(every.max(initial=0)) + 1)
            self._values = [add_rows(place, np.concatenate(self._values), len(ids))]
            self._ids = [ids]
        return self._ids[0], self._values[0]

    def listed(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the same as ``merged``, but an id may come more often while there are few: it is faster."""
        if len(self._ids) <= 1 or sum(map(len, self._ids)) > ROOM:
            return self.merged()
        return np.concatenate(self._ids), np.concatenate(self._values)


class Histograms:
    """Counts by cell (``streams.decode.cells``), kept as pieces until they are asked for."""

    __slots__ = ("_cells", "_counts", "_room")

    def __init__(self) -> None:
        self._cells: list[NDArray[np.int64]] = []
        self._counts: list[NDArray[np.float64]] = []
        self._room = ROOM

    def add(self, cells: NDArray[np.int64], counts: NDArray[np.float64]) -> None:
        """Add counts of k distinct cells."""
        self._cells.append(cells)
        self._counts.append(counts)
        self._room -= len(cells)
        if self._room < 0:
            self._room = ROOM + len(self.merged()[0])

    def merged(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the distinct cells, ascending if those of every piece are, and their counts."""
        if not self._cells:
            return np.zeros(0, np.int64), np.zeros(0)
        if len(self._cells) > 1:
            cells, place = np.unique(np.concatenate(self._cells), return_inverse=True)
            self._counts = [np.bincount(place, np.concatenate(self._counts), len(cells)).astype(np.float64)]
            self._cells = [cells]
        return self._cells[0], self._counts[0]

    def listed(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the same as ``merged``, but a cell may come more often while there are few."""
        if len(self._cells) <= 1 or sum(map(len, self._cells)) > ROOM:
            return self.merged()
        return np.concatenate(self._cells), np.concatenate(self._counts)


Tags = dict[tuple[int, str, str], float]


@dataclass(slots=True)
class Counts:
    """Sums, latency and tags by id."""

    sums: Sums = field(default_factory=Sums)
    latency: Histograms = field(default_factory=Histograms)
    tags: Tags = field(default_factory=dict)

    def arrays(self, stem: str) -> dict[str, NDArray[Any]]:
        """Return the arrays of this for a part of a snapshot, named ``stem/…``; tags are not among them."""
        ids, sums = self.sums.merged()
        cells, counts = self.latency.merged()
        return {
            f"{stem}/ids": narrowed(ids),
            **narrowed_columns(f"{stem}/sums", sums),
            f"{stem}/cells": narrowed(cells),
            f"{stem}/counts": narrowed(counts),
        }

    def take(
        self, arrays: dict[str, NDArray[Any]], stem: str, tags: list[tuple[int, str, str, float]]
    ) -> "Counts":
        """Take in, while empty, the counts whose ``arrays`` and ``listed_tags`` these are; return self."""
        self.tags = {(number, key, text): count for number, key, text, count in tags}
        ids = arrays[f"{stem}/ids"].astype(np.int64)
        self.sums.add(ids, columns_of(f"{stem}/sums", arrays, len(ids), len(SUMMED)))
        self.latency.add(
            arrays[f"{stem}/cells"].astype(np.int64), arrays[f"{stem}/counts"].astype(np.float64)
        )
        return self

    def listed_tags(self) -> list[tuple[int, str, str, float]]:
        """Return the tags as a list."""
        return [(*key, count) for key, count in self.tags.items()]


def no_values() -> Sums:
    """Return sums of no business value yet (``streams.decode.values``)."""
    return Sums(COLUMNS)


class _Meta(msgspec.Struct, array_like=True):
    records: int
    path_tags: list[tuple[int, str, str, float]]
    call_tags: list[tuple[int, str, str, float]]


@dataclass(slots=True)
class Summary:
    """One bucket of one source partition; ids are those of its decoder."""

    records: int = 0
    paths: Counts = field(default_factory=Counts)
    calls: Counts = field(default_factory=Counts)
    values: Sums = field(default_factory=no_values)

    def pack(self) -> bytes:
        """Return the bucket as bytes."""
        meta = _Meta(self.records, self.paths.listed_tags(), self.calls.listed_tags())
        ids, sums = self.values.merged()
        arrays = {**self.paths.arrays("paths"), **self.calls.arrays("calls"), "values": ids, "amounts": sums}
        return pack("bucket", _VERSION, meta, arrays)

    @staticmethod
    def unpack(part: bytes, into: "Summary | None" = None) -> "Summary":
        """Return the bucket that ``pack`` wrote; the empty one that is given, if one is.

        Raises
        ------
        detectors.state.state.StateError
            When the bytes are damaged or of another version.
        """
        meta, arrays = unpack(part, "bucket", _VERSION, _Meta)
        into = into or Summary()
        into.records = meta.records
        into.paths.take(arrays, "paths", meta.path_tags)
        into.calls.take(arrays, "calls", meta.call_tags)
        into.values.add(arrays["values"], arrays["amounts"])
        return into


def count_tag(tags: Tags, row: int, key: str, text: str) -> None:
    """Count one tag, under ``other`` when there are too many distinct ones."""
    place = (row, key, text)
    if place not in tags and len(tags) >= MAX_TAGS:
        place = (row, key, OTHER)  # bounded: one a row and key
    tags[place] = tags.get(place, 0.0) + 1.0
