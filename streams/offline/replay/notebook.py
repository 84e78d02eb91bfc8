"""Replays as plain function calls, for notebooks and tests."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from config.settings import Settings
from detectors.judge.judge import Judgement
from detectors.model.array_types import Floats, Ints
from detectors.model.measures import LATENCIES, Measure, Series
from detectors.model.scope import ScopeOrEdge
from streams.engine.detect.detect import OnJudgement
from streams.offline.replay.replay_pass import ReplayPass
from streams.offline.replay.replayed import Replayed
from streams.offline.sources.source import OnProgress, RecordSource


@dataclass(frozen=True, slots=True)
class Curve:
    """One series over a replay: arrays of shape (n,), one entry per step.

    Rates are per second, latencies in milliseconds; NaN where nothing was measured, or nothing expected yet.
    """

    about: ScopeOrEdge
    measure: Measure
    start: Ints  # epoch seconds
    observed: Floats
    expected: Floats
    lower: Floats
    upper: Floats
    score: Floats  # 0.5 is the threshold of a deviation


Wanted = Callable[[ScopeOrEdge, Measure], bool]
"""Returns whether to keep a series."""


class Curves:
    """Keeps series in memory, about 200 bytes per step and series. To be passed as ``watch``."""

    def __init__(self, step: int, wanted: Wanted) -> None:
        self._step = step  # seconds
        self._wanted = wanted
        self._rows: dict[int, list[tuple[int, Series]]] = {}  # by shard, identified by its list of series
        self._seen: dict[int, int] = {}
        self._kept: dict[tuple[ScopeOrEdge, Measure], list[list[float]]] = {}

    def __call__(self, judgement: Judgement, series: Sequence[Series]) -> None:
        """Add a judged step."""
        shard = id(series)
        rows = self._rows.setdefault(shard, [])
        for row in range(self._seen.get(shard, 0), len(series)):
            if self._wanted(series[row].about, series[row].measure):
                rows.append((row, series[row]))
        self._seen[shard] = len(series)
        arrays = (judgement.observed, judgement.expected, judgement.lower, judgement.upper)
        for row, kept_series in rows:
            per = 1 if kept_series.measure in LATENCIES else self._step
            kept = self._kept.setdefault((kept_series.about, kept_series.measure), [])
            kept.append([judgement.start, *(array[row] / per for array in arrays), judgement.score[row]])

    def curves(self) -> list[Curve]:
        """Return the curves, in the order in which the series appeared."""
        found = []
        for (about, measure), kept in self._kept.items():
            start, *columns = np.array(kept, np.float64).reshape(-1, 6).T
            found.append(Curve(about, measure, start.astype(np.int64), *columns))
        return found


def replay(history: RecordSource, settings: Settings, progress: OnProgress | None = None) -> Replayed:
    """Read the whole ``history`` and judge it as the daemon would have.

    Raises
    ------
    ReplayError
        When the history cannot be read.
    TypeError, ValueError
        When an argument is not valid.
    """
    return replay_together(history, [settings], progress)[0]


def replay_together(
    history: RecordSource,
    configs: Sequence[Settings],
    progress: OnProgress | None = None,
    watch: OnJudgement | None = None,
) -> list[Replayed]:
    """Read ``history`` once and judge it with every configuration; return one result for each.

    ``watch`` is called with every judgement of the first configuration.

    Raises
    ------
    ReplayError
        When the history cannot be read.
    TypeError, ValueError
        When an argument is not valid.
    """
    if isinstance(configs, Settings):
        raise TypeError("configs is a single configuration; pass [settings], or call replay")
    if not configs:
        raise ValueError("configs is empty; pass [settings]")
    _check(history, *configs)
    return ReplayPass(history, configs, watch).run(progress)


def replay_curves(
    history: RecordSource, settings: Settings, wanted: Wanted, progress: OnProgress | None = None
) -> tuple[Replayed, list[Curve]]:
    """Replay, and keep the ``wanted`` series as arrays over the whole history.

    Raises
    ------
    ReplayError
        When the history cannot be read.
    TypeError, ValueError
        When an argument is not valid.
    """
    _check(history, settings)
    curves = Curves(settings.time.step, wanted)
    found = replay_together(history, [settings], progress, curves)[0]
    return found, curves.curves()


def _check(history: RecordSource, *configs: Settings) -> None:
    """Raise a clear error for arguments that would otherwise fail deep inside."""
    if not hasattr(history, "pieces"):
        raise TypeError(f"history is a {type(history).__name__}; pass the result of open_history")
    for settings in configs:
        if not isinstance(settings, Settings):
            raise TypeError(f"settings is a {type(settings).__name__}; pass the result of load_settings")
