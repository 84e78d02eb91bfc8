"""Stall detection: finds a stage that stands still although there is more to read and a broker answers.

The ends of partitions are queried by a client of its own, because the consumer may be hanging.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from faust.types import TP

from streams.drivers.kafka.stage import Bounds, StageRunner
from streams.process.processor_clock import ProcessorClock
from streams.process.watchdog import OPENING_SECONDS, STUCK_SECONDS, StallDetector

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
    """Observes the stages of one process from their opening to their closing.

    Only time counts in which the process did not wait for a processor: slow is not stuck.
    """

    def __init__(
        self, ends: PartitionEnds, limit: float = STUCK_SECONDS, clock: Callable[[], float] | None = None
    ) -> None:
        self.received_at: dict[TP, float] = {}  # when the newest chunk was, monotonic
        self.detectors: dict[TP, StallDetector] = {}
        self._clock = clock or ProcessorClock()
        self._ends = ends
        self._limit = limit  # seconds without progress after which a stage is stuck
        self._opening_since: dict[TP, float] = {}

    def received(self, tp: TP) -> None:
        """Note that a chunk arrived."""
        self.received_at[tp] = time.monotonic()

    def opening(self, tp: TP) -> None:
        """Note that a stage is being opened."""
        self._opening_since[tp] = self._clock()

    def opened(self, tp: TP, key: str) -> None:
        """Observe a stage from now on."""
        self.detectors[tp] = StallDetector(key, self._clock())

    def closed(self, tp: TP) -> None:
        """Forget a stage."""
        for kept in (self.received_at, self.detectors, self._opening_since):
            kept.pop(tp, None)

    def quiet_seconds(self, tp: TP) -> float:
        """Return how long an open stage has neither received a chunk nor moved."""
        since_received = time.monotonic() - self.received_at.get(tp, 0.0)
        return min(since_received, self._clock() - self.detectors[tp].moved_at)

    def progress_ages(self) -> dict[TP, float]:
        """Return how long each open stage has not moved, seconds."""
        now = self._clock()
        return {tp: now - detector.moved_at for tp, detector in self.detectors.items()}

    async def check(
        self,
        runners: Mapping[TP, StageRunner],
        opening: Collection[TP],
        excused: Callable[[TP], bool],
        name: Callable[[TP], str],
    ) -> str | None:
        """Return the stage that is stuck and how, None if none is.

        ``excused`` stages cannot progress: they are paused, or another one is in their way.
        """
        now = self._clock()
        suspects: list[TP] = []
        for tp, runner in runners.items():
            if (detector := self.detectors.get(tp)) is None:
                continue
            detector.observe(now, runner.position, runner.saved)
            if excused(tp):
                detector.reset_progress(now)
            elif detector.age(now) > self._limit / 3:
                suspects.append(tp)
        late = [
            tp for tp, since in self._opening_since.items() if tp in opening and now - since > OPENING_SECONDS
        ]
        if not suspects and not late:
            return None
        ends = await self._ends.query([*suspects, *late])
        now = self._clock()
        if ends is None:
            self._excuse(suspects, late, now)
            return None
        stuck = (self._stuck(tp, runners[tp], ends[tp], now) for tp in suspects)
        if reason := next(filter(None, stuck), None):
            return reason
        return None if not late else f"{name(late[0])} could not be opened"

    def _stuck(self, tp: TP, runner: StageRunner, bounds: Bounds, now: float) -> str | None:
        if (detector := self.detectors.get(tp)) is None:
            return None  # closed meanwhile
        if bounds.end <= max(bounds.first, runner.position or 0):  # deleted records cannot be read
            detector.reset_progress(now)
        reason = detector.stuck(now, self._limit)
        return reason and f"{reason}, and the broker answers"

    def _excuse(self, suspects: list[TP], late: list[TP], now: float) -> None:
        for tp in suspects:
            if detector := self.detectors.get(tp):
                detector.reset(now)
        for tp in late:
            self._opening_since[tp] = now
