"""What a running Kafka daemon tells about itself."""

import time

from streams.kafka.notices import NotifyStage
from streams.kafka.stage import Stage
from streams.kafka.stage_host import StageHost
from streams.kafka.stages import DetectStage, IncidentsStage, RollupStage
from streams.notify.pipeline_status import first_of
from streams.process.metrics import StageReading


def status_of(host: StageHost) -> dict[str, object]:
    """Return what ``uneri status`` shows; what no role of this process knows is left out."""
    runners = host.runners
    told: dict[str, object] = {
        "partitions": {runner.key: runner.position or 0 for runner in runners.values()},
        "lag": {runner.key: host.lag(tp, runner) for tp, runner in runners.items()},
    }
    stages = [runner.stage for runner in runners.values()]
    rollups = [stage for stage in stages if isinstance(stage, RollupStage)]
    detects = [stage for stage in stages if isinstance(stage, DetectStage)]
    if rollups:
        told["records"] = sum(stage.records for stage in rollups)
        told["rejected"] = sum(stage.rejected for stage in rollups)
        told["watermark"] = min(stage.rollup.watermark for stage in rollups)
    if detects:
        told["series"] = sum(stage.detect.series for stage in detects)
        told["watermark"] = min(stage.detect.watermark or 0 for stage in detects)
    for stage in stages:
        if isinstance(stage, IncidentsStage):
            told["watermark"] = stage.watermark
            going_on = [one.primary.sentence for one in stage.incidents.ongoing()]
            told["open_incidents"] = first_of(going_on, len(going_on))
        if isinstance(stage, NotifyStage):
            told.setdefault("watermark", stage.watermark)
    if not told.get("watermark", True):
        told["watermark"] = None  # nothing was taken in yet
    return told


def readings(host: StageHost) -> list[StageReading]:
    """Return how each stage of this process is, for its metrics."""
    now = time.monotonic()
    return [
        StageReading(
            host.role(tp),
            tp.partition,
            lag=host.lag(tp, runner),
            watermark=watermark_of(runner.stage),
            checkpoint_age=runner.checkpoint_age,
            fetch_age=now - host.stalls.received_at[tp] if tp in host.stalls.received_at else None,
            progress_age=now - host.stalls.detectors[tp].moved_at if tp in host.stalls.detectors else None,
            series=runner.stage.detect.series if isinstance(runner.stage, DetectStage) else None,
        )
        for tp, runner in host.runners.items()
    ]


def queues(host: StageHost) -> dict[str, int]:
    """Return what waits in this process."""
    depth = host.queues()
    for runner in host.runners.values():
        stage = runner.stage
        if isinstance(stage, DetectStage):
            depth["open_steps"] = max(depth.get("open_steps", 0), stage.detect.steps.opened)
        if isinstance(stage, IncidentsStage):
            depth["steps_waiting_for_shards"] = stage.gather.waiting
    return depth


def watermark_of(stage: Stage) -> int | None:
    """Return the event time up to which a stage has taken everything in; None when it does not know."""
    if isinstance(stage, RollupStage):
        return stage.rollup.watermark
    if isinstance(stage, DetectStage):
        return stage.detect.watermark
    return stage.watermark if isinstance(stage, IncidentsStage | NotifyStage) else None
