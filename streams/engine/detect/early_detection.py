"""Detection between two steps: finds strong deviations once a bucket has come, before its minute is judged.

An early evaluation treats the last minute as the judge would a step (``judge.kernel.evaluate_early``), learns
nothing, and finds only rises twice as large as a deviation has to be, and absences. Its findings are
provisional until their step is judged (docs/adr/0045).
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np

from detectors.explain.calling_requests import CallingRequests
from detectors.explain.edge_totals import EdgeTotals
from detectors.judge.judge import Judge
from detectors.judge.kernel.evaluate_early import EarlyEvaluation
from detectors.judge.kernel.pace import EXTRAORDINARY
from detectors.model.array_types import Floats, Places
from detectors.model.finding import AddedUp, Failures, Finding, Verdict
from detectors.model.measures import Series
from detectors.model.scope import Edge
from detectors.model.sentence import explain_absence, explain_change
from streams.engine.detect.absences import Absences
from streams.engine.detect.explainer import Explainer
from streams.engine.detect.findings import identity
from streams.engine.detect.gather import JudgedStep
from streams.engine.detect.traffic_mix_filter import explained
from streams.engine.measure.measuring import Measuring
from streams.engine.measure.step import MeasuredStep
from streams.engine.rollup.blocks.block import Block

Blocks = dict[int, dict[str, list[Block]]]
"""By bucket and source."""

KEPT_STEPS: Final = 5
"""Steps whose buckets are kept: until they are judged, which shows how much had come early."""


class PartialStep:
    """The counts of the last buckets of one shard, once every source has reported them.

    A source reports a bucket with its early block, or with a watermark beyond it.
    """

    def __init__(self, measuring: Measuring, step: int, bucket: int) -> None:
        self._measuring, self._step, self._bucket = measuring, step, bucket  # the last two in seconds
        self._early: Blocks = {}  # early blocks
        self._closed: Blocks = {}  # the others
        self._levels: dict[str, int] = {}  # by source: where its newest early block ends
        self._whole: dict[int, tuple[Floats, Floats, Floats]] = {}  # by bucket, as in ``Measuring.counted``
        self._unknown = 0  # until when blocks of whole steps hide their buckets

    def feed(self, block: Block) -> None:
        """Add an early block; one that came before, as after a crash, changes nothing."""
        known = self._early.setdefault(block.bucket, {})
        if block.source not in known:
            known[block.source] = [block]
            level = block.bucket + self._bucket
            self._levels[block.source] = max(level, self._levels.get(block.source, level))

    def note(self, block: Block) -> None:
        """Add the block of a bucket that has closed; it is not needed before the first early block."""
        if block.width > self._bucket and not block.corrects:
            self._unknown = max(self._unknown, block.bucket + block.width)
        if self._early and block.paths and not block.idle:
            self._closed.setdefault(block.bucket, {}).setdefault(block.source, []).append(block)

    @property
    def empty(self) -> bool:
        """Whether no bucket came early: then nothing of a step did, and there is nothing to forget."""
        return not (self._early or self._closed or self._whole) and bool(self._measuring.steps.levels)

    def end(self) -> int | None:
        """Return where the newest buckets end that every source has reported; None if a step is not known."""
        steps = self._measuring.steps
        sources, judged = steps.levels, steps.watermark
        if judged is None or not sources or not self._levels:
            return None
        end = min(max(level, self._levels.get(source, 0)) for source, level in sources.items())
        if end <= judged or end - self._step < self._unknown:
            return None
        for start in range(end - self._step, end, self._bucket):
            known = self._early.get(start, {})
            if not all(source in known or level > start for source, level in sources.items()):
                return None
        return end

    def buckets(self, end: int) -> tuple[Floats, Floats, Floats]:
        """Return the counts of the step before ``end``, (buckets, n) of scopes and (buckets, m) of edges.

        And those of tables, (buckets, tables, len(CALLED)). Scopes that appeared since are missing from older
        buckets, and count as zero.
        """
        found = [self._at(start) for start in range(end - self._step, end, self._bucket)]
        of_scopes, of_edges, called = (_stacked(rows) for rows in zip(*found, strict=True))
        return of_scopes, of_edges, called

    def since(self, start: int, end: int) -> list[Block]:
        """Return the blocks of the buckets from ``start`` up to ``end``, as far as they have come."""
        return [block for bucket in range(start, end, self._bucket) for block in self._blocks(bucket)]

    def early(self, start: int) -> Floats | None:
        """Return the (n,) counts of scopes in a step that came early; None if not all of it did."""
        sources = self._measuring.steps.levels
        buckets = [self._early.get(at, {}) for at in range(start, start + self._step, self._bucket)]
        if not all(sources.keys() <= by_source.keys() for by_source in buckets):
            return None
        blocks = [block for by_source in buckets for several in by_source.values() for block in several]
        return self._counted(blocks)[0]

    def forget(self, watermark: int) -> None:
        """Forget buckets that are too old for an evaluation or a comparison."""
        oldest = watermark - KEPT_STEPS * self._step
        for kept in (self._early, self._closed, self._whole):
            for bucket in [at for at in kept if at < oldest]:
                del kept[bucket]

    def _at(self, bucket: int) -> tuple[Floats, Floats, Floats]:
        known = self._whole.get(bucket)
        if known is None:
            known = self._whole[bucket] = self._counted(self._blocks(bucket))
        return known

    def _blocks(self, bucket: int) -> list[Block]:
        by_source = {**self._early.get(bucket, {}), **self._closed.get(bucket, {})}
        return [block for several in by_source.values() for block in several]

    def _counted(self, blocks: Sequence[Block]) -> tuple[Floats, Floats, Floats]:
        steps = self._measuring.steps
        sums = steps.nothing()
        for block in blocks:
            sums += steps.early(block)
        return self._measuring.counted(sums)


def _stacked(rows: Sequence[Floats]) -> Floats:
    stacked = np.zeros((len(rows), max(map(len, rows)), *rows[0].shape[1:]))
    for at, row in enumerate(rows):
        stacked[at, : len(row)] = row
    return stacked


STRONG: Final = 2.0
"""Size of a rise that is found between two steps; extraordinary rises are found along with it. An absence
need only be extraordinary: the missing requests make it certain."""

CERTAIN_REQUESTS: Final = 20.0
"""Requests that must be missed before their absence is found: the chance of a Poisson stream is e^-20."""

COMES_EARLY: Final = 0.98
"""Part of the requests of a scope that has to have come by then: of others, some would be missed."""

FADES: Final = 0.9
"""Factor by which that part's memory fades in a step."""

