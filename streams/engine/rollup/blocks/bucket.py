"""A bucket: what one source partition has counted in ten seconds, or in a whole step."""

from dataclasses import dataclass, field
from typing import Final

import msgspec
import numpy as np

from detectors.model.array_types import Ints
from detectors.model.request_example import RequestExample
from detectors.model.stated import LevelName, Levels, StatedChange, StatedLevel
from detectors.state.state import pack, unpack
from streams.engine.decode.columns import Columns
from streams.engine.decode.values import parts_of
from streams.engine.rollup.blocks.counts import Counts, Sums, add_rows, group, no_values

_VERSION: Final = 7
_OLDER: Final = {6: lambda meta, arrays: (meta, arrays)}  # has wide arrays


class _Meta(msgspec.Struct, array_like=True):
    records: int
    path_tags: list[tuple[int, str, str, float]]
    call_tags: list[tuple[int, str, str, float]]
    levels: list[tuple[LevelName, StatedLevel]] = []
    changes: list[StatedChange] = []
    examples: list[RequestExample] = []


@dataclass(slots=True)
class Bucket:
    """The counts of one source partition in one bucket: of paths, calls and values, and what is stated."""

    records: int = 0
    paths: Counts = field(default_factory=Counts)
    calls: Counts = field(default_factory=Counts)
    values: Sums = field(default_factory=no_values)
    billed: Sums = field(default_factory=no_values)  # gigabyte seconds by path
    levels: Levels = field(default_factory=dict)
    changes: list[StatedChange] = field(default_factory=list)
    examples: list[RequestExample] = field(default_factory=list)  # in the order of the records
    packed: bytes | None = field(default=None, repr=False, compare=False)  # None if it may have changed

    def add(self, columns: Columns, events: Ints, calls: Ints, bounds: tuple[int, int]) -> None:
        """Add the sums and latencies of some rows.

        ``events`` and ``calls`` are rows of the columns; ids of paths, and of calls, are below ``bounds``.
        """
        self.records += len(events) - int(np.count_nonzero(columns.again[events]))
        self.paths.sums.add_events(columns, events, bounds[0])
        self.paths.latency.add_bins(events, columns.path, columns.bins, columns.weight)
        billed = events[columns.gb_seconds[events] > 0]
        if len(billed):
            ids, place = group(columns.path[billed], bounds[0])
            self.billed.add(ids, add_rows(place, parts_of(columns.gb_seconds[billed]), len(ids)))
        if len(calls):
            self.calls.sums.add_calls(columns, calls, bounds[1])
            bins = columns.call_bin.reshape(-1, 1)
            self.calls.latency.add_bins(calls, columns.call, bins, columns.call_weight)

    @property
    def empty(self) -> bool:
        """Whether nothing was counted; edges that were revealed later count without a record."""
        return not self.records and not len(self.paths.sums.merged()[0])

    def pack(self) -> bytes:
        """Return the bucket as bytes: the same object while nothing is added."""
        if self.packed is None:
            self.packed = self._pack()
        return self.packed

    def _pack(self) -> bytes:
        meta = _Meta(
            self.records,
            self.paths.listed_tags(),
            self.calls.listed_tags(),
            list(self.levels.items()),
            self.changes,
            self.examples,
        )
        ids, sums = self.values.merged()
        arrays = {**self.paths.packed("paths"), **self.calls.packed("calls"), "values": ids, "amounts": sums}
        arrays["billed"], arrays["gb_seconds"] = self.billed.merged()
        return pack("bucket", _VERSION, meta, arrays)

    @staticmethod
    def unpack(part: bytes, into: "Bucket | None" = None) -> "Bucket":
        """Return the bucket that ``pack`` wrote, in the given empty one if there is one.

        Raises
        ------
        detectors.state.state.StateError
            When the bytes are damaged or of another version.
        """
        meta, arrays = unpack(part, "bucket", _VERSION, _Meta, _OLDER)
        into = into or Bucket()
        into.records = meta.records
        into.levels, into.changes = dict(meta.levels), meta.changes
        into.examples = meta.examples
        into.paths.restore(arrays, "paths", meta.path_tags)
        into.calls.restore(arrays, "calls", meta.call_tags)
        into.values.add(arrays["values"], arrays["amounts"])
        if "billed" in arrays:
            into.billed.add(arrays["billed"], arrays["gb_seconds"])
        into.packed = part
        return into
