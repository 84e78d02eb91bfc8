"""The stages of the Kafka driver: classes of the engine between the records of two topics."""

import base64
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec
from msgspec.msgpack import Decoder as MessageDecoder
from msgspec.msgpack import Encoder as MessageEncoder

from alerting.incidents.incidents import Incidents
from config.capacity import Capacity
from config.settings import Settings
from detectors.state.state import pack, unpack
from streams.decode.decoder import Decoder
from streams.decode.rejected import Rejected
from streams.detect.detect import Detect
from streams.detect.gather import Gather, JudgedStep
from streams.detect.successor import Successor
from streams.engine.dead_letter_limit import DeadLetterLimit, counted, limit_error
from streams.engine.late_watch import LateWatch
from streams.kafka.notices import notices_parts
from streams.kafka.stage import Emission
from streams.kafka.takeover_record import asked_for
from streams.kafka.topics import Topics
from streams.lane.chunk import Chunk
from streams.process.metrics import Metrics
from streams.rollup.block import Block
from streams.rollup.block_codec import decode_block, encode_block
from streams.rollup.rollup import Rollup

HELD: Final = "held"  # the part with the offsets of records that are held back
HELD_VERSION: Final = 1
ASKED: Final = "asked"  # the part with the backfill that is to be taken up
ASKED_VERSION: Final = 1


class RollupStage:
    """A partition of the requests topic: raw records become blocks for the rollups topic, or dead letters."""

    def __init__(
        self,
        partition: int,
        settings: Settings,
        shards: int,
        topics: Topics,
        metrics: Metrics | None = None,
    ) -> None:
        self._topics = topics
        self._metrics = metrics or Metrics()
        self._partition = partition
        self._decoder = Decoder(settings)
        self.rollup = Rollup(f"{topics.requests}/{partition}", shards, settings.time, self._decoder)
        self._held: dict[int, int] = {}  # offsets of records held back; 1 is the last record fed
        self._limit = DeadLetterLimit(settings.dead_letters)
        self._folded = 0  # as counted so far
        self._unjoined = Counter[str]()
        self.lateness = LateWatch(f"{topics.requests}/{partition}")
        self.records = 0
        self.rejected = 0

    def feed(self, chunk: Chunk) -> Iterable[Emission]:
        """Decode and roll up; return dead letters, then blocks of closed buckets.

        Raises
        ------
        streams.engine.dead_letter_limit.DeadLetterLimitError
            When too many records are bad. Nothing is emitted, and the stage must not be fed again.
        """
        columns, rejected = self._decoder.decode(chunk.values, chunk.arrived)
        if passed := self._limit.feed(len(chunk), counted(rejected)):
            offset = self._offset(passed.rejected.index, chunk)
            raise limit_error(
                passed, f"{self._topics.requests}, partition {self._partition}, offset {offset}"
            )
        before = self._counted()
        blocks = self.rollup.feed(columns)
        self.records += len(chunk)
        self.rejected += len(rejected)
        self._count(len(chunk), rejected, before)
        letters = [self._dead_letter(one, self._offset(one.index, chunk)) for one in rejected]
        self._held = {
            back: offset
            for back in self._decoder.held
            if (offset := self._offset(len(chunk) - back, chunk)) is not None
        }
        return [*letters, *self._blocks(blocks)]

    def idle(self, seconds: float) -> Iterable[Emission]:
        """Tell the shards that this partition does not hold event time back, which goes on by the clock."""
        blocks = self.rollup.idle(seconds)
        self._held = {back: self._held[back] for back in self._decoder.held if back in self._held}
        return self._blocks(blocks)

    def snapshot(self) -> dict[str, bytes]:
        """Return the state of decoder and rollup, the count of bad records, and the offsets held back."""
        held = pack(HELD, HELD_VERSION, self._held, {})
        return {**self.rollup.snapshot(), **self._limit.snapshot(), HELD: held}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Go on from a snapshot."""
        self.rollup.restore(parts)
        if HELD in parts:  # older checkpoints have none
            self._held, _ = unpack(parts[HELD], HELD, HELD_VERSION, dict[int, int])
        self._limit.restore(parts)
        self._folded = self._decoder.folded
        self._unjoined = Counter(self.rollup.unjoined)

    def _counted(self) -> tuple[int, int]:
        return self.rollup.late, self.rollup.duplicates

    def _count(self, records: int, rejected: Sequence[Rejected], before: tuple[int, int]) -> None:
        metrics = self._metrics
        metrics.records.inc(records)
        for one in rejected:
            metrics.rejected.labels(one.reason.value).inc()
        late = self.rollup.late - before[0]
        metrics.late.inc(late)
        self.lateness.feed(records, late + len(rejected), self.rollup.watermark)
        metrics.duplicates.inc(self.rollup.duplicates - before[1])
        metrics.folded.inc(self._decoder.folded - self._folded)
        self._folded = self._decoder.folded
        unjoined, self._unjoined = self._unjoined, Counter(self.rollup.unjoined)
        for reason, count in (self._unjoined - unjoined).items():
            metrics.unjoined.labels(reason).inc(count)

    def _blocks(self, blocks: Sequence[Block]) -> list[Emission]:
        self._metrics.blocks.inc(len(blocks))
        key = f"{self._topics.requests}/{self._partition}".encode()
        return [Emission(self._topics.rollups, block.shard, key, encode_block(block)) for block in blocks]

    def _offset(self, index: int, chunk: Chunk) -> int | None:
        """Return the offset of a record by its index in this chunk or, if negative, before it."""
        return chunk.offsets[index] if index >= 0 else self._held.get(-index)

    def _dead_letter(self, rejected: Rejected, offset: int | None) -> Emission:
        letter = {
            "reason": rejected.reason.value,
            "detail": rejected.detail,
            "topic": self._topics.requests,
            "partition": self._partition,
            "offset": offset,
            "record": base64.b64encode(rejected.sample).decode(),  # its first kilobyte
        }
        key = f"{self._topics.requests}/{self._partition}/{offset}".encode()
        return Emission(self._topics.dead_letters, None, key, msgspec.json.encode(letter), once=True)


class DetectStage:
    """A shard: blocks of all source partitions become judged steps for the findings topic.

    ``on_step`` is called with the start of every step that was judged. ``capacity`` holds the known limits;
    those of the settings when absent. ``asked`` names the backfill that is to be taken up; empty if none is.
    """

    def __init__(
        self,
        shard: int,
        sources: Sequence[str],
        settings: Settings,
        topics: Topics,
        on_step: Callable[[int], None] | None = None,
        *,
        capacity: Capacity | None = None,
    ) -> None:
        self.detect = Detect(shard, sources, settings, on_step, capacity=capacity)
        self._topics = topics
        self._key = str(shard).encode()
        self._encode = MessageEncoder().encode
        self.asked = ""

    def feed(self, chunk: Chunk) -> Iterable[Emission]:
        """Merge blocks and judge what they complete."""
        judged = self.detect.feed(self._blocks(chunk))
        return [Emission(self._topics.findings, 0, self._key, self._encode(step)) for step in judged]

    def idle(self, _: float) -> Iterable[Emission]:
        """Do nothing: blocks advance time."""
        return ()

    def _blocks(self, chunk: Chunk) -> Iterator[Block]:
        for value in chunk.values:
            if (asked := asked_for(value)) is None:
                yield decode_block(value)
            else:
                self.asked = asked

    def take_over(self, successor: Successor) -> None:
        """Go on with a judge that has judged the same blocks and knows what was asked for."""
        self.detect, self.asked = successor.replace(self.detect), ""

    def forget_asked(self) -> None:
        """Do not take up what was asked for."""
        self.asked = ""

    def snapshot(self) -> dict[str, bytes]:
        """Return the state of the shard."""
        asked = {ASKED: pack(ASKED, ASKED_VERSION, self.asked, {})} if self.asked else {}
        return {**self.detect.snapshot(), **asked}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Go on from a snapshot."""
        self.asked = unpack(parts[ASKED], ASKED, ASKED_VERSION, str)[0] if ASKED in parts else ""
        self.detect.restore(parts)


