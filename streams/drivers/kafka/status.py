"""The stages of a running Kafka daemon, as operators see them: status, readiness, metrics."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from faust.types import TP

from config.capacity import Capacity
from config.settings import Settings
from streams.drivers.kafka.board.history_keeping import StepsStage
from streams.drivers.kafka.hosted_partition import OPEN_TRANSACTION, HostedPartition
from streams.drivers.kafka.notices import NotifyStage
from streams.drivers.kafka.roles import BOARD
from streams.drivers.kafka.stage import StageRunner
from streams.drivers.kafka.stage_host import StageHost
from streams.drivers.kafka.stages import DetectStage, IncidentsStage, RollupStage
from streams.engine.detect.baselines import baselines
from streams.ingest.registry.registry import Registry
from streams.notify.pipeline_status import first_of
from streams.process.metrics import StageReading
from streams.process.part import Part

_S = TypeVar("_S")


class HostedStages(Part):
    """The stages of this process; ``host`` is None until Kafka has answered.

    ``current`` returns the configuration in force; ``registry`` is what stages may wait for.
    """

    def __init__(self, current: Callable[[], Settings], registry: Registry | None) -> None:
        self._current = current
        self._registry = registry
        self.host: StageHost | None = None

    @property
    def runners(self) -> Mapping[TP, StageRunner]:
        """The runners that are open, by partition."""
        return {} if self.host is None else self.host.runners

    def runner(self, tp: TP) -> StageRunner | None:
        """Return the runner of a partition, None while it is not open."""
        return self.runners.get(tp)

    def _opened(self) -> list[HostedPartition]:
        partitions = () if self.host is None else self.host.partitions.values()
        return [partition for partition in partitions if partition.runner is not None]

    def of(self, kind: type[_S]) -> Iterator[_S]:
        """Yield the stages of one kind."""
        return (runner.stage for runner in self.runners.values() if isinstance(runner.stage, kind))

    def limit(self, capacity: Capacity) -> None:
        """Go on with other limits at every shard of this process; shards that come later begin with them."""
        for stage in self.of(DetectStage):
            stage.detect.limit(capacity)

    def status(self) -> dict[str, object]:
        """Return the fields of ``uneri status``, without those that no role of this process knows."""
        if self.host is None:
            return {}
        runners = self.runners
        shown: dict[str, object] = {
            "partitions": {runner.key: runner.position or 0 for runner in runners.values()},
            "lag": {partition.key: partition.lag for partition in self._opened()},
            "deleted_unread": self.host.deleted_unread,
        }
        rollups, detects = list(self.of(RollupStage)), list(self.of(DetectStage))
        if rollups:
            shown["records"] = sum(stage.records for stage in rollups)
            shown["rejected"] = sum(stage.rejected for stage in rollups)
            shown["not_judged"] = (
                f"{max(stage.counts.lateness.share for stage in rollups):.0%} of the last records"
            )
            shown["watermark"] = min(stage.rollup.watermark for stage in rollups)
        if detects:
            shown["series"] = sum(stage.detect.series for stage in detects)
            ages = (stage.detect.ages() for stage in detects)
            shown["baselines"] = baselines(ages, self._current().judge)
            shown["watermark"] = min(stage.detect.watermark or 0 for stage in detects)
        for stage in self.of(IncidentsStage):
            shown["watermark"] = stage.watermark
        for notify in self.of(NotifyStage):
            shown.setdefault("watermark", notify.watermark)
        for steps in self.of(StepsStage):
            shown.setdefault("watermark", steps.segments.until)
        if not shown.get("watermark", True):
            shown["watermark"] = None  # nothing was read yet
        return shown

    def not_ready(self) -> str | None:
        """Return which stages are being restored or wait, and whose records are from the future or held."""
        if self.host is None:
            return None
        opening = self.host.opening
        waiting = [name for name in self.host.waiting if name != f"{BOARD}/0"]
        trouble = self._registry and self._registry.trouble
        held = sorted(partition.source for partition in self._opened() if partition.held)
        reasons = (
            self.ahead(),
            held and f"{', '.join(first_of(held, len(held)))}: {OPEN_TRANSACTION}",
            opening and f"the state of {', '.join(opening)} is being restored",
            waiting and f"{', '.join(waiting)} {'wait' if len(waiting) > 1 else 'waits'}: {trouble}",
        )
        return "; ".join(reason for reason in reasons if reason) or None

    def ahead(self) -> str | None:
        """Return which partitions have records from the future, and what that does."""
        found = defaultdict[str, list[str]](list)
        for tp, runner in self.runners.items():
            if isinstance(runner.stage, RollupStage) and (why := runner.stage.ahead):
                found[why].append(f"{tp.topic}/{tp.partition}")
        lines = (f"{', '.join(first_of(sorted(of), len(of)))}: {why}" for why, of in found.items())
        return "; ".join(lines) or None

    def readings(self) -> list[StageReading]:
        """Return the readings of each stage of this process for its metrics."""
        if (host := self.host) is None:
            return []
        now, processor = time.monotonic(), host.stalls.clock()
        return [
            StageReading(
                partition.hosted.role,
                partition.name,
                lag=partition.lag,
                watermark=runner.stage.watermark,
                checkpoint_age=runner.checkpoint_age,
                fetch_age=None if partition.received_at is None else now - partition.received_at,
                progress_age=None if partition.stall is None else processor - partition.stall.moved_at,
                series=runner.stage.series,
            )
            for partition in self._opened()
            if (runner := partition.runner) is not None
        ]

    def queues(self) -> dict[str, int]:
        """Return the sizes of the queues of this process."""
        depth = {} if self.host is None else self.host.queues()
        for detect in self.of(DetectStage):
            depth["open_steps"] = max(depth.get("open_steps", 0), detect.detect.steps.opened)
        for incidents in self.of(IncidentsStage):
            depth["steps_waiting_for_shards"] = incidents.gather.waiting
        for steps in self.of(StepsStage):
            depth["unwritten_history_bytes"] = steps.segments.held_bytes
        return depth