COMPARED_STEPS: Final = 3
"""Steps that it must have been measured in."""

PRESENT: Final = 0.5
"""Part of all expected requests that must be there: if more is missing, their transport may be the cause."""

AGAIN_SECONDS: Final = 600
"""Seconds in which the same deviation is found once."""


class _Deviation(NamedTuple):
    row: int
    rises: bool
    size: float
    began: int  # the first bucket of it, epoch seconds
    observed: float  # per second since then, ms of a latency
    expected: float  # the same
    lower: float
    upper: float


class EarlyDetection:
    """Early evaluations of one shard.

    An evaluation changes nothing of the shard. ``step`` and ``bucket`` are in seconds.
    """

    def __init__(
        self,
        shard: int,
        measuring: Measuring,
        judge: Judge,
        *,
        absences: Absences,
        explainer: Explainer,
        edges: EdgeTotals,
        calling: CallingRequests,
        step: int,
        bucket: int,
    ) -> None:
        self._shard, self._step, self._bucket = shard, step, bucket
        self._measuring, self._judge, self._absences = measuring, judge, absences
        self._explainer, self._edges, self._calling = explainer, edges, calling
        self._partial = PartialStep(measuring, step, bucket)
        self._came = np.zeros((2, 0))  # of each row: requests that came early, and all; decaying
        self._compared = 0
        self._newest = np.zeros(0)  # values of the newest judged step
        self._evaluated = 0  # the end of the newest evaluation
        self._found: dict[tuple[int, bool], int] = {}  # row and whether it rose: when it was found

    def add(self, series: Sequence[Series]) -> None:
        """Add new series, which ``Absences`` knows already."""
        self._came = np.concatenate((self._came, np.zeros((2, len(series)))), axis=1)

    def learn(self, step: MeasuredStep) -> None:
        """Learn how much of a step had come early."""
        self._newest = step.values
        early = self._partial.early(step.start)
        if early is not None:
            n = min(len(early), len(step.values))
            self._came *= FADES
            self._came[0, :n] += np.nan_to_num(early[:n])
            self._came[1, :n] += np.nan_to_num(step.values[:n])
            self._compared += 1
        self._partial.forget(step.start)

    def learn_all(self, steps: Sequence[MeasuredStep]) -> None:
        """Learn the same of consecutive steps."""
        if self._partial.empty:
            self._newest = steps[-1].values
            return
        for step in steps:
            self.learn(step)

    def noted(self, blocks: Iterable[Block]) -> Iterator[Block]:
        """Note blocks of buckets that have closed, and pass them on."""
        for block in blocks:
            self._partial.note(block)
            yield block

    def feed(self, blocks: Sequence[Block]) -> JudgedStep | None:
        """Add early blocks; evaluate the minute that they complete, if they complete one.

        Most evaluations find nothing.
        """
        for block in blocks:
            self._partial.feed(block)
        end = self._partial.end() if blocks else None
        if end is None or end <= self._evaluated:
            return None
        self._evaluated = end
        return JudgedStep(self._shard, end - self._step, end, self._evaluate(end), early=True)

    def _evaluate(self, end: int) -> list[Finding]:
        of_scopes, of_edges, called = self._partial.buckets(end)
        times, mixed = self._times(end)
        values = of_scopes.sum(axis=0)
        n = min(len(values), len(times))
        values[:n] = np.where(np.isnan(times[:n]), values[:n], times[:n])
        early = self._judge.evaluate_early(end, values, self._empty(of_scopes))
        if early is None:
            return []
        strong = [
            deviation
            for deviation in self._deviations(early, of_scopes, end)
            if self._is_new(deviation, end)
            and not explained(deviation.observed, deviation.expected, deviation.upper, mixed[deviation.row])
        ]
        if not any(deviation.size >= STRONG or not deviation.rises for deviation in strong):
            return []
        self._found |= {(deviation.row, deviation.rises): end for deviation in strong}
        with (
            self._edges.with_early_step(of_edges.sum(axis=0)) as start,
            self._calling.with_early_step(start, called.sum(axis=0)),
        ):
            return [self._finding(deviation, start, end, of_scopes) for deviation in strong]

    def _times(self, end: int) -> tuple[Floats, Floats]:
        """Return the p95 of latencies over all calls not judged yet, and those of the present mix."""
        closed = self._measuring.steps.closed
        since = end - self._step if closed is None else max(closed, end - 2 * self._step)
        return self._measuring.times(self._partial.since(since, end))

    def _empty(self, of_scopes: Floats) -> Places:
        """Return the rows without a request for so long that chance does not explain it."""
        expected = self._judge.newly_expected
        n = min(of_scopes.shape[1], len(self._newest), 0 if expected is None else len(expected))
        rows = self._absences.rows
        rows = rows[rows < n]
        if expected is None or not len(rows) or self._compared < COMPARED_STEPS:
            return np.zeros(0, np.intp)
        counts = of_scopes[::-1, rows]  # newest first
        has = counts > 0
        run = np.where(has.any(axis=0), has.argmax(axis=0), len(counts))
        usual = self._absences.served(expected, len(rows)) * (self._bucket / self._step)
        came, all_of_it = self._came[:, rows]
        early = (came >= COMES_EARLY * all_of_it) & (all_of_it > 0)
        missed = run * usual
        certain = (missed >= CERTAIN_REQUESTS) & early & (self._newest[rows] > 0)
        for length in np.unique(run[certain]).tolist():
            there = float(np.nansum(counts[:length]))
            if there < PRESENT * length * float(np.nansum(usual)):
                certain &= run != length
        found: Places = rows[certain]
        absent = self._absences.absent
        return found[~np.isin(found, absent)]

    def _is_new(self, deviation: _Deviation, end: int) -> bool:
        return end - self._found.get((deviation.row, deviation.rises), 0) >= AGAIN_SECONDS

    def _deviations(self, early: EarlyEvaluation, of_scopes: Floats, end: int) -> list[_Deviation]:
        found = []
        for row, size, observed, *interval in zip(*(column.tolist() for column in early), strict=True):
            rises = size >= EXTRAORDINARY
            if not rises and (size > -EXTRAORDINARY or observed > 0):
                continue
            if self._judge.evidence.latency[row]:
                found.append(_Deviation(row, rises, abs(size), end - self._step // 2, observed, *interval))
                continue
            buckets = of_scopes[:, row]
            usual = interval[0] * self._bucket / self._step
            back = _since(buckets[::-1], usual, rises=rises)
            rate = float(buckets[len(buckets) - back :].sum()) / (back * self._bucket)
            per_second = (amount / self._step for amount in interval)
            found.append(_Deviation(row, rises, abs(size), end - back * self._bucket, rate, *per_second))
        return found

    def _finding(self, of: _Deviation, start: int, end: int, of_scopes: Floats) -> Finding:
        series = self._judge.series[of.row]
        rises, verdict = of.rises, Verdict.SPIKE if of.rises else Verdict.ABSENCE
        minute = of.began - of.began % self._step if rises else -(-of.began // self._step) * self._step
        ratio = of.observed / of.expected if of.expected > 0 else float("inf") if rises else 1.0
        why = self._explainer.explain(series, start, start + self._step, ratio)
        rests_on = why.rests_on and msgspec.structs.replace(why.rests_on, since=end - self._step, until=end)
        used, left_out = self._judge.baseline.weeks(of.row)
        about, missed = series.about, of.expected * (end - of.began)
        whole = self._judge.whole(of.row)
        failures = None
        if whole is not None and whole < of_scopes.shape[1]:
            lasted = (end - of.began) // self._bucket
            failed, requests = (float(of_scopes[-lasted:, row].sum()) for row in (of.row, whole))
            failures = Failures(failed=failed, requests=max(failed, requests), seconds=end - of.began)
        finding = Finding(
            id=identity(series, verdict, minute),
            revision=-2,  # the findings that withdraw or confirm it are newer
            state="open",
            verdict=verdict,
            scope=None if isinstance(about, Edge) else about,
            edge=about if isinstance(about, Edge) else None,
            measure=series.measure,
            start=of.began,
            seen=end,
            observed=of.observed,
            expected=of.expected,
            lower=of.lower,
            upper=of.upper,
            score=of.size**2 / (1 + of.size**2),
            weeks_used=used,
            weeks_left_out=left_out,
            compared_with=self._judge.baseline.compared_with(of.row),
            planned=self._judge.plan(of.row, end - self._step),
            limit=series.limit,
            callers=why.callers,
            suspects=why.suspects,
            rests_on=rests_on,
            failures=failures,
            peak=of.observed,
            touches=why.touches,
            calls=why.most_calls,
            traffic=why.traffic,
            concentration=why.concentration,
            missed=0.0 if rises else missed,
            added_up=AddedUp(observed=of.observed, expected=of.expected, seconds=end - of.began, until=end),
            sentence="",
            trace=self._judge.evidence.trace(of.row, end),
            early=True,
        )
        sentence = explain_change(finding) if rises else explain_absence(finding)
        return msgspec.structs.replace(finding, sentence=sentence)


def _since(newest_first: Floats, usual: float, *, rises: bool) -> int:
    """Return how many buckets a deviation has lasted, at least one: a rise since it came to most.

    Examples
    --------
    >>> _since(np.array([40.0, 0.0, 60.0, 6.0, 5.0]), 5.0, rises=True)
    3
    >>> _since(np.array([0.0, 0.0, 0.0, 5.0]), 5.0, rises=False)
    3
    """
    if rises:
        return int(np.cumsum(newest_first - 2 * usual).argmax()) + 1
    has = newest_first > 0
    return max(int(has.argmax()) if has.any() else len(newest_first), 1)
