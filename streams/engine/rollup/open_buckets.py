"""The open buckets of one source partition, and the place of each record in event time."""

from collections.abc import Iterator, Mapping, Sequence
from heapq import heappop, heappush
from itertools import pairwise
from math import inf
from typing import NamedTuple

import numpy as np

from config.settings import TimeSettings
from detectors.model.array_types import Bools, Floats, Ints
from detectors.model.scope import scope_named
from detectors.model.stated import LevelName, StatedChange, StatedLevel, merge_changes, merge_levels
from detectors.state.compiled import COMPILES
from streams.engine.decode.columns import ROW_OF_TAG, Columns, Tag
from streams.engine.decode.event import ChangeRecord, SampleRecord
from streams.engine.decode.paths import cut
from streams.engine.decode.values import parts_of
from streams.engine.rollup.blocks.bucket import Bucket
from streams.engine.rollup.blocks.counts import Counts, add_rows, count_tag, group
from streams.engine.rollup.blocks.names import RollupNames
from streams.engine.rollup.live_counts import cells_in, live_bucket


class Timing(NamedTuple):
    """The n records of a run in event time, which moves on from level to level of the watermark."""

    bucket: Ints  # (n,) start of the bucket that a record belongs to
    watermark: Ints  # (n,) after each record
    level: Ints  # (n,) index into ``levels``: of the watermark after each record
    levels: list[int]  # the watermark before the run, then each value that it advanced to
    late: Bools  # (n,) whose bucket had closed
    known_until: Ints  # (n,) watermark from which on the record's id is forgotten


def timing_of(columns: Columns, watermark: int | None, time: TimeSettings) -> Timing:
    """Return the timing of a run of at least one record.

    The watermark follows the event time reached (``streams.engine.decode.event_time``), less the lateness.

    ``watermark`` is that before the run, None at the start of a partition.
    """
    bucket = bucket_of(columns.ts, time.bucket)
    reached = bucket_of(columns.newest - time.lateness, time.bucket)
    start = int(reached[0]) if watermark is None else watermark
    reached = np.maximum(reached, start)
    advances = reached > np.concatenate(([start], reached[:-1]))
    return Timing(
        bucket,
        reached,
        np.cumsum(advances),
        [start, *reached[advances].tolist()],
        bucket < reached,
        # An id is known until its bucket has closed, and for the lateness after a late record.
        np.maximum(bucket_of(columns.newest, time.bucket), bucket) + time.bucket,
    )


def bucket_of(ts: Floats, width: int) -> Ints:
    """Return the start of the bucket of each stamp, epoch seconds.

    Examples
    --------
    >>> bucket_of(np.array([1015.5]), 10).tolist()
    [1010]
    """
    return np.floor(ts / width).astype(np.int64) * width


Buckets = dict[int, Bucket]


class Closed(NamedTuple):
    """A bucket or span that has closed."""

    end: int
    start: int
    bucket: Bucket


