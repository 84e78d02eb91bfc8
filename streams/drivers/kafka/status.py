"""Status and metrics of a running Kafka daemon."""

import time

from alerting.words.mrkdwn import clean
from config.settings import JudgeSettings
from streams.drivers.kafka.board.history_keeping import StepsStage
from streams.drivers.kafka.notices import NotifyStage
from streams.drivers.kafka.stage import Stage
from streams.drivers.kafka.stage_host import StageHost
from streams.drivers.kafka.stages import DetectStage, IncidentsStage, RollupStage
from streams.engine.detect.baselines import baselines
from streams.engine.stages.dead_letter_limit import AHEAD
from streams.notify.pipeline_status import first_of
from streams.process.metrics import StageReading


def status_of(host: StageHost, judge: JudgeSettings) -> dict[str, object]:
    """Return the fields of ``uneri status``, without those that no role of this process knows."""
    runners = host.runners
    shown: dict[str, object] = {
        "partitions": {runner.key: runner.position or 0 for runner in runners.values()},
        "lag": {runner.key: host.lag(tp, runner) for tp, runner in runners.items()},
    }
    stages = [runner.stage for runner in runners.values()]
    rollups = [stage for stage in stages if isinstance(stage, RollupStage)]
    detects = [stage for stage in stages if isinstance(stage, DetectStage)]
    if rollups:
        shown["records"] = sum(stage.records for stage in rollups)
        shown["rejected"] = sum(stage.rejected for stage in rollups)
        shown["not_judged"] = f"{max(stage.lateness.share for stage in rollups):.0%} of the last records"
        shown["watermark"] = min(stage.rollup.watermark for stage in rollups)
    if detects:
        shown["series"] = sum(stage.detect.series for stage in detects)
        shown["baselines"] = baselines((stage.detect.ages() for stage in detects), judge)
        shown["watermark"] = min(stage.detect.watermark or 0 for stage in detects)
    for stage in stages:
        if isinstance(stage, IncidentsStage):
            shown["watermark"] = stage.watermark
            ongoing = [clean(incident.primary.sentence) for incident in stage.incidents.ongoing()]
            shown["open_incidents"] = first_of(ongoing, len(ongoing))
        if isinstance(stage, NotifyStage):
            shown.setdefault("watermark", stage.watermark)
        if isinstance(stage, StepsStage):
            shown.setdefault("watermark", stage.segments.until)
    if not shown.get("watermark", True):
        shown["watermark"] = None  # nothing was read yet
    return shown


def ahead(host: StageHost) -> str | None:
    """Return which partitions have records that come from the future by their time stamps in Kafka."""
    found = sorted(
        f"{tp.topic}/{tp.partition}"
        for tp, runner in host.runners.items()
        if isinstance(runner.stage, RollupStage) and runner.stage.lateness.is_ahead
    )
    return f"{', '.join(first_of(found, len(found)))}: {AHEAD}" if found else None


def readings(host: StageHost) -> list[StageReading]:
    """Return the readings of each stage of this process for its metrics."""
    now, progress_ages = time.monotonic(), host.stalls.progress_ages()
    return [
        StageReading(
            host.role(tp),
            host.partition(tp),
            lag=host.lag(tp, runner),
            watermark=watermark_of(runner.stage),
            checkpoint_age=runner.checkpoint_age,
            fetch_age=now - host.stalls.received_at[tp] if tp in host.stalls.received_at else None,
            progress_age=progress_ages.get(tp),
            series=runner.stage.detect.series if isinstance(runner.stage, DetectStage) else None,
        )
        for tp, runner in host.runners.items()
    ]


def queues(host: StageHost) -> dict[str, int]:
    """Return the sizes of the queues of this process."""
    depth = host.queues()
    for runner in host.runners.values():
        stage = runner.stage
        if isinstance(stage, DetectStage):
            depth["open_steps"] = max(depth.get("open_steps", 0), stage.detect.steps.opened)
        if isinstance(stage, IncidentsStage):
            depth["steps_waiting_for_shards"] = stage.gather.waiting
        if isinstance(stage, StepsStage):
            depth["unwritten_history_bytes"] = stage.segments.held_bytes
    return depth


def watermark_of(stage: Stage) -> int | None:
    """Return the event time up to which a stage has processed everything; None if it is unknown."""
    if isinstance(stage, RollupStage):
        return stage.rollup.watermark
    if isinstance(stage, DetectStage):
        return stage.detect.watermark
    if isinstance(stage, StepsStage):
        return stage.segments.until or None
    return stage.watermark if isinstance(stage, IncidentsStage | NotifyStage) else None
