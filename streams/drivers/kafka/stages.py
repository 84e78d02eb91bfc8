"""The stages of the Kafka driver: classes of the engine between the records of two topics."""

import base64
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec
from msgspec.msgpack import Decoder as MessageDecoder
from msgspec.msgpack import Encoder as MessageEncoder

from alerting.incidents.incidents import Incidents
from config.capacity import Capacity
from config.settings import Settings
from detectors.state.declared import Held, Owned, Stateful, StatePart
from streams.drivers.kafka.checkpoints.takeover_record import requested_backfill
from streams.drivers.kafka.notices import notices_parts
from streams.drivers.kafka.record_batches import ConvertedBatch, NativeBatch, ReadAt
from streams.drivers.kafka.stage import Emission, Stage, UnfedError
from streams.drivers.kafka.topics import Topics
from streams.drivers.record_counts import RecordCounts
from streams.engine.decode.event_time import LONG_AGO
from streams.engine.decode.rejected import Rejected
from streams.engine.detect.detect import Detect
from streams.engine.detect.gather import Gather, JudgedStep, in_parts
from streams.engine.detect.successor import Successor
from streams.engine.rollup.blocks.block import Block
from streams.engine.rollup.blocks.block_codec import decode_block, encode_block
from streams.engine.rollup.rollup import JUST_NOW
from streams.engine.stages.dead_letter_limit import DeadLetterLimit, counted_in_topic, limit_error
from streams.engine.stages.late_watch import AHEAD, LATE_BY_AHEAD
from streams.engine.stages.rollup_engine import rollup_of, totals_of
from streams.ingest.batch_consumer.chunk import Chunk
from streams.ingest.formats.envelopes.confluent import SchemasNeededError
from streams.ingest.formats.inputs import Input, converted
from streams.process.metrics import Metrics

_HELD: Final = StatePart("held", dict[int, int])  # the offsets of records that are held back
_HELD_NUMBERS: Final = StatePart("held_numbers", dict[int, int])  # in payloads of several records
REQUESTED: Final = StatePart("asked", str)  # the backfill that is to be taken over


