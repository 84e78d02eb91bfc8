"""Rollup: columns of one source partition become blocks of 10 s, one per shard, and a watermark.

``Rollup.feed`` is the whole path from ``Columns`` to ``Block``, a line per step: ``timing_of`` places each
record in event time, ``Duplicates`` drops repeats, ``ExampleChoice`` picks examples, ``Joining`` puts the
names of one request together, ``OpenBuckets`` counts, and ``BlockMaker`` names what has closed.
"""

import math
from collections.abc import Mapping, Sequence
from heapq import merge
from itertools import chain
from operator import attrgetter
from typing import Final

import msgspec
import numpy as np

from config.settings import MoneySettings, TimeSettings
from detectors.model.array_types import Bools
from detectors.state.compiled import COMPILES
from detectors.state.state import pack, unpack
from streams.engine.decode.columns import Columns
from streams.engine.decode.decoder import Decoder
from streams.engine.decode.hashing import owned
from streams.engine.decode.rejected import Rejected
from streams.engine.rollup.blocks.block import Block
from streams.engine.rollup.blocks.block_maker import BlockMaker
from streams.engine.rollup.blocks.bucket import Bucket
from streams.engine.rollup.blocks.names import RollupNames
from streams.engine.rollup.duplicates import Duplicates
from streams.engine.rollup.examples import ExampleChoice, examples_of
from streams.engine.rollup.joining import Joining
from streams.engine.rollup.open_buckets import OpenBuckets, timing_of
from streams.engine.rollup.redaction import Redaction

_NO_RECORDS: Final = Bucket()
_END: Final = attrgetter("end")

JUST_NOW: Final = 60.0
"""Most seconds that records are behind the clock where early blocks are made: nobody waits for them while a
partition catches up."""

EARLY_SECONDS: Final = 300
"""Steps up to this long are evaluated before they end: longer ones were chosen without hurry."""

FAR_SECONDS: Final = 600
"""Further behind the clock, a partition emits whole steps: nobody waits for its buckets."""

NEAR_SECONDS: Final = 120
"""Less far behind it, a partition emits each bucket again."""

SETTLED: Final = 2
"""Seconds of event time behind a bucket after which most of it has come: an early block waits for that."""


class _Meta(msgspec.Struct, array_like=True):
    watermark: int | None
    sequence: int
    idle_reported: bool
    late: int
    duplicates: int
    whole_steps: bool = False


