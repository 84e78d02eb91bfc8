"""The shards of a process take up what a backfill learnt, beside what arrives."""

import asyncio
from collections.abc import Callable, Collection
from functools import partial
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from faust.types import TP

from detectors.state.state import StateError, why
from streams.drivers.kafka.checkpoints.checkpoints import KafkaCheckpoints
from streams.drivers.kafka.checkpoints.fenced_store import FencedError
from streams.drivers.kafka.checkpoints.takeover_record import LearntShard, asked_for, learnt_key
from streams.drivers.kafka.partition_consumer import reading
from streams.drivers.kafka.stage import StageRunner
from streams.drivers.kafka.stages import DetectStage
from streams.engine.detect.successor import BlocksError, Successor
from streams.engine.rollup.blocks.block_codec import decode_block
from streams.engine.stages.checkpoint import Checkpoint

LOOK_SECONDS: Final = 1.0  # between two looks whether a backfill asks for something
RECORDS: Final = 200  # of blocks at a time
PAUSE_SECONDS: Final = 0.02  # after them, for what arrives

log = structlog.get_logger("uneri.history")


class _RefusedError(Exception):
    """What was learnt cannot be taken up; the message says why."""


class Takeovers:
    """Watches the detect stages of a process.

    A shard that is asked to take up a history reads the blocks of the last week once more and judges them
    after the history, while its stage judges what arrives. Once both are at the same block, the stage goes
    on with the new judge and writes a checkpoint. Whoever owns the shard after a crash begins anew: the
    stage's checkpoint says that it was asked.

    Parameters
    ----------
    topic
        The rollups topic.
    checkpoints
        Has what was learnt.
    options
        Keyword arguments of every aiokafka client.
    runner
        Returns the runner of a partition, None while it is not open.
    new
        Returns a new stage of a shard.
    """

    def __init__(
        self,
        topic: str,
        checkpoints: KafkaCheckpoints,
        options: dict[str, Any],
        runner: Callable[[TP], StageRunner | None],
        new: Callable[[int], DetectStage],
    ) -> None:
        self._topic = topic
        self._checkpoints = checkpoints
        self._options = options
        self._runner = runner
        self._new = new
        self.progress: dict[int, float] = {}  # in [0, 1], by shard
        self._refused: dict[int, str] = {}  # why the last one was not taken up, by shard

    def status(self) -> dict[str, object]:
        """Return what ``uneri status`` shows."""
        if not self.progress:
            several = "; ".join(f"shard {shard}: {why}" for shard, why in sorted(self._refused.items()))
            return {"learning": f"the history was refused: {several}"} if several else {}
        least = min(self.progress.values())
        shards = ", ".join(map(str, sorted(self.progress)))
        return {
            "learning": f"{least:.0%} of what was judged is judged anew, after the history: shard {shards}"
        }

    async def watch(self, shard: int) -> None:
        """Take up whatever a shard is asked to, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            runner = self._runner(TP(self._topic, shard))
            if runner is None or not isinstance(runner.stage, DetectStage) or not runner.stage.asked:
                continue
            self.progress[shard] = 0.0
            self._refused.pop(shard, None)
            try:
                await self._take_up(shard, runner, runner.stage)
            except _RefusedError as error:
                self._refused[shard] = str(error)
                await self._refuse(runner, runner.stage, str(error))
            except KafkaError as error:
                log.warning("taking up history begins anew: Kafka did not answer", error=repr(error))
            except FencedError as error:  # its new owner takes it up
                log.warning(str(error), key=runner.key)
            finally:
                del self.progress[shard]

    async def _take_up(self, shard: int, runner: StageRunner, stage: DetectStage) -> None:
        name = stage.asked
        log.info("taking up history: what was judged since is judged anew, beside what arrives", shard=shard)
        learnt = await self._learnt(shard, name)
        successor = await self._successor(shard, learnt)
        place = TopicPartition(self._topic, shard)
        async with reading(place, self._options) as consumer:
            await consumer.seek_to_beginning(place)
            first = at = await consumer.position(place)
            while runner.stage is stage and stage.asked == name and not runner.closed:
                end = runner.position or 0
                if at < end:
                    at = await self._read(consumer, place, end, successor)
                    self.progress[shard] = (at - first) / max(end - first, 1)
                    await asyncio.sleep(PAUSE_SECONDS)
                elif silent := successor.missed(stage.detect):
                    successor = await self._successor(shard, learnt, silent)
                    await consumer.seek_to_beginning(place)
                    at = await consumer.position(place)
                elif await runner.change(partial(stage.take_over, successor), at=end):
                    log.info("the history is taken up", shard=shard)
                    await self._clear(shard, name)
                    return

    async def _read(
        self, consumer: AIOKafkaConsumer, place: TopicPartition, end: int, successor: Successor
    ) -> int:
        """Have a successor judge the next blocks before ``end``; return the offset after them."""
        read = await consumer.getmany(place, timeout_ms=500, max_records=RECORDS)
        records = [one for one in read.get(place, ()) if one.offset < end]
        at: int = await consumer.position(place)
        if at > end:
            consumer.seek(place, at := end)
        blocks = [decode_block(record.value) for record in records if not asked_for(record.value)]
        try:
            await asyncio.to_thread(successor.feed, blocks)
        except BlocksError as error:
            raise _RefusedError(str(error)) from error
        return at

    async def _learnt(self, shard: int, name: str) -> LearntShard:
        try:
            checkpoint = await self._checkpoints.look(learnt_key(shard))
        except StateError as error:
            raise _RefusedError(str(error)) from error
        learnt = None if checkpoint is None or not checkpoint.parts else LearntShard.of(checkpoint)
        if learnt is None or learnt.name != name:
            raise _RefusedError("another backfill has replaced it")
        return learnt

    async def _successor(self, shard: int, learnt: LearntShard, silent: Collection[str] = ()) -> Successor:
        new, parts = self._new(shard).detect, learnt.parts or None
        try:
            return await asyncio.to_thread(Successor, new, parts, learnt.until, silent)
        except (StateError, KeyError, ValueError) as error:
            raise _RefusedError(why(error)) from error

    async def _clear(self, shard: int, name: str) -> None:
        """Delete what is taken up, unless another backfill has already replaced it."""
        key = learnt_key(shard)
        found = await self._checkpoints.load(key)
        if found is not None and found.parts and LearntShard.of(found).name == name:
            await self._checkpoints.save(key, Checkpoint())
        await self._checkpoints.close(key)

    async def _refuse(self, runner: StageRunner, stage: object, reason: str) -> None:
        log.error("the history was not taken up, and nothing has changed", key=runner.key, reason=reason)
        if isinstance(stage, DetectStage):
            await runner.change(stage.forget_asked)