class RollupStage(Stage):
    """A partition of a source topic: raw records become blocks for the rollups topic, or dead letters.

    Parameters
    ----------
    shards
        Partitions of the rollups topic.
    source
        The input whose topic it is; None for that of the requests, whose records need no conversion.
    topic
        The topic of the input.
    on_run
        Called whenever some payloads of a chunk are done: they may hold many times their size.
    now
        The clock, epoch seconds. While records have just happened, the shards get buckets before these close,
        and while records are long over, whole steps. They judge the same without that. None: neither.
    """

    def __init__(
        self,
        partition: int,
        settings: Settings,
        shards: int,
        topics: Topics,
        metrics: Metrics | None = None,
        *,
        source: Input | None = None,
        topic: str | None = None,
        on_run: Callable[[], None] = lambda: None,
        now: Callable[[], float] | None = None,
    ) -> None:
        self._topics = topics
        self._now = now
        self._is_early = settings.time.early
        self._whole_steps = False  # of the newest snapshot
        self._step = settings.time.step
        self._told = (
            0  # the watermark up to which readers know where all sources end; 0: none since the start
        )
        self._topic = topic or topics.requests
        self._name = f"{self._topic}/{partition}"
        self._metrics = metrics or Metrics()
        self._partition = partition
        self._source = source
        self.rollup = rollup_of(settings, self._name, shards)
        self.counts = RecordCounts(self._name, self._metrics, totals_of([self.rollup]))
        self._held: dict[int, ReadAt] = {}  # places of records held back; 1 is the last record fed
        self._limit = DeadLetterLimit(settings.dead_letters)
        self._on_run = on_run
        self.records = 0
        self.rejected = 0

    def feed(self, chunk: Chunk) -> Iterable[Emission]:
        """Decode and roll up; return dead letters, then blocks of closed buckets.

        Raises
        ------
        streams.engine.stages.dead_letter_limit.DeadLetterLimitError
            When too many records are bad. Nothing is emitted, and the stage must not be fed again.
        UnfedError
            When a payload needs schemas that are not at hand.
        """
        if self._source is None:
            self._count_tombstones(chunk)
            return self._feed(NativeBatch(chunk))
        emissions: list[Emission] = []
        done = 0
        try:
            for batch in converted(self._source, chunk.values):
                emissions += self._feed(ConvertedBatch(batch, chunk))
                for why, count in batch.skipped.items():
                    self._metrics.skipped.labels(why).inc(count)
                done = batch.payloads
                self._on_run()
        except SchemasNeededError as error:
            self._count_tombstones(chunk.until(chunk.offsets[done]))
            raise UnfedError(error.needed, chunk.offsets[done], emissions) from None
        self._count_tombstones(chunk)
        return emissions

    def _feed(self, batch: NativeBatch | ConvertedBatch) -> list[Emission]:
        columns, rejected = self.rollup.decoder.decode(batch.records, batch.arrived)
        rejected = batch.all_rejected(rejected)
        if passed := self._limit.feed(len(batch), counted_in_topic(rejected)):
            offset = self._place(passed.rejected.index, batch).offset
            raise limit_error(passed, f"{self._topic}, partition {self._partition}, offset {offset}")
        blocks = self.rollup.feed(columns)
        if self._now is not None and self._is_early:
            blocks += self.rollup.early(self._now())
        self.records += len(batch)
        self.rejected += len(rejected)
        self.counts.count(len(batch), rejected, totals_of([self.rollup]), self.rollup.watermark)
        letters = [self._dead_letter(bad, self._place(bad.index, batch)) for bad in rejected]
        count = len(batch.records)
        self._held = {
            back: place
            for back in self.rollup.decoder.held
            if (place := batch.locate_record(count - back) if back <= count else self._held.get(back - count))
        }
        return [*letters, *self._blocks(blocks)]

    def idle(self, seconds: float, end: int | None = None) -> Iterable[Emission]:
        """Advance event time by the clock, so that this partition does not hold the shards back.

        Time goes no further than this host's clock: a broker's may have been ahead for the newest record.
        """
        arrival = self.rollup.decoder.time.arrival
        if self._now is not None and arrival is not None:
            seconds = min(seconds, self._now() - arrival)
        blocks = self.rollup.idle(seconds, end)
        self._held = {back: self._held[back] for back in self.rollup.decoder.held if back in self._held}
        return self._blocks(blocks)

    @property
    def wants_ends(self) -> bool:
        """Whether what it was fed moves time by a step, and is older than others' records that may wait.

        A prompt record does not overtake them: they are read within the second.
        """
        if self._now is None or self.watermark < self._told + self._step:
            return False
        return not self._told or self._now() - self.rollup.reached > JUST_NOW

    def tell_ends(self, ends: dict[str, int]) -> Iterable[Emission]:
        """Return blocks that tell the shards where all sources end: they wait for those that lag."""
        self._told = self.watermark
        return self._blocks(self.rollup.tell_ends(ends))

    @property
    def timely(self) -> int:
        """The number of records that had a say in time; 0 where all that is read is long ago.

        So who stamps records two hours back holds nobody back by two hours.
        """
        is_long_ago = self._now is not None and self.rollup.reached < self._now() - LONG_AGO
        return 0 if is_long_ago else self.rollup.decoder.time.timely

    @property
    def watermark(self) -> int:
        """The event time up to which its blocks are complete."""
        return self.rollup.watermark

    @property
    def ahead(self) -> str | None:
        """Why records from the future have most others not judged, and the remedy; None if they do not."""
        if self.counts.lateness.is_ahead:
            return AHEAD
        is_moved = self._now is not None and self.rollup.reached > self._now()
        return LATE_BY_AHEAD if is_moved and self.counts.lateness.is_late else None

    @property
    def is_usual(self) -> bool:
        """Whether it emits buckets."""
        return not self.rollup.whole_steps

    def wants_switch(self, arrived: float) -> bool:
        """Return whether it would emit whole steps from now on, or each bucket again."""
        return self._wants_steps(arrived) != self.rollup.whole_steps

    def prepare_switch(self, arrived: float) -> None:
        """Decide which; the next snapshot includes it."""
        self._whole_steps = self._wants_steps(arrived)

    def switch_mode(self) -> None:
        """Emit as the newest snapshot states."""
        self.rollup.switch_mode(whole_steps=self._whole_steps)

    def _wants_steps(self, arrived: float) -> bool:
        if self._now is None:
            return self.rollup.whole_steps
        reached = self.rollup.reached
        return self.rollup.wants_steps(self._now() - (reached if math.isfinite(reached) else arrived))

    def snapshot(self) -> dict[str, bytes]:
        """Return the state of decoder and rollup, the count of bad records, and the offsets held back."""
        parts = self.rollup.snapshot(whole_steps=self._whole_steps) | self._limit.snapshot()
        held = self._held.items()
        parts |= _HELD.pack({back: place.offset for back, place in held if place.offset is not None})
        numbers = {back: place.number for back, place in held if place.number is not None}
        if numbers:
            parts |= _HELD_NUMBERS.pack(numbers)
        return parts

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Go on from a snapshot."""
        self.rollup.restore(parts)
        self._whole_steps = self.rollup.whole_steps
        offsets = _HELD.unpack(parts, {})  # older checkpoints have none
        numbers = _HELD_NUMBERS.unpack(parts, {})
        self._held = {back: ReadAt(offset, numbers.get(back)) for back, offset in offsets.items()}
        self._limit.restore(parts)
        self.counts.totals = totals_of([self.rollup])

    def _count_tombstones(self, chunk: Chunk) -> None:
        if chunk.tombstones:
            self._metrics.skipped.labels("tombstone").inc(len(chunk.tombstones))

    def _blocks(self, blocks: Sequence[Block]) -> list[Emission]:
        self._metrics.blocks.inc(sum(not block.early for block in blocks))
        key = self._name.encode()
        return [Emission(self._topics.rollups, block.shard, key, encode_block(block)) for block in blocks]

    def _place(self, index: int, batch: NativeBatch | ConvertedBatch) -> ReadAt:
        """Return the place of a part by its index in this batch or, if negative, of a record before it."""
        return batch.locate_part(index) if index >= 0 else self._held.get(-index, ReadAt(None))

    def _dead_letter(self, rejected: Rejected, place: ReadAt) -> Emission:
        letter = {
            "reason": rejected.reason.value,
            "detail": rejected.detail,
            "topic": self._topic,
            "partition": self._partition,
            "offset": place.offset,
            "record": base64.b64encode(rejected.sample).decode(),  # its first kilobyte
        }
        if place.number is not None:
            letter["part"] = place.number
        if self._source is not None:
            letter["source"] = self._source.name
        key = f"{self._name}/{place}".encode()
        return Emission(self._topics.dead_letters, None, key, msgspec.json.encode(letter), once=True)


class DetectStage(Stateful, Stage):
    """A shard: blocks of all source partitions become judged steps for the findings topic.

    ``on_step`` is called with the start of every step that was judged. ``capacity`` holds the known limits;
    those of the settings when absent. With ``records``, the record of each step goes to the steps topic, for
    the history. ``requested`` names the backfill that is to be taken over; empty if none is.
    """

    STATE = (Owned("detect"), Held(REQUESTED, "requested", if_any=True))

    def __init__(
        self,
        shard: int,
        sources: Sequence[str],
        settings: Settings,
        topics: Topics,
        on_step: Callable[[int], None] | None = None,
        *,
        capacity: Capacity | None = None,
        records: bool = False,
    ) -> None:
        self.detect = Detect(shard, sources, settings, on_step, capacity=capacity, records=records)
        self._topics = topics
        self._key = str(shard).encode()
        self._encode = MessageEncoder().encode
        self.requested = ""

    def feed(self, chunk: Chunk) -> Iterable[Emission]:
        """Merge blocks and judge what they complete."""
        judged = self.detect.feed(self._blocks(chunk))
        findings, steps = self._topics.findings, self._topics.steps
        return [
            *(
                Emission(findings, 0, self._key, self._encode(part))
                for step in judged
                for part in in_parts(step)
            ),
            *(Emission(steps, 0, self._key, record) for record in self.detect.take_records()),
        ]

    def _blocks(self, chunk: Chunk) -> Iterator[Block]:
        for value in chunk.values:
            if (requested := requested_backfill(value)) is None:
                yield decode_block(value)
            else:
                self.requested = requested

    @property
    def watermark(self) -> int | None:
        """The event time up to which every source is complete."""
        return self.detect.watermark

    @property
    def heard(self) -> Mapping[str, int]:
        """The watermark of each source that holds time back."""
        return self.detect.steps.levels

    @property
    def series(self) -> int:
        """The number of series of the shard."""
        return self.detect.series

    def take_over(self, successor: Successor) -> None:
        """Go on with a judge that has judged the same blocks and knows the requested history."""
        self.detect, self.requested = successor.replace(self.detect), ""

    def forget_request(self) -> None:
        """Drop the request."""
        self.requested = ""


class IncidentsStage(Stateful, Stage):
    """The one partition of the findings topic: judged steps become notices for the notices topic."""

    STATE = (Owned("gather"), Owned("incidents"))

    def __init__(self, shards: int, settings: Settings, topics: Topics) -> None:
        self.incidents = Incidents(settings)
        self._watermark = 0
        self.gather = Gather(shards)
        self._step = settings.time.step
        self._topic = topics.notices
        self._decode = MessageDecoder(JudgedStep).decode

    @property
    def watermark(self) -> int:
        """The end of the newest emitted step, for display only."""
        return self._watermark

    def feed(self, chunk: Chunk) -> Iterable[Emission]:
        """Group findings step by step; emit the notices of each step, even if there are none."""
        emissions: list[Emission] = []
        for step in self.gather.feed(map(self._decode, chunk.values)):
            notices = step.to_notices(self.incidents)
            leaders = self.incidents.took_the_lead
            early = self.incidents.early_evaluations if step.early else 0
            if step.early and not notices:
                continue
            emissions += [
                Emission(self._topic, 0, None, record)
                for record in notices_parts(notices, leaders, step.watermark, step.changes, early=early)
            ]
            self._watermark = self._watermark if step.early else step.watermark
        return emissions

    def derive(self) -> None:
        """Show the newest step that every shard has judged."""
        if (start := self.gather.complete) is not None:
            self._watermark = start + self._step
