"""Merges the blocks of all source partitions into steps, and closes a step when every source passed it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.measures import SUMMED
from detectors.scope import Edge, Scope, ScopeOrEdge
from detectors.state import pack, unpack
from streams.block import Block


class LostBlockError(RuntimeError):
    """A block of a source is missing: the numbers that follow would be wrong, so nothing follows."""


Latency = tuple[NDArray[np.int32], NDArray[np.int16], NDArray[np.float64]]

LATENCY_PARTS = ("latency_rows", "latency_bins", "latency_counts")
NO_LATENCY: Latency = (np.zeros(0, np.int32), np.zeros(0, np.int16), np.zeros(0))


@dataclass(slots=True)
class Step:
    """All that was counted in one step, over all sources. Rows are those of ``Steps.scopes``."""

    start: int
    sums: NDArray[np.float64]  # (scopes, len(SUMMED))
    latency: Latency  # (rows, bins, counts), sparse; a pair of row and bin may come more than once
    records: int = 0
    tags: dict[tuple[int, str, str], float] = field(default_factory=dict)


@dataclass(slots=True)
class _Source:
    sequence: int = -1  # of the newest block taken in
    watermark: int | None = None
    idle: bool = False


class _SourceState(msgspec.Struct, array_like=True):
    sequence: int
    watermark: int | None
    idle: bool


class _OpenState(msgspec.Struct, array_like=True):
    start: int
    records: int
    tags: list[tuple[int, str, str, float]]


class _Meta(msgspec.Struct, array_like=True):
    sources: dict[str, _SourceState]
    open: list[_OpenState]
    closed: int | None
    late: int


class Steps:
    """Open steps of one shard.

    Parameters
    ----------
    sources
        Every source partition that feeds this shard. A step stays open until each of them has passed its
        end or said that it is idle.
    width
        Seconds of a step.
    """

    VERSION = 1

    def __init__(self, sources: Sequence[str], width: int) -> None:
        self.width = width
        self.scopes: list[ScopeOrEdge] = []
        self.late = 0  # records that came after their step had been judged
        self._row: dict[ScopeOrEdge, int] = {}
        self._sources = {source: _Source() for source in sources}
        self._open: dict[int, Step] = {}
        self._closed: int | None = None  # end of the newest closed step

    @property
    def watermark(self) -> int | None:
        """The event time up to which every source is complete; None until each of them has spoken."""
        told = [source.watermark for source in self._sources.values() if not source.idle]
        if not told:  # nobody holds time back: what the furthest has seen is complete
            return max((s.watermark for s in self._sources.values() if s.watermark is not None), default=None)
        known = [watermark for watermark in told if watermark is not None]
        return min(known) if len(known) == len(told) else None

    def feed(self, blocks: Iterable[Block]) -> Iterator[Step]:
        """Take blocks in and give the steps that they complete, in order.

        A block that was taken in before is ignored.

        Raises
        ------
        LostBlockError
            When a source skips a sequence number.
        """
        for block in blocks:
            source = self._sources.setdefault(block.source, _Source())
            if block.idle:  # it has the number of the block before it: silence is no function of the records
                if block.sequence >= source.sequence:
                    source.idle = True
                    yield from self._close()
                continue
            if block.sequence <= source.sequence:
                continue
            if block.sequence != source.sequence + 1 and source.sequence >= 0:
                raise LostBlockError(
                    f"{block.source}: block {block.sequence} follows block {source.sequence}: some are lost; "
                    "replay the requests topic from before that time"
                )
            source.sequence = block.sequence
            source.watermark = max(block.watermark, source.watermark or block.watermark)
            source.idle = False
            self._merge(block)
            yield from self._close()

    def _merge(self, block: Block) -> None:
        start = block.bucket - block.bucket % self.width
        if not block.records and not block.scopes:
            return
        if self._closed is not None and start < self._closed:
            self.late += block.records
            return
        rows = np.fromiter((self._row_of(scope) for scope in block.scopes), np.intp, len(block.scopes))
        step = self._open.get(start)
        if step is None:
            step = self._open[start] = Step(start, np.zeros((len(self.scopes), len(SUMMED))), NO_LATENCY)
        step.sums = _rows_up_to(step.sums, len(self.scopes))
        step.sums[rows] += block.sums  # a block has each scope once
        step.records += block.records
        if len(block.latency_rows):
            known_rows, bins, counts = step.latency
            step.latency = (
                np.concatenate((known_rows, rows[block.latency_rows].astype(np.int32))),
                np.concatenate((bins, block.latency_bins)),
                np.concatenate((counts, block.latency_counts)),
            )
        from_row = rows.tolist()
        for row, kind, value, count in block.tags:
            key = (from_row[row], kind, value)
            step.tags[key] = step.tags.get(key, 0.0) + count

    def _row_of(self, scope: ScopeOrEdge) -> int:
        row = self._row.get(scope)
        if row is None:
            row = self._row[scope] = len(self.scopes)
            self.scopes.append(scope)
        return row

    def _close(self) -> Iterator[Step]:
        watermark = self.watermark
        if watermark is None:
            return
        if self._closed is None:
            if not self._open:
                return
            self._closed = min(self._open)
        while self._closed + self.width <= watermark:
            start = self._closed
            step = self._open.pop(start, None) or Step(start, np.zeros((0, len(SUMMED))), NO_LATENCY)
            step.sums = _rows_up_to(step.sums, len(self.scopes))
            self._closed = start + self.width
            yield step

    def snapshot(self) -> dict[str, bytes]:
        """Return the open steps, the names of all rows and how far each source was read."""
        arrays: dict[str, NDArray[Any]] = {}
        opened = []
        for start, step in sorted(self._open.items()):
            arrays[f"sums/{start}"] = step.sums
            for name, cells in zip(LATENCY_PARTS, step.latency, strict=True):
                arrays[f"{name}/{start}"] = cells
            tags = [(*key, count) for key, count in step.tags.items()]
            opened.append(_OpenState(start, step.records, tags))
        sources = {
            name: _SourceState(source.sequence, source.watermark, source.idle)
            for name, source in self._sources.items()
        }
        meta = _Meta(sources, opened, self._closed, self.late)
        return {
            "steps": pack("steps", self.VERSION, meta, arrays),
            "scopes": pack("scopes", self.VERSION, [_written(scope) for scope in self.scopes], {}),
        }

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Go on from a snapshot."""
        meta, arrays = unpack(parts["steps"], "steps", self.VERSION, _Meta)
        names, _ = unpack(parts["scopes"], "scopes", self.VERSION, list[list[list[str]]])
        self.scopes = [_read(name) for name in names]
        self._row = {scope: row for row, scope in enumerate(self.scopes)}
        for name, source in meta.sources.items():
            self._sources[name] = _Source(source.sequence, source.watermark, source.idle)
        self._closed, self.late = meta.closed, meta.late
        self._open = {}
        for state in meta.open:
            rows, bins, counts = (arrays[f"{name}/{state.start}"] for name in LATENCY_PARTS)
            self._open[state.start] = Step(
                state.start,
                arrays[f"sums/{state.start}"],
                (rows, bins, counts),
                state.records,
                {(row, kind, value): count for row, kind, value, count in state.tags},
            )


def _rows_up_to(sums: NDArray[np.float64], rows: int) -> NDArray[np.float64]:
    return sums if len(sums) == rows else np.vstack((sums, np.zeros((rows - len(sums), sums.shape[1]))))


def _written(scope: ScopeOrEdge) -> list[list[str]]:
    return [list(scope)] if isinstance(scope, Scope) else [list(scope.source), list(scope.target)]


def _read(written: list[list[str]]) -> ScopeOrEdge:
    scopes = [Scope(*fields) for fields in written]
    return scopes[0] if len(scopes) == 1 else Edge(*scopes)
