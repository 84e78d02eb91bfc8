"""What was counted in one bucket of one source partition, per path and per call: mergeable, exact."""

from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.latency import N_BINS
from detectors.measures import SUMMED
from detectors.state import pack, unpack
from streams.fan_out import LAYERS
from streams.group import group
from streams.paths import OTHER

PIECES: Final = 32
"""Pieces are merged when there are more: many small runs must not make a long list."""

MAX_TAGS: Final = 1000
"""Distinct tags of a bucket; what comes after them is counted under ``other``."""


class Sums:
    """Sums of SUMMED columns by id, kept as pieces until they are asked for."""

    def __init__(self) -> None:
        self._ids: list[NDArray[np.int64]] = []
        self._values: list[NDArray[np.float64]] = []

    def add(self, ids: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Add (k, len(SUMMED)) sums of k distinct ids."""
        self._ids.append(ids)
        self._values.append(values)
        if len(self._ids) > PIECES:
            self.merged()

    def merged(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the distinct ids, ascending, and their sums."""
        if not self._ids:
            return np.zeros(0, np.int64), np.zeros((0, len(SUMMED)))
        if len(self._ids) > 1:
            every = np.concatenate(self._ids)
            ids, place = group(every, int(every.max(initial=0)) + 1)
            values = np.concatenate(self._values)
            merged = np.empty((len(ids), len(SUMMED)))
            for column in range(len(SUMMED)):
                merged[:, column] = np.bincount(place, values[:, column], len(ids))
            self._ids, self._values = [ids], [merged]
        return self._ids[0], self._values[0]


class Histograms:
    """Counts by (id, layer, bin), encoded as one number, kept as pieces until they are asked for."""

    def __init__(self) -> None:
        self._cells: list[NDArray[np.int64]] = []
        self._counts: list[NDArray[np.float64]] = []

    def add(self, cells: NDArray[np.int64], counts: NDArray[np.float64]) -> None:
        """Add counts of k distinct cells."""
        self._cells.append(cells)
        self._counts.append(counts)
        if len(self._cells) > PIECES:
            self.merged()

    def merged(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the distinct cells, ascending, and their counts."""
        if not self._cells:
            return np.zeros(0, np.int64), np.zeros(0)
        if len(self._cells) > 1:
            cells, place = np.unique(np.concatenate(self._cells), return_inverse=True)
            self._counts = [np.bincount(place, np.concatenate(self._counts), len(cells)).astype(np.float64)]
            self._cells = [cells]
        return self._cells[0], self._counts[0]


def cells_of(ids: NDArray[np.int64], layer: int, bins: NDArray[np.int16]) -> NDArray[np.int64]:
    """Return the cell of each measurement."""
    return (ids * LAYERS + layer) * N_BINS + bins


def from_cells(cells: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return ids, layers and bins of cells."""
    owner, bins = np.divmod(cells, N_BINS)
    ids, layers = np.divmod(owner, LAYERS)
    return ids, layers, bins


class _Meta(msgspec.Struct, array_like=True):
    records: int
    path_tags: list[tuple[int, str, str, float]]
    call_tags: list[tuple[int, str, str, float]]


Tags = dict[tuple[int, str, str], float]


@dataclass(slots=True)
class Summary:
    """One bucket."""

    records: int = 0
    paths: Sums = field(default_factory=Sums)
    calls: Sums = field(default_factory=Sums)
    path_latency: Histograms = field(default_factory=Histograms)
    call_latency: Histograms = field(default_factory=Histograms)
    path_tags: Tags = field(default_factory=dict)
    call_tags: Tags = field(default_factory=dict)

    def pack(self) -> bytes:
        """Return the bucket as bytes."""
        arrays: dict[str, NDArray[Any]] = {}
        for name, part in self._parts():
            arrays[f"{name}/keys"], arrays[f"{name}/values"] = part.merged()
        meta = _Meta(
            self.records,
            [(*key, count) for key, count in self.path_tags.items()],
            [(*key, count) for key, count in self.call_tags.items()],
        )
        return pack("bucket", 1, meta, arrays)

    @classmethod
    def unpack(cls, part: bytes) -> "Summary":
        """Return the bucket that ``pack`` wrote.

        Raises
        ------
        detectors.state.StateError
            When the bytes are damaged or of another version.
        """
        meta, arrays = unpack(part, "bucket", 1, _Meta)
        summary = cls(meta.records)
        for name, held in summary._parts():
            held.add(arrays[f"{name}/keys"], arrays[f"{name}/values"])
        summary.path_tags = {(row, key, text): count for row, key, text, count in meta.path_tags}
        summary.call_tags = {(row, key, text): count for row, key, text, count in meta.call_tags}
        return summary

    def _parts(self) -> tuple[tuple[str, Sums | Histograms], ...]:
        return (
            ("paths", self.paths),
            ("calls", self.calls),
            ("path_latency", self.path_latency),
            ("call_latency", self.call_latency),
        )


def count_tag(tags: Tags, row: int, key: str, text: str) -> None:
    """Count one tag, under ``other`` when there are too many distinct ones."""
    place = (row, key, text)
    if place not in tags and len(tags) >= MAX_TAGS:
        place = (row, key, OTHER)  # bounded: one a row and key
    tags[place] = tags.get(place, 0.0) + 1.0
