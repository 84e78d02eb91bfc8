"""Judges all series of a shard, one closed step after the other."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from config.capacity import Capacity
from config.settings import Settings
from detectors.judge import Judge
from detectors.latency import quantile_of_rows
from detectors.measures import COLUMN, JUDGED, KEPT_ON_EDGES, Measure
from detectors.scope import Edge, ScopeOrEdge
from detectors.series import Series
from detectors.state import pack, unpack
from streams.block import Block
from streams.findings import Findings
from streams.gather import Judged
from streams.steps import Step, Steps

CALLS_FOR_P95 = 20  # a p95 of fewer calls is their maximum
PULSE_MEMORY = 1 / 60  # weight of the newest step in the running mean of records a step
CERTAIN_RECORDS = 10.0  # e^-10: a step without records where so many are usual is a gap, not chance


class _Meta(msgspec.Struct, array_like=True):
    added: list[int]
    pulse: float


class Detect:
    """One shard: merges blocks into steps and judges every series at each step.

    Parameters
    ----------
    shard
        Number of the shard.
    sources
        Every source partition that feeds it; a step is judged when all of them have passed it.
    settings
        What to judge by.
    on_step
        Called with the start of every step that was judged (progress).
    """

    VERSION = 1

    def __init__(
        self,
        shard: int,
        sources: Sequence[str],
        settings: Settings,
        on_step: Callable[[int], None] | None = None,
    ) -> None:
        self._shard = shard
        self._settings = settings
        self._capacity = Capacity(settings.limits)
        self._on_step = on_step
        self._steps = Steps(sources, settings.time.step)
        self._judge = Judge(settings.judge, settings.time.step)
        self._findings = Findings(self._judge, settings.time.step)
        self._pulse = 0.0  # records in a usual step
        self._forget_rows()

    def _forget_rows(self) -> None:
        self._added: list[int] = []  # rows of the scopes whose series the judge has, in its order
        self._known = np.zeros(0, bool)  # the same as a mask over rows
        self._scope_of = np.zeros(0, np.intp)  # series -> row of its scope
        self._column_of = np.zeros(0, np.intp)  # series -> column of the sums; 0 for latency
        self._latency_series = np.zeros(0, np.intp)  # the series that are latencies

    @property
    def watermark(self) -> int | None:
        """The event time up to which every source is complete."""
        return self._steps.watermark

    @property
    def late(self) -> int:
        """Records that came after their step had been judged: counted, not judged again."""
        return self._steps.late

    @property
    def series(self) -> int:
        """How many series this shard keeps."""
        return len(self._scope_of)

    def feed(self, blocks: Iterable[Block]) -> list[Judged]:
        """Take blocks in; return every step that they completed with what was found in it."""
        return [self._judge_step(step) for step in self._steps.feed(blocks)]

    def _judge_step(self, step: Step) -> Judged:
        self._add_new_scopes(step)
        values, completeness = self._values(step)
        judgement = self._judge.judge(step.start, values, completeness)
        findings = self._findings.tell(step, self._steps.scopes, judgement, completeness)
        if self._on_step:
            self._on_step(step.start)
        return Judged(self._shard, step.start, step.start + self._settings.time.step, findings)

    def _values(self, step: Step) -> tuple[NDArray[np.float64], float]:
        """Return this step's value of every series, and how complete the step was."""
        values = step.sums[self._scope_of, self._column_of]
        if self._latency_series.size:
            values[self._latency_series] = self._p95(step)[self._scope_of[self._latency_series]]
        if step.records == 0 and self._pulse >= CERTAIN_RECORDS:
            values[:] = np.nan  # nothing came at all: the pipeline had a gap, which is not zero traffic
            return values, 0.0
        self._pulse += PULSE_MEMORY * (step.records - self._pulse)
        return values, 1.0

    def _p95(self, step: Step) -> NDArray[np.float64]:
        rows, bins, counts = step.latency
        scopes = len(step.sums)
        calls = np.bincount(rows, counts, scopes)
        return np.where(calls >= CALLS_FOR_P95, quantile_of_rows(rows, bins, counts, scopes, 0.95), np.nan)

    def _add_new_scopes(self, step: Step) -> None:
        """Add what this step saw first, in an order that does not depend on who reported first."""
        active: NDArray[np.bool_] = np.any(step.sums != 0, axis=1)
        active[: len(self._known)] &= ~self._known[: len(active)]
        self._add(sorted(np.flatnonzero(active).tolist(), key=lambda row: _sortable(self._steps.scopes[row])))

    def _add(self, fresh: Sequence[int]) -> None:
        if not fresh:
            return
        series: list[Series] = []
        rows: list[int] = []
        columns: list[int] = []
        latencies: list[int] = []
        for row in fresh:
            about = self._steps.scopes[row]
            for measure in _kept(about):
                if measure is Measure.LATENCY:
                    latencies.append(len(self._scope_of) + len(rows))
                    columns.append(0)
                else:
                    columns.append(COLUMN[measure])
                series.append(self._series(about, measure))
                rows.append(row)
        self._judge.add(series)
        self._findings.add(series)
        self._scope_of = np.r_[self._scope_of, np.array(rows, np.intp)]
        self._column_of = np.r_[self._column_of, np.array(columns, np.intp)]
        self._latency_series = np.r_[self._latency_series, np.array(latencies, np.intp)]
        self._added += fresh
        self._known = np.zeros(len(self._steps.scopes), bool)
        self._known[self._added] = True

    def _series(self, about: ScopeOrEdge, measure: Measure) -> Series:
        if isinstance(about, Edge):
            return Series(about, measure, judged=False)
        floor = getattr(self._settings.floors, measure.value)
        limit = self._capacity.of(about.kind, about.account, about.name, measure)
        return Series(
            about, measure, floor_absolute=floor.absolute, floor_relative=floor.relative, limit=limit
        )

    def snapshot(self) -> dict[str, bytes]:
        """Return the whole state of the shard."""
        meta = pack("detect", self.VERSION, _Meta(self._added, self._pulse), {})
        parts = {"detect": meta, **self._steps.snapshot(), **self._findings.snapshot()}
        return parts | {f"judge/{name}": body for name, body in self._judge.snapshot().items()}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Go on from a snapshot; floors and limits are those of the present settings."""
        meta, _ = unpack(parts["detect"], "detect", self.VERSION, _Meta)
        self._steps.restore(parts)
        self._forget_rows()
        self._add(meta.added)
        self._pulse = meta.pulse
        self._judge.restore({name[6:]: body for name, body in parts.items() if name.startswith("judge/")})
        self._findings.restore(parts)


def _kept(about: ScopeOrEdge) -> tuple[Measure, ...]:
    return KEPT_ON_EDGES[about.target.kind] if isinstance(about, Edge) else JUDGED[about.kind]


def _sortable(about: ScopeOrEdge) -> tuple[str, ...]:
    return (*about.target, *about.source) if isinstance(about, Edge) else about