class IncidentsStage:
    """The one partition of the findings topic: judged steps become notices for the notices topic.

    ``watermark`` is the end of the newest emitted step, for display only.
    """

    def __init__(self, shards: int, settings: Settings, topics: Topics) -> None:
        self.incidents = Incidents(settings)
        self.watermark = 0
        self.gather = Gather(shards)
        self._step = settings.time.step
        self._topic = topics.notices
        self._decode = MessageDecoder(JudgedStep).decode

    def feed(self, chunk: Chunk) -> Iterable[Emission]:
        """Group findings step by step; emit the notices of each step, even if there are none."""
        emissions: list[Emission] = []
        for one in self.gather.feed(map(self._decode, chunk.values)):
            notices = self.incidents.feed(one.findings, one.watermark, one.loads, one.uses, one.maturity)
            leaders = self.incidents.took_the_lead
            emissions += [
                Emission(self._topic, 0, None, record)
                for record in notices_parts(notices, leaders, one.watermark)
            ]
            self.watermark = one.watermark
        return emissions

    def idle(self, _: float) -> Iterable[Emission]:
        """Do nothing: steps advance time."""
        return ()

    def snapshot(self) -> dict[str, bytes]:
        """Return the steps that wait for other shards, and the incidents."""
        return {**self.gather.snapshot(), **self.incidents.snapshot()}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Go on from a snapshot."""
        self.gather.restore(parts)
        self.incidents.restore(parts)
        if (start := self.gather.complete) is not None:
            self.watermark = start + self._step