class Rollup:
    """Rolls up one source partition. Its blocks are a pure function of the partition's records.

    A bucket closes when the watermark passes its end. Records that arrive later are late: they are collected
    and leave as corrections, in order of their buckets, just before the next bucket closes. Of a stretch
    without records only the last bucket is emitted: its watermark covers the others.

    While nothing arrives, time goes on by the clock: ``idle`` moves the watermark and closes buckets, as a
    record with the usual delay would. What is emitted then is no function of the records, so the caller
    makes the state durable first. Blocks that only report an idle source repeat the number of the last block
    (-1 before the first).

    Parameters
    ----------
    source
        Name of the partition, ``requests/3``.
    decoder
        The decoder of this partition, whose names the columns refer to. It is part of the snapshot.
    redaction
        Rules for the texts of examples and tags; by default those shipped.
    money
        Which tables are provisioned; by default none.
    whole_steps
        Emit one block per step, for consumers that are catching up. What is bounded by bucket (tags, samples
        and changes) has blocks of its own. ``switch_mode`` changes that on the way.
    compiled
        Whether compiled code adds to open buckets; the results are the same without it.
    """

    VERSION = 1

    def __init__(
        self,
        source: str,
        shards: int,
        time: TimeSettings,
        decoder: Decoder,
        *,
        redaction: Redaction | None = None,
        money: MoneySettings | None = None,
        whole_steps: bool = False,
        compiled: bool = COMPILES,
    ) -> None:
        self.late = 0  # records that arrived after their bucket had closed
        self.duplicates = 0  # records that were dropped because their id was known
        self.rejected = list[Rejected]()  # by ``finish``: leaps in time that nothing confirmed
        self._time = time
        self.decoder = decoder
        self._duplicates = Duplicates()
        self._choice = ExampleChoice()
        self._redaction = redaction or Redaction()
        self._names = RollupNames(decoder)
        self._joining = Joining(self._names)
        self._buckets = OpenBuckets(time.bucket, self._names, compiled=compiled)
        self._spans = OpenBuckets(time.bucket, self._names, span=time.step, kind="span-", compiled=compiled)
        self._always_whole_steps = whole_steps
        self.whole_steps = whole_steps
        self._maker = BlockMaker(source, shards, time.bucket, self._names, money or MoneySettings())
        self._watermark: int | None = None
        self._idle_reported = False
        self._read: int | None = None  # as reported; a restart reports it anew
        self._early_until = 0  # where the buckets end that early blocks had

    @property
    def unjoined(self) -> Mapping[str, int]:
        """Records that count a part of their request and were not joined with another source's, by reason."""
        return self._joining.unjoined

    @property
    def watermark(self) -> int:
        """Event time up to which this partition is complete, epoch seconds; 0 before its first record."""
        return self._watermark or 0

    def switch_mode(self, *, whole_steps: bool) -> None:
        """Emit blocks of whole steps from here on, or of buckets.

        What is open closes as it was begun. Which blocks follow is no function of the records then: the
        caller makes a state that includes the mode durable before it feeds the next record.
        """
        self.whole_steps = whole_steps or self._always_whole_steps

    def wants_steps(self, behind: float) -> bool:
        """Return whether whole steps are to be emitted from now on, so many seconds behind the clock."""
        return behind > (NEAR_SECONDS if self.whole_steps else FAR_SECONDS)

    def feed(self, columns: Columns) -> list[Block]:
        """Count the next events; return the blocks of every bucket they closed."""
        if not len(columns):
            return []
        self._idle_reported = False
        timing = timing_of(columns, self._watermark, self._time)
        # a sender that guesses ids of another service takes nothing from it
        ids = owned(columns.key, self.decoder.value_ids.services(columns.path))
        counted = self._duplicates.first_seen(ids, timing.known_until, timing.watermark)
        self.duplicates += len(columns) - int(np.count_nonzero(counted))
        chosen = self._choice.choose(columns, counted, timing.bucket)
        columns.examples = examples_of(columns, chosen, self._redaction)
        columns.tags = self._redaction.tags(columns.tags)
        columns.call_tags = self._redaction.tags(columns.call_tags)
        columns, joined = self._joining.feed(columns, counted, timing.watermark)
        if joined is not counted:
            counted, timing = joined, timing_of(columns, self._watermark, self._time)
        self.late += int(np.count_nonzero(timing.late & counted & ~columns.again))
        if self.whole_steps and self._time.step > self._time.bucket:
            bounded = _bounded(columns)
            self._spans.add(columns, timing, counted & ~bounded)
            counted = counted & bounded
        self._buckets.add(columns, timing, counted)
        self._watermark, *advances = timing.levels
        return [block for watermark in advances for block in self._advance(watermark)]

    def _advance(self, watermark: int) -> list[Block]:
        """Move the watermark: emit the corrections, then every bucket that ends at or before it."""
        before, self._watermark = self.watermark, watermark
        self._joining.purge(watermark)
        by = self._watermark_step
        if before // by == watermark // by and not any(
            buckets.has_due(watermark) for buckets in self._opened
        ):
            return []
        blocks: list[Block] = []
        for opened in self._opened:
            for start, bucket in opened.pop_late(before):
                blocks += self._maker.blocks(start, bucket, before, width=opened.span, late=True)
        spanned = frozenset() if self.whole_steps else self._spans.starts
        emitted = min((before - before % by, *spanned))
        for end, start, bucket in merge(
            *(buckets.pop_closed(watermark) for buckets in self._opened), key=_END
        ):
            step = start - start % self._time.step
            # the block of a bucket comes before that of its span, and must not close the step
            is_part = end - start < self._time.step and (self.whole_steps or step in spanned)
            emitted = max(emitted, step if is_part else end)
            blocks += self._maker.blocks(start, bucket, emitted, width=end - start)
        passed = min((watermark - watermark % by, *self._spans.starts))
        if emitted < passed:
            blocks += self._maker.blocks(passed - self._time.bucket, _NO_RECORDS, passed)
        return blocks

    @property
    def _watermark_step(self) -> int:
        """Seconds between two watermarks of blocks."""
        return self._time.step if self.whole_steps else self._time.bucket

    @property
    def _opened(self) -> Sequence[OpenBuckets]:
        return self._buckets, self._spans

    def finish(self) -> list[Block]:
        """End a finite source: close everything, and report it idle so that it no longer holds time back."""
        columns, rejected = self.decoder.finish()
        self.rejected += rejected
        blocks = self.feed(columns)
        ends = [end for buckets in self._opened if (end := buckets.end(self.watermark)) is not None]
        if ends:
            end = max(ends)
            blocks += self._advance(max(self.watermark, min(end, self._end_of_time(end))))
            blocks += self._open_blocks()  # a step that is not over, and what only wrong clocks have reached
        return blocks + self.idle()

    def _open_blocks(self) -> list[Block]:
        """Remove all that is open; return its blocks, which leave the watermark where it is."""
        return [
            block
            for end, start, bucket in chain(*(buckets.pop_closed() for buckets in self._opened))
            for block in self._maker.blocks(start, bucket, self.watermark, width=end - start)
        ]

    def _end_of_time(self, unknown: int) -> int:
        """Return the end of the last bucket that is believed; what lies behind it is counted, not judged."""
        end = self.decoder.time.end()
        return unknown if end is None else (math.floor(end / self._time.bucket) + 1) * self._time.bucket

    @property
    def reached(self) -> float:
        """The event time that the records have reached, epoch seconds; minus infinity before any."""
        return self.decoder.time.newest

    def early(self, now: float = -math.inf) -> list[Block]:
        """Return early blocks of the last step's open buckets, each once; none if records are long over.

        Event time has passed them, but what trails it by up to ``time.lateness`` may still come. They change
        nothing here, and are gone after a restore.
        """
        width = self._time.bucket
        hurried = self._time.step <= EARLY_SECONDS and not self.whole_steps and now - self.reached < JUST_NOW
        if self._watermark is None or not math.isfinite(self.reached) or not hurried:
            return []
        until = math.floor((self.reached - SETTLED) / width) * width
        spans = [start + self._time.step for start in self._spans.starts]  # they have what would be missing
        first = max(self._early_until, self._watermark, until - self._time.step, *spans)
        self._early_until = max(self._early_until, until)
        return [
            block
            for bucket in range(first, until, width)
            for block in self._maker.early(bucket, self._buckets.at(bucket) or _NO_RECORDS, bucket + width)
        ]

    def idle(self, seconds: float = 0.0, read: int | None = None) -> list[Block]:
        """Report the source as idle, and let time go on by the clock.

        Parameters
        ----------
        seconds
            How long nothing has arrived although the source was reachable.
        read
            The offset at which the source ends: there is nothing before it to read. None if it has no
            offsets.

        Returns
        -------
        The blocks of buckets that close, and those that report the source as idle; nothing if it was reported
        up to the same offset since the last record and time has not gone on by a step since.
        """
        blocks: list[Block] = []
        if self._watermark is None and self.decoder.held:
            blocks = self.feed(self.decoder.start()[0])
        level = self._by_the_clock(seconds)
        if not self._idle_reported or level >= self.watermark + self._time.step:
            closed = self._advance(level) if level > self.watermark else []
            closed += self._open_blocks()  # nobody waits for an idle source: what it has must be there
            for block in closed:
                block.by_clock = True
            blocks += closed
        elif read == self._read:
            return []
        self._idle_reported, self._read = True, read
        return blocks + self._maker.idle(self.watermark, read)

    def tell_ends(self, ends: dict[str, int]) -> list[Block]:
        """Return blocks that tell where source partitions end: who is idle and has not read that is not."""
        return self._maker.ends(self.watermark, ends)

    def _by_the_clock(self, seconds: float) -> int:
        """Return the watermark after ``seconds`` without a record.

        It is ``time.idle`` and a step behind that of a prompt record: senders pause, and send in batches.
        """
        arrival = self.decoder.time.arrival
        if self._watermark is None or arrival is None:
            return self.watermark
        behind = self._time.lateness + self._time.idle + self._time.step
        reached = self.decoder.time.reached_at(arrival + seconds) - behind
        return max(self.watermark, math.floor(reached / self._time.bucket) * self._time.bucket)

    def snapshot(self, *, whole_steps: bool | None = None) -> dict[str, bytes]:
        """Return the state of this partition, its decoder included; ``whole_steps``: how to go on."""
        meta = _Meta(
            self._watermark,
            self._maker.sequence,
            self._idle_reported,
            self.late,
            self.duplicates,
            self.whole_steps if whole_steps is None else whole_steps,
        )
        return {
            "rollup": pack("rollup", self.VERSION, meta, {}),
            **{
                name: part
                for buckets in self._opened
                for name, part in buckets.snapshot(self.watermark).items()
            },
            **self._duplicates.snapshot(self.watermark),
            **self._names.snapshot(),
            **self._joining.snapshot(),
            **self._choice.snapshot(),
            **self.decoder.snapshot(),
        }

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Continue from a snapshot.

        Raises
        ------
        detectors.state.state.StateError
            When a part is damaged or of another version.
        """
        meta, _ = unpack(parts["rollup"], "rollup", self.VERSION, _Meta)
        self._watermark, self._idle_reported = meta.watermark, meta.idle_reported
        self.late, self.duplicates = meta.late, meta.duplicates
        self.switch_mode(whole_steps=meta.whole_steps)
        for buckets in self._opened:
            buckets.restore(parts, self.watermark)
        self._duplicates.restore(parts)
        self.decoder.restore(parts)
        self._names.restore(parts)
        self._joining.restore(parts)
        self._choice.restore(parts)
        self._maker.restart(meta.sequence)


def _bounded(columns: Columns) -> Bools:
    """Return (n,) which records have something of which a bucket keeps a bounded number of kinds."""
    bounded = np.zeros(len(columns), np.bool_)
    bounded[[row for row, *_ in columns.tags]] = True
    bounded[columns.call_event[[row for row, *_ in columns.call_tags]]] = True
    bounded[[row for row, _ in columns.stated]] = True
    return bounded