class OpenBuckets:
    """Buckets that have not closed, and corrections of buckets that have.

    Spans of several buckets may be counted together: below, a bucket is then such a span, but for ``end``.

    Parameters
    ----------
    width
        Seconds of a bucket.
    span
        Seconds that are counted together, a multiple of ``width``; a bucket when absent.
    kind
        Prefix of the parts of a snapshot.
    compiled
        Whether compiled code adds to the buckets; the results are the same without it.
    """

    def __init__(
        self,
        width: int,
        names: RollupNames,
        *,
        span: int | None = None,
        kind: str = "",
        compiled: bool = COMPILES,
    ) -> None:
        self._width = width
        self.span = span or width
        self._kind = kind
        self._names = names
        self._compiled = compiled
        self._cells = 0, 0  # in the newest that closed: the next ones hold about as many
        self._open: Buckets = {}
        self._starts: list[int] = []  # of the open buckets, a heap: a long run opens hundreds at once
        self._newest: dict[int, int] = {}  # of each open span, the start of its newest bucket with a record
        self._late: dict[int, Buckets] = {}  # corrections by the watermark at which their records arrived

    def add(self, columns: Columns, timing: Timing, counted: Bools) -> None:
        """Add the ``counted`` (n,) records of a run to open buckets, and late ones to corrections."""
        rows = np.flatnonzero(counted)
        if not len(rows):
            return
        slot, touched = self._buckets_of(timing, rows)
        for bucket in touched:
            bucket.packed = None
        slot_of_call, slot_of_value = slot[columns.call_event], slot[columns.value_event]
        bounds = len(self._names.paths), len(self._names.calls)
        n = len(touched)
        for bucket, events, calls in zip(touched, _by_slot(slot, n), _by_slot(slot_of_call, n), strict=True):
            bucket.add(columns, events, calls, bounds)
        self._add_values(columns, slot_of_value, touched)
        _add_stated(columns, slot, touched)
        of_paths, of_calls = zip(*((bucket.paths, bucket.calls) for bucket in touched), strict=True)
        _count_tags(columns.tags, (slot, columns.path, columns.weight), of_paths)
        _count_tags(columns.call_tags, (slot_of_call, columns.call, columns.call_weight), of_calls)

    def _buckets_of(self, timing: Timing, rows: Ints) -> tuple[Ints, list[Bucket]]:
        """Return (n,) the bucket of each record, -1 for records not at ``rows``, and those buckets."""
        bucket = timing.bucket[rows]
        start = bucket - bucket % self.span
        first = int(start.min())
        span = (int(start.max()) - first) // self.span + 1
        late = start + self.span <= timing.watermark[rows]
        lateness = np.where(late, timing.level[rows] + 1, 0)  # 0 for a record that is in time
        codes, place = group(lateness * span + (start - first) // self.span, (len(timing.levels) + 1) * span)
        slot = np.full(len(timing.bucket), -1, np.int64)
        slot[rows] = place
        newest = np.zeros(len(codes), np.int64)
        np.maximum.at(newest, place, bucket)
        touched = []
        for code, reached in zip(codes.tolist(), newest.tolist(), strict=True):
            level, number = divmod(code, span)
            of = first + number * self.span
            touched.append(
                self._bucket(of, self._late.setdefault(timing.levels[level - 1], {}) if level else None)
            )
            if not level:
                self._newest[of] = max(reached, self._newest.get(of, reached))
        return slot, touched

    def _bucket(self, start: int, late: Buckets | None) -> Bucket:
        buckets = self._open if late is None else late
        bucket = buckets.get(start)
        if bucket is None:
            bucket = buckets[start] = self._new(self._cells if late is None else (0, 0))
            if late is None:
                heappush(self._starts, start)
        return bucket

    def _new(self, cells: tuple[int, int]) -> Bucket:
        return live_bucket(cells) if self._compiled else Bucket()

    def _add_values(self, columns: Columns, slot: Ints, touched: Sequence[Bucket]) -> None:
        rows = np.flatnonzero(slot >= 0)
        if not len(rows):
            return
        value_ids = self._names.value_ids
        ids = value_ids.ids(columns.path[columns.value_event[rows]], columns.value_key[rows])
        keys, place = group(slot[rows] * value_ids.bound + ids, len(touched) * value_ids.bound)
        sums = add_rows(place, parts_of(columns.value[rows]), len(keys))
        of, ids = np.divmod(keys, value_ids.bound)
        bounds = np.searchsorted(of, np.arange(len(touched) + 1)).tolist()
        for bucket, (begin, end) in zip(touched, pairwise(bounds), strict=True):
            if begin < end:
                bucket.values.add(ids[begin:end], sums[begin:end])

    def has_due(self, watermark: float) -> bool:
        """Return whether anything closes at this watermark, or there are corrections."""
        return bool(self._late) or bool(self._starts and self._starts[0] + self.span <= watermark)

    @property
    def starts(self) -> set[int]:
        """Where the open ones start, epoch seconds."""
        return set(self._open)

    def at(self, bucket: int) -> Bucket | None:
        """Return the counts of an open bucket so far; None if there are none."""
        return self._open.get(bucket)

    def end(self, watermark: int) -> int | None:
        """Return the watermark that closes everything, at least ``watermark``; None when nothing is left."""
        if not self._open and not self._late:
            return None
        return max(watermark, max(self._newest.values(), default=watermark - self._width) + self._width)

    def pop_late(self, watermark: int) -> list[tuple[int, Bucket]]:
        """Remove the corrections that arrived at this watermark; return them in order of their buckets."""
        return sorted(self._late.pop(watermark, {}).items())

    def pop_closed(self, watermark: float = inf) -> Iterator[Closed]:
        """Remove the buckets that end at or before this watermark, in order."""
        while self._starts and self._starts[0] + self.span <= watermark:
            start = heappop(self._starts)
            del self._newest[start]
            closed = self._open.pop(start)
            self._cells = cells_in(closed)
            yield Closed(start + self.span, start, closed)

    def snapshot(self, watermark: int) -> dict[str, bytes]:
        """Return each bucket as a part; ``watermark`` is the present one."""
        late = self._late.get(watermark, {})
        opened, lately = self._stems
        return {
            **{f"{opened}{self._newest[start]}": self._open[start].pack() for start in sorted(self._open)},
            **{f"{lately}{start}": late[start].pack() for start in sorted(late)},
        }

    @property
    def _stems(self) -> tuple[str, str]:
        return f"{self._kind}open/", f"{self._kind}late/"

    def restore(self, parts: Mapping[str, bytes], watermark: int) -> None:
        """Continue from a snapshot taken at this watermark."""
        opened, lately = self._stems
        newest = self._restored(parts, opened)
        self._newest = {bucket - bucket % self.span: bucket for bucket in newest}
        self._open = {start: newest[bucket] for start, bucket in self._newest.items()}
        self._starts = sorted(self._open)
        late = self._restored(parts, lately)
        self._late = {watermark: late} if late else {}

    def _restored(self, parts: Mapping[str, bytes], stem: str) -> Buckets:
        return {
            int(name.removeprefix(stem)): Bucket.unpack(part, self._new((0, 0)))
            for name, part in parts.items()
            if name.startswith(stem)
        }


def _count_tags(tags: Sequence[Tag], columns: tuple[Ints, Ints, Floats], counts: Sequence[Counts]) -> None:
    """Count tags by the slot and the id of their rows, with the weight of these."""
    if not tags:
        return
    rows = np.fromiter(map(ROW_OF_TAG, tags), np.int64, len(tags))
    listed = zip(tags, *(column[rows].tolist() for column in columns), strict=True)
    for (_, key, text), slot, number, weight in listed:
        if slot >= 0:
            count_tag(counts[slot].tags, number, key, text, weight)


def _add_stated(columns: Columns, slot: Ints, touched: Sequence[Bucket]) -> None:
    for row, record in columns.stated:
        if slot[row] >= 0:
            add_stated(touched[slot[row]], record, float(columns.ts[row]))
    for row, example in columns.examples:
        if slot[row] >= 0:
            touched[slot[row]].examples.append(example)


def _by_slot(slot: Ints, slots: int) -> list[Ints]:
    """Return the rows of each slot, in order; a run of sparse traffic has hundreds of slots."""
    if slots == 1:
        return [np.flatnonzero(slot == 0)]
    order = np.argsort(slot, kind="stable")
    bounds = np.searchsorted(slot[order], np.arange(slots + 1)).tolist()
    return [order[first:last] for first, last in pairwise(bounds)]


def add_stated(bucket: Bucket, record: SampleRecord | ChangeRecord, ts: float) -> None:
    """Add a record to a bucket; ``ts`` is its time in epoch seconds."""
    of = record.of
    assert of is not None  # noqa: S101 - the decoder has refused it otherwise
    about = scope_named(of.kind, cut(record.cloud), cut(record.account), cut(record.region), cut(of.name))
    if isinstance(record, SampleRecord):
        assert record.value is not None  # noqa: S101
        name = LevelName(about, cut(record.name), cut(record.unit))
        merge_levels(bucket.levels, [(name, StatedLevel(record.value, record.limit))])
    else:
        texts = (record.what, record.version, record.by, record.url)
        merge_changes(bucket.changes, [StatedChange(ts, about, *map(cut, texts))])
