"""A small backend whose requests fill a history: two functions, a hot table, throttles, late records."""

import json
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from config.settings import Settings
from detectors.model.array_types import Floats
from streams.engine.stages.detection_engine import DetectionEngine
from streams.engine.stages.rollup_engine import RollupEngine

START: Final = 1_764_201_600  # 2025-11-27T00:00:00Z
SOURCE: Final = "local/0"

SETTINGS: Final = Settings.model_validate({"judge": {"young": 3600}})


def requests(
    minutes: int, *, start: int = START, per_minute: int = 6, late: bool = True, within: int = 60
) -> list[bytes]:
    """Return the records of some minutes, as lines.

    They come within so many seconds of each minute: a bucket that is filled costs time.
    """
    lines: list[dict[str, Any]] = []
    for minute in range(minutes):
        for number in range(per_minute):
            at = start + minute * 60 + number * within / per_minute
            event: dict[str, Any] = {
                "ts": round(at, 3),
                "cloud": "aws",
                "account": "1",
                "region": "eu-west-1",
                "service": "shop",
                "route": "POST /items",
                "function": f"put-{number % 2}",
                "client": {"name": "ios", "version": "3.2.1"},
                "status": 200,
                "ms": {"total": 20 + number, "function": 10 + number, "code": 9},
                "tables": [{"name": "items", "op": "PutItem", "ms": 4, "wcu": 1.5 + number}],
            }
            if (minute + number) % 97 == 0:
                event["tables"][0]["throttled"] = "ProvisionedThroughputExceeded"
            lines.append(event)
        if late and minute % 41 == 40:
            lines.append(lines[-40 * per_minute] | {"id": f"late-{minute}"})
    return [json.dumps(line).encode() for line in lines]


def arrivals(lines: Sequence[bytes]) -> Floats:
    """Return when records arrive: at once, or, if they are late, with the one before."""
    stamps = np.array([json.loads(line)["ts"] for line in lines])
    return np.maximum.accumulate(stamps)


class Backend:
    """An engine of one source and some shards that records its steps."""

    def __init__(self, shards: int = 1, settings: Settings = SETTINGS) -> None:
        self.judgements: list[Any] = []
        self._rolling = RollupEngine(settings, [SOURCE], shards)
        self.judging = DetectionEngine(
            settings,
            [SOURCE],
            shards,
            on_judgement=lambda judgement, series: self.judgements.append((judgement, list(series))),
            records=True,
        )

    def feed(self, lines: Sequence[bytes]) -> list[bytes]:
        """Return the records of the steps that lines complete."""
        return self.judging.judge(self._rolling.feed(SOURCE, lines, arrivals(lines)).blocks).records

    def finish(self) -> list[bytes]:
        """Return the records of what is left."""
        return self.judging.judge(self._rolling.finish(SOURCE).blocks).records

    def snapshot(self) -> dict[str, bytes]:
        return self._rolling.snapshot() | self.judging.snapshot()

    def restore(self, parts: dict[str, bytes]) -> None:
        self._rolling.restore(parts)
        self.judging.restore(parts)
