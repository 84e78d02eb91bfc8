"""What a running Kafka daemon tells about itself."""

from faust.types import TP

from streams.kafka_stages import DetectStage, IncidentsStage, RollupStage
from streams.pipeline_watch import first_of
from streams.stage import StageRunner
from streams.stage_host import StageHost


def status_of(host: StageHost) -> dict[str, object]:
    """Return what ``uneri status`` shows; what no role of this process knows is left out."""
    runners = host.runners
    told: dict[str, object] = {
        "driver": "kafka",
        "partitions": {runner.key: runner.position or 0 for runner in runners.values()},
        "lag": {runner.key: _lag(host, tp, runner) for tp, runner in runners.items()},
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
            going_on = [one.primary.sentence for one in stage.incidents.going_on()]
            told["open_incidents"] = first_of(going_on, len(going_on))
    return told


def _lag(host: StageHost, tp: TP, runner: StageRunner) -> int:
    end = host.app.chunk_consumer.highwater(tp)
    return max(0, (end or 0) - (runner.position or 0))
