"""Runs a log through the engine as a daemon meets it: early, and by the clock while nothing arrives."""

import io
import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from alerting.incidents.answers import incident_entry
from config.settings import Settings
from detectors.state import zstd
from streams.engine.stages.engine import Engine

SOURCE: Final = "requests/0"
COARSE: Final = 600.0  # seconds of records at a time without early evaluation
FINE: Final = 2.0  # and with it
DELAY: Final = 0.5  # seconds from a request to its arrival


def lived(source: Path, config: Path | None, since: float) -> list[dict[str, Any]]:
    """Return the incidents of a log, evaluated early from ``since`` on (epoch seconds), as JSON objects."""
    given = {} if config is None else json.loads(config.read_text(encoding="utf-8"))
    settings = Settings.model_validate(given)
    engine = Engine(settings, [SOURCE], remember_all=True)
    newest = 0.0
    for at, records, arrived in _runs(source, since):
        if at >= since:
            for passed in np.arange(settings.time.step, arrived[0] - newest, settings.time.step):
                engine.idle(SOURCE, float(passed))  # while nothing arrives, time goes on by the clock
        newest = arrived[-1]
        engine.feed(SOURCE, records, np.array(arrived))
        if at >= since:
            engine.evaluate_early(SOURCE, arrived[-1])
    engine.finish(SOURCE)
    return [msgspec.to_builtins(incident_entry(incident)) for incident in engine.incidents.all()]


def _runs(source: Path, since: float) -> Iterator[tuple[float, list[bytes], list[float]]]:
    """Yield the records that arrive together, and when each does: they are written as they arrive."""
    with zstd.ZstdFile(source) as file:
        lines = _arrivals(io.BufferedReader(file))
        for at, run in groupby(lines, lambda pair: _begin(pair[0], since)):
            several = list(run)
            yield at, [line for _, line in several], [arrived for arrived, _ in several]


def _arrivals(lines: Iterable[bytes]) -> Iterator[tuple[float, bytes]]:
    stamp = msgspec.json.Decoder(_Stamp).decode
    newest = 0.0
    for line in lines:
        newest = max(newest, stamp(line).ts + DELAY)
        yield newest, line


def _begin(arrived: float, since: float) -> float:
    width = FINE if arrived >= since else COARSE
    return arrived // width * width


class _Stamp(msgspec.Struct):
    ts: float
