"""Stall detection: finds a stage that stands still although there is more to read and a broker answers.

The ends of partitions are queried by a client of its own, because the consumer may be hanging.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from faust.types import TP

from streams.drivers.kafka.hosted_partition import HostedPartition
from streams.drivers.kafka.stage import Bounds
from streams.process.processor_clock import ProcessorClock
from streams.process.watchdog import OPENING_SECONDS, STUCK_SECONDS

PATIENCE: Final = 5.0  # seconds


class PartitionEnds:
    """Queries the bounds of partitions with a client that is created when it is first needed."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options
        self._client: AIOKafkaConsumer | None = None

    async def query(self, tps: Collection[TP]) -> dict[TP, Bounds] | None:
        """Return the readable bounds, None if no broker answers."""
        places = [TopicPartition(*tp) for tp in tps]
        try:
            async with asyncio.timeout(PATIENCE):
                if self._client is None:
                    self._client = client = AIOKafkaConsumer(
                        enable_auto_commit=False, isolation_level="read_committed", **self._options
                    )
                    await client.start()
                first = await self._client.beginning_offsets(places)
                end = await self._client.end_offsets(places)
        except (KafkaError, OSError, TimeoutError):
            await self.close()
            return None
        return {TP(*place): Bounds(first[place], end[place]) for place in places}

    async def close(self) -> None:
        """Close the client; the next query creates another."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(KafkaError, OSError, TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await client.stop()


class StallWatch:
    """Observes the partitions of one process, from their opening to their closing.

    Only time counts in which the process did not wait for a processor: slow is not stuck.
    """

    def __init__(
        self, ends: PartitionEnds, limit: float = STUCK_SECONDS, clock: Callable[[], float] | None = None
    ) -> None:
        self.clock = clock or ProcessorClock()
        self._ends = ends
        self._limit = limit  # seconds without progress after which a stage is stuck

    def quiet_seconds(self, partition: HostedPartition) -> float:
        """Return how long an open stage has neither received a chunk nor moved."""
        assert partition.stall is not None  # noqa: S101 - it is open
        since_received = time.monotonic() - (partition.received_at or 0.0)
        return min(since_received, self.clock() - partition.stall.moved_at)

    async def check(self, partitions: Collection[HostedPartition], offered: TP | None) -> str | None:
        """Return the stage that is stuck and how, None if none is; the fetcher waits for ``offered``."""
        now = self.clock()
        suspects = self._suspects(partitions, offered, now)
        late = [
            partition
            for partition in partitions
            if partition.is_opening and now - partition.opening_since > OPENING_SECONDS
        ]
        if not suspects and not late:
            return None
        ends = await self._ends.query([partition.tp for partition in (*suspects, *late)])
        now = self.clock()
        if ends is None:
            for partition in suspects:
                if partition.stall is not None:
                    partition.stall.reset(now)
            for partition in late:
                partition.opening_since = now
            return None
        stuck = (self._stuck(partition, ends[partition.tp], now) for partition in suspects)
        if reason := next(filter(None, stuck), None):
            return reason
        return f"{late[0].key} could not be opened" if late else None

    def _suspects(
        self, partitions: Collection[HostedPartition], offered: TP | None, now: float
    ) -> list[HostedPartition]:
        """Return the partitions that have stood still for long, but for those that cannot progress.

        Chunks of a topic are processed one after the other: they wait while one of its partitions is opened,
        which has a limit of its own. All topics share one fetcher: while it waits for room in the queue of
        one, the others receive nothing, and only that one is not excused.
        """
        topics = {partition.tp.topic for partition in partitions if partition.is_opening}
        suspects = []
        for partition in partitions:
            runner, stall = partition.runner, partition.stall
            if runner is None or stall is None:
                continue
            stall.observe(now, runner.position, runner.saved)
            starved = offered is not None and offered.topic != partition.tp.topic
            if partition.is_paused or partition.tp.topic in topics or starved:
                stall.reset_progress(now)
            elif stall.age(now) > self._limit / 3:
                suspects.append(partition)
        return suspects

    def _stuck(self, partition: HostedPartition, bounds: Bounds, now: float) -> str | None:
        runner, stall = partition.runner, partition.stall
        if runner is None or stall is None:
            return None
        if bounds.end <= max(bounds.first, runner.position or 0):  # deleted records cannot be read
            stall.reset_progress(now)
        reason = stall.stuck(now, self._limit)
        return reason and f"{reason}, and the broker answers"
