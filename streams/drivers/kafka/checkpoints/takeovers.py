"""The shards of a process take over history that a backfill learnt, beside arriving records."""

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
from streams.drivers.kafka.checkpoints.takeover_record import LearntShard, learnt_key, requested_backfill
from streams.drivers.kafka.partition_consumer import open_partition
from streams.drivers.kafka.stage import StageRunner
from streams.drivers.kafka.stages import DetectStage
from streams.engine.detect.successor import BlocksError, Successor
from streams.engine.rollup.blocks.block_codec import decode_block
from streams.engine.stages.checkpoint import Checkpoint
from streams.process.part import Part

CHECK_SECONDS: Final = 1.0  # between two checks for a request of a backfill
RECORDS: Final = 200  # of blocks at a time
PAUSE_SECONDS: Final = 0.02  # after them, for arriving records

log = structlog.get_logger("uneri.history")


class _RefusedError(Exception):
    """The history cannot be taken over; the message has the reason."""


class Takeovers(Part):
    """Watches the detect stages of a process.

    A shard that is asked to take over a history reads the blocks of the last week once more and judges them
    with that history, while its stage judges arriving records. Once both are at the same block, the stage
    goes on with the new judge and writes a checkpoint. The next owner of the shard after a crash begins anew:
    the stage's checkpoint holds the request.
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
        self._runner = runner  # returns None while the stage is not open
        self._new = new
        self.progress: dict[int, float] = {}  # in [0, 1], by shard
        self._refused: dict[int, str] = {}  # why the last one was refused, by shard

    def status(self) -> dict[str, object]:
        """Return its part of ``uneri status``."""
        if not self.progress:
            refused = "; ".join(f"shard {shard}: {why}" for shard, why in sorted(self._refused.items()))
            return {"learning": f"the history was refused: {refused}"} if refused else {}
        least = min(self.progress.values())
        shards = ", ".join(map(str, sorted(self.progress)))
        return {
            "learning": f"{least:.0%} of what was judged is judged anew, after the history: shard {shards}"
        }

    async def watch(self, shard: int) -> None:
        """Serve the requests to a shard, until cancelled."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            runner = self._runner(TP(self._topic, shard))
            if runner is None or not isinstance(runner.stage, DetectStage) or not runner.stage.requested:
                continue
            self.progress[shard] = 0.0
            self._refused.pop(shard, None)
            try:
                await self._take_over(shard, runner, runner.stage)
            except _RefusedError as error:
                self._refused[shard] = str(error)
                await self._refuse(runner, runner.stage, str(error))
            except KafkaError as error:
                log.warning("taking up history begins anew: Kafka did not answer", error=repr(error))
            except FencedError as error:  # its new owner takes it over
                log.warning(str(error), key=runner.key)
            finally:
                del self.progress[shard]

    async def _take_over(self, shard: int, runner: StageRunner, stage: DetectStage) -> None:
        name = stage.requested
        log.info("taking up history: what was judged since is judged anew, beside what arrives", shard=shard)
        learnt = await self._learnt(shard, name)
        successor = await self._successor(shard, learnt)
        place = TopicPartition(self._topic, shard)
        async with open_partition(place, self._options) as consumer:
            await consumer.seek_to_beginning(place)
            first = at = await consumer.position(place)
            while runner.stage is stage and stage.requested == name and not runner.closed:
                end = runner.position or 0
                if at < end:
                    at = await self._read(consumer, place, end, successor)
                    self.progress[shard] = (at - first) / max(end - first, 1)
                    await asyncio.sleep(PAUSE_SECONDS)
                elif silent := successor.missed(stage.detect):
                    successor = await self._successor(shard, learnt, silent)
                    await consumer.seek_to_beginning(place)
                    at = await consumer.position(place)
                elif await runner.change_stage(partial(stage.take_over, successor), at=end):
                    log.info("the history is taken up", shard=shard)
                    await self._clear(shard, name)
                    return

    async def _read(
        self, consumer: AIOKafkaConsumer, place: TopicPartition, end: int, successor: Successor
    ) -> int:
        """Have a successor judge the next blocks before ``end``; return the offset after them."""
        read = await consumer.getmany(place, timeout_ms=500, max_records=RECORDS)
        records = [record for record in read.get(place, ()) if record.offset < end]
        at: int = await consumer.position(place)
        if at > end:
            consumer.seek(place, at := end)
        blocks = [decode_block(record.value) for record in records if not requested_backfill(record.value)]
        try:
            await asyncio.to_thread(successor.feed, blocks)
        except BlocksError as error:
            raise _RefusedError(str(error)) from error
        return at

    async def _learnt(self, shard: int, name: str) -> LearntShard:
        try:
            checkpoint = await self._checkpoints.peek(learnt_key(shard))
        except StateError as error:
            raise _RefusedError(str(error)) from error
        learnt = (
            None if checkpoint is None or not checkpoint.parts else LearntShard.from_checkpoint(checkpoint)
        )
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
        """Delete the history, unless another backfill has already replaced it."""
        key = learnt_key(shard)
        found = await self._checkpoints.load(key)
        if found is not None and found.parts and LearntShard.from_checkpoint(found).name == name:
            await self._checkpoints.save(key, Checkpoint())
        await self._checkpoints.close(key)

    async def _refuse(self, runner: StageRunner, stage: object, reason: str) -> None:
        log.error("the history was not taken up, and nothing has changed", key=runner.key, reason=reason)
        if isinstance(stage, DetectStage):
            await runner.change_stage(stage.forget_request)
