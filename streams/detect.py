"""Judges all series of a shard, one closed step after the other."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from config.capacity import Capacity
from config.settings import Floor, Settings
from detectors.calendar import Calendar
from detectors.edge_history import EdgeHistory
from detectors.finding import Finding
from detectors.judge import Judge, Judgement
from detectors.limits import tomorrow
from detectors.measures import BESIDE, JUDGED, KEPT_ON_EDGES, LATENCIES, Measure
from detectors.scope import Edge, Scope, ScopeOrEdge
from detectors.series import Series
from detectors.state import pack, unpack
from streams.block import Block
from streams.fatal_findings import FatalFindings
from streams.findings import RETOLD_EVERY, Findings
from streams.gather import Judged
from streams.hourly_loads import HourlyLoads
from streams.hourly_use import HourlyUse
from streams.latency_window import LatencyWindow
from streams.limit_findings import LimitFindings
from streams.series_rows import SeriesRows
from streams.silences import Silences
from streams.steps import Step, Steps

PULSE_MEMORY = 1 / 60  # weight of the newest step in the running mean of records a step
CERTAIN_RECORDS = 20.0
"""A step without a record where so many are usual is a gap: by chance it is one in e^20, in pairs in e^10."""


Watch = Callable[[Judgement, Sequence[Series]], None]
"""Is shown every judgement and the series that its entries are about."""


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
    watch
        Is shown every judgement, for a replay that keeps the series.
    """

    VERSION = 8

    def __init__(
        self,
        shard: int,
        sources: Sequence[str],
        settings: Settings,
        on_step: Callable[[int], None] | None = None,
        watch: Watch | None = None,
    ) -> None:
        self._shard = shard
        self._settings = settings
        self._capacity = Capacity(settings.limits)
        self._floors: dict[str, Floor] = {str(name): floor for name, floor in settings.floors}
        self._on_step = on_step
        self._watch = watch
        self._steps = Steps(sources, settings.time.step, settings.rollup.max_series)
        calendar = Calendar(settings.calendar, settings.judge.weeks)
        self._judge = Judge(settings.judge, settings.time.step, calendar)
        self._edges = EdgeHistory(settings.time.step, settings.judge.weeks)
        self._latency = [LatencyWindow(measure) for measure in LATENCIES]
        step = settings.time.step
        self._silences = Silences(settings.judge, step)
        self._findings = Findings(self._judge, self._edges, self._silences, settings.judge, step)
        self._limits = LimitFindings(settings.judge, step, self._judge, self._findings.consumption)
        self._fatal = FatalFindings(settings.judge.young, step, RETOLD_EVERY * step, self._findings.explain)
        self._loads = HourlyLoads(self._capacity, settings.time.step)
        self._use = HourlyUse(settings.time.step)
        self._pulse = 0.0  # records in a usual step
        self._settled: dict[str, bytes] | None = None  # parts that stay as they are until a step is judged
        self._forget_rows()

    def _forget_rows(self) -> None:
        # rows of the scopes whose series the judge has, in its order; of a business value, ~its number
        self._added: list[int] = []
        self._known = np.zeros(0, bool)  # the same as a mask over rows
        self._known_values = np.zeros(0, bool)  # and over business values
        self._judged = SeriesRows()
        self._of_edges = SeriesRows()

    @property
    def watermark(self) -> int | None:
        """The event time up to which every source is complete."""
        return self._steps.watermark

    @property
    def opened(self) -> int:
        """How many steps are open: they wait for the slowest source."""
        return self._steps.opened

    @property
    def levels(self) -> dict[str, int]:
        """How far each source is that holds time back, epoch seconds."""
        return self._steps.levels

    @property
    def late(self) -> int:
        """Records that came after their step had been judged: counted, and merged as corrections."""
        return self._steps.late

    @property
    def folded(self) -> int:
        """How many scopes and edges are counted under ``other``: there were too many series."""
        return self._steps.folded

    @property
    def series(self) -> int:
        """How many series this shard keeps."""
        return len(self._judged) + len(self._of_edges)

    def feed(self, blocks: Iterable[Block]) -> list[Judged]:
        """Take blocks in; return every step that they completed with what was found in it."""
        return [self._judge_step(step) for step in self._steps.feed(blocks)]

    def _judge_step(self, step: Step) -> Judged:
        self._settled = None
        self._add_new_scopes(step)
        corrections = self._correct(step) if step.late else []
        p95 = np.stack(
            [
                window.p95(step.latency[measure], len(step.sums))
                for measure, window in zip(LATENCIES, self._latency, strict=True)
            ]
        )
        # what may be chance is no measurement: the last minutes would get used to it before it is certain
        certain = np.stack([window.certain for window in self._latency])
        values = self._judged.values(step.sums, np.where(certain, p95, np.nan), step.values)
        of_edges = self._of_edges.values(step.sums, p95, step.values)
        completeness = self._completeness(step)
        if not completeness:  # nothing came at all: the pipeline had a gap, which is not zero traffic
            values[:] = of_edges[:] = np.nan
        measured = values.copy()
        self._silences.hush(values, nothing=step.records == 0)
        judgement = self._judge.judge(step.start, values, completeness)
        # a step of which nothing at all came speaks of the pipeline, even where it might be chance
        self._silences.watch(judgement, measured, known=step.records > 0 and completeness >= 1)
        self._edges.append(step.start, of_edges, self._findings.spoilt(judgement))
        findings = corrections + self._findings.tell(step, self._steps.scopes, judgement, completeness)
        findings += self._fatal.tell(step, completeness)
        soon = [growing.row for growing in judgement.growth if tomorrow(growing.growth)]
        findings += self._limits.tell(judgement, completeness, soon)
        if self._on_step:
            self._on_step(step.start)
        if self._watch:
            self._watch(judgement, self._judge.series)
        loads = self._loads.take(step, known=completeness > 0)
        uses = self._use.take(step, p95[LATENCIES.index(Measure.LATENCY)], known=completeness > 0)
        end = step.start + self._settings.time.step
        return Judged(self._shard, step.start, end, findings, loads, uses, completeness)

    def _correct(self, step: Step) -> list[Finding]:
        """Take in what came late for steps that were judged, and tell which findings it changes.

        A latency stays as it was told: a quantile of what came late cannot be added to one.
        """
        seen = step.start + self._settings.time.step
        late = {}
        for one in step.late:
            nothing = np.full((len(LATENCIES), len(one.sums)), np.nan)
            more = self._judged.values(one.sums, nothing, one.values)
            self._judge.correct(one.start, more)
            self._edges.correct(one.start, self._of_edges.values(one.sums, nothing, one.values))
            self._silences.correct(one.start + self._settings.time.step, step.start, more)
            late[one.start] = more
        return self._findings.correct(late, seen)

    def _completeness(self, step: Step) -> float:
        """Return which share of a step's data there is: of its sources, and none where all of them had a gap.

        A source that lags holds the step back, so that a closed one has all sources: each passed it, or said
        that it is idle. What comes after all is late, and corrects what was told.
        """
        pulse = self._pulse
        self._pulse += PULSE_MEMORY * (step.records - pulse)  # of gaps too: no night is a gap for ever
        return 0.0 if step.records == 0 and pulse >= CERTAIN_RECORDS else step.completeness

    def _add_new_scopes(self, step: Step) -> None:
        """Add what this step saw first, in an order that does not depend on who reported first."""
        active: NDArray[np.bool_] = np.any(step.sums != 0, axis=1)
        active[: len(self._known)] &= ~self._known[: len(active)]
        fresh = sorted(np.flatnonzero(active).tolist(), key=lambda row: _sortable(self._steps.scopes[row]))
        self._add([*fresh, *self._new_values(step)], step.start)

    def _new_values(self, step: Step) -> list[int]:
        active: NDArray[np.bool_] = step.values != 0
        active[: len(self._known_values)] &= ~self._known_values[: len(active)]

        def name(number: int) -> tuple[tuple[str, ...], Measure]:
            row, measure = self._steps.values[number]
            return _sortable(self._steps.scopes[row]), measure

        return [~number for number in sorted(np.flatnonzero(active).tolist(), key=name)]

    def _add(self, fresh: Sequence[int], start: int) -> None:
        if not fresh:
            return
        rows = [row for row in fresh if row >= 0 and isinstance(self._steps.scopes[row], Scope)]
        named: tuple[list[tuple[int, Series]], list[tuple[int, Series]]] = ([], [])
        for at in fresh:
            place, about, measures = self._named(at)
            named[isinstance(about, Edge)].extend((place, self._series(about, one)) for one in measures)
        of_scopes, of_edges = ([series for _, series in some] for some in named)
        places = [[place for place, _ in some] for some in named]
        self._of_edges.add(of_edges, places[True])
        self._edges.grow(len(of_edges))
        self._findings.add_edges(of_edges)
        self._silences.add(of_scopes, len(self._judged))
        self._limits.add(of_scopes, len(self._judged))
        self._judged.add(of_scopes, places[False])
        self._judge.add(of_scopes)
        self._findings.add(of_scopes)
        scopes = self._scopes_of(rows)
        self._fatal.add(scopes, start)
        self._loads.add(scopes)
        self._use.add(scopes, self._values_of([~row for row in fresh if row < 0]))
        self._added += fresh
        self._known = np.zeros(len(self._steps.scopes), bool)
        self._known[[row for row in self._added if row >= 0]] = True
        self._known_values = np.zeros(len(self._steps.values), bool)
        self._known_values[[~row for row in self._added if row < 0]] = True

    def _named(self, at: int) -> tuple[int, ScopeOrEdge, tuple[Measure, ...]]:
        """Return the place in a step, the scope and the measures of the series that are added as ``at``."""
        if at < 0:
            row, value = self._steps.values[~at]
            about = self._steps.scopes[row]
            return ~at, about, () if isinstance(about, Edge) else (value,)
        about = self._steps.scopes[at]
        return at, about, _kept(about)

    def _scopes_of(self, rows: Sequence[int]) -> dict[int, Scope]:
        about = ((row, self._steps.scopes[row]) for row in rows)
        return {row: scope for row, scope in about if isinstance(scope, Scope)}

    def _values_of(self, numbers: Sequence[int]) -> dict[int, tuple[Scope, Measure]]:
        of = ((number, *self._steps.values[number]) for number in numbers)
        about = ((number, self._steps.scopes[row], measure) for number, row, measure in of)
        return {number: (scope, measure) for number, scope, measure in about if isinstance(scope, Scope)}

    def _series(self, about: ScopeOrEdge, measure: Measure) -> Series:
        if isinstance(about, Edge):
            return Series(about, measure)
        if measure in BESIDE.get(about.kind, ()):
            return Series(about, measure, judged=False)
        floor = self._floors.get(measure) or self._settings.floors.values
        limit = self._capacity.of(about.kind, about.account, about.name, measure)
        return Series(
            about, measure, floor_absolute=floor.absolute, floor_relative=floor.relative, limit=limit
        )

    def snapshot(self) -> dict[str, bytes]:
        """Return the whole state of the shard; what did not change are the same objects as before."""
        if self._settled is None:
            self._settled = self._judged_parts()
        return {**self._settled, **self._steps.snapshot()}

    def _judged_parts(self) -> dict[str, bytes]:
        """Return all that changes when a step is judged, and only then."""
        parts = {"detect": pack("detect", self.VERSION, _Meta(self._added, self._pulse), {})}
        parts |= self._findings.snapshot()
        for window in self._latency:
            parts |= window.snapshot()
        parts |= self._silences.snapshot() | self._fatal.snapshot() | self._limits.snapshot()
        parts |= self._loads.snapshot() | self._use.snapshot()
        parts |= {f"judge/{name}": body for name, body in self._judge.snapshot().items()}
        return parts | {f"edges/{name}": body for name, body in self._edges.parts().items()}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Go on from a snapshot; floors and limits are those of the present settings."""
        meta, _ = unpack(parts["detect"], "detect", self.VERSION, _Meta)
        self._settled = None
        self._steps.restore(parts)
        self._forget_rows()
        self._add(meta.added, 0)  # when each was first seen comes with the parts
        self._pulse = meta.pulse
        for window in self._latency:
            window.restore(parts)
        self._judge.restore(_under("judge/", parts))
        self._edges.take(_under("edges/", parts), len(self._of_edges))
        self._findings.restore(parts)
        self._silences.restore(parts)
        self._fatal.restore(parts)
        self._limits.restore(parts)
        self._loads.restore(parts)
        self._use.restore(parts)


def _kept(about: ScopeOrEdge) -> tuple[Measure, ...]:
    if isinstance(about, Edge):
        return KEPT_ON_EDGES[about.target.kind]
    return (*JUDGED[about.kind], *BESIDE.get(about.kind, ()))


def _sortable(about: ScopeOrEdge) -> tuple[str, ...]:
    return (*about.target, *about.source) if isinstance(about, Edge) else about


def _under(stem: str, parts: Mapping[str, bytes]) -> dict[str, bytes]:
    return {name.removeprefix(stem): body for name, body in parts.items() if name.startswith(stem)}
