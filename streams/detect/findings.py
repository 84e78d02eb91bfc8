"""Turns judgements into findings: ids, revisions, evidence, and who explains them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

import config.settings
from detectors.explain.attribution import attribute, level_for, suspects
from detectors.explain.edge_history import EdgeHistory
from detectors.judge.codes import CODES
from detectors.judge.correction import CORRECTED_SECONDS, corrected
from detectors.judge.growth import DAY, Growing
from detectors.judge.judge import Judge, Judgement
from detectors.model.finding import CallRate, Finding, Share, State, Verdict
from detectors.model.measures import (
    COUNTED_BY,
    KEPT_ON_EDGES,
    NATURE,
    RATIO_OF,
    SOURCES_INTO,
    Measure,
    Nature,
)
from detectors.model.scope import CLIENT, TENANT, Edge, Scope, ScopeOrEdge
from detectors.model.sentence import of_absence, of_deviation, of_growth, of_retired
from detectors.model.series import Series
from detectors.state.state import pack, unpack
from detectors.watch.limits import in_sight
from streams.decode.columns import THROTTLE
from streams.detect.absences import Absences
from streams.measure.measured_step import MeasuredStep

RETOLD_EVERY = 5  # steps between two updates of an open finding
TOUCHES = 0.05  # a source with at least this share of the excess belongs to the incident
MOST_SHARES = 20  # of each kind of source; the rest is too small to act on

Expected = tuple[NDArray[np.float64], NDArray[np.float64]]  # of each source: what was observed, and expected


class _Open(msgspec.Struct):
    """A finding between two tellings."""

    id: str
    verdict: Verdict
    start: int
    told: int  # start of the step at which it was last told
    revision: int = -1
    worst: Finding | None = None  # as it was at its highest score, without a trace
    end: int | None = None  # when it was told to be over
    withdrawn: bool = False  # records that came late left nothing of it
    again: int = 0  # of a withdrawn one: steps in a row in which it deviates all the same


@dataclass(frozen=True, slots=True)
class _Moment:
    """What all findings of one step share."""

    judgement: Judgement
    seen: int
    completeness: float
    reasons: Mapping[ScopeOrEdge, Mapping[str, float]]  # throttle reasons of this step


class Explanation(NamedTuple):
    """Who carries an excess."""

    callers: list[Share]
    suspects: list[Share]
    touches: list[Scope]
    traffic: list[CallRate]  # of a latency
    calls: list[float]  # of a latency: per second, by each kind of caller

    @property
    def most_calls(self) -> float:
        """Calls per second as the kind of caller sees them that knows of most."""
        return max(self.calls, default=0.0)


class _Brought(NamedTuple):
    """What sources of one kind brought."""

    amount: Expected
    calls: Expected
    usual: NDArray[np.float64]  # which part of all each source usually is
    events: float  # calls or errors they are made of


class Findings:
    """The findings of one shard, from onset to end.

    A finding's id is a function of its series, its verdict at onset and its start, so whoever judges the
    same records tells the same findings.
    """

    VERSION = 2

    def __init__(
        self,
        judge: Judge,
        edges: EdgeHistory,
        absences: Absences,
        settings: config.settings.JudgeSettings,
        step: int,
    ) -> None:
        self._horizon = settings.horizon_days
        self._persist = settings.persist
        self._judge = judge
        self._edges = edges
        self._absences = absences
        self._step = step
        self._series: list[Series] = []
        self._edge_row: dict[Edge, int] = {}  # the first of the series of an edge; the others follow it
        self._edges_known = 0  # series of edges
        self._target = np.zeros(0, np.intp)  # edge series -> number of its target
        self._number: dict[Scope, int] = {}
        self._into: dict[Scope, list[Edge]] = {}  # target -> edges into it
        self._open: dict[int, _Open] = {}  # series -> its spike, drop, shift
        self._growing: dict[int, _Open] = {}  # series -> its growth
        self._over: list[tuple[int, _Open]] = []  # of the last hours: late records may still change them

    def add(self, series: Sequence[Series]) -> None:
        """Learn of new series, in the judge's order."""
        self._series += series

    def add_edges(self, series: Sequence[Series]) -> None:
        """Learn of new series of edges, in the order of the edge history."""
        numbers: list[int] = []
        for one in series:
            if isinstance(one.about, Edge):
                target = one.about.target
                numbers.append(self._number.setdefault(target, len(self._number)))
                if one.about not in self._edge_row:
                    self._edge_row[one.about] = self._edges_known
                self._edges_known += 1
                if one.measure is Measure.REQUESTS:
                    self._into.setdefault(target, []).append(one.about)
        self._target = np.concatenate((self._target, np.array(numbers, np.intp)))

    def _row_of(self, edge: Edge, measure: Measure) -> int | None:
        """Return the row of a measure of an edge, None where it is not kept."""
        kept = measure in KEPT_ON_EDGES[edge.target.kind]
        return self._rows_of([edge], measure)[0] if kept else None

    def _rows_of(self, edges: Sequence[Edge], measure: Measure) -> list[int]:
        """Return the rows of a measure that all edges keep."""
        return [self._edge_row[edge] + KEPT_ON_EDGES[edge.target.kind].index(measure) for edge in edges]

    def spoilt(self, judgement: Judgement) -> NDArray[np.bool_]:
        """Return which edge series lead to a scope with an open verdict: they are not learnt meanwhile."""
        struck = np.zeros(len(self._number), bool)
        for row in {*np.flatnonzero(judgement.verdict).tolist(), *self._absences.absent.tolist()}:
            about = self._series[row].about
            if isinstance(about, Scope) and about in self._number:
                struck[self._number[about]] = True
        return struck[self._target]

    def tell(self, step: MeasuredStep, judgement: Judgement) -> list[Finding]:
        """Return what is to be told after ``judgement`` of ``step``."""
        reasons: dict[ScopeOrEdge, dict[str, float]] = {}
        for (row, key, text), count in step.tags.items():
            if key == THROTTLE:
                reasons.setdefault(step.scopes[row], {})[text] = count
        moment = _Moment(judgement, step.start + self._step, step.completeness, reasons)
        self._forget(moment.seen)
        told = [self._grow(growing, moment) for growing in judgement.growth]
        begun = {*np.flatnonzero(judgement.opened).tolist(), *self._absences.absent.tolist()}
        for row in sorted(self._open.keys() | begun):
            known = self._open.get(row)
            if known is not None and known.withdrawn:
                told += self._go_on_withdrawn(row, known, moment)
            else:
                told += self._go_on(row, moment)
        return told

    def _verdict(self, row: int, known: _Open | None, judgement: Judgement) -> tuple[Verdict | None, bool]:
        """Return the verdict of a series now, and whether it is another than the one before.

        A fall to nothing is an absence, whoever saw it first: the drop that the judge opened takes that
        name, and keeps it until both are over.
        """
        verdict, opened = CODES[judgement.verdict[row]], bool(judgement.opened[row])
        worst = None if known is None else known.worst
        absent = known is not None and known.verdict is Verdict.ABSENCE
        rose = not absent and worst is not None and worst.observed > worst.expected
        if self._absences.is_absent(row):
            return Verdict.ABSENCE, rose
        if absent and verdict is not None and not opened:
            return Verdict.ABSENCE, False
        return verdict, opened

    def _go_on(self, row: int, moment: _Moment) -> list[Finding]:
        """Tell what became of the verdict of one series: an end, an onset, an update, or nothing."""
        told: list[Finding] = []
        judgement = moment.judgement
        known = self._open.get(row)
        verdict, another = self._verdict(row, known, judgement)
        if known is not None and (verdict is None or another):
            told.append(self._end(row, known, moment))
            known = None
        if verdict is None:
            return told
        state: State = "update"
        if known is None:
            absent = verdict is Verdict.ABSENCE
            state, start = "open", self._absences.since(row) if absent else int(judgement.since[row])
            known = self._open[row] = _Open(
                identity(self._series[row], verdict, start), verdict, start, moment.seen
            )
        elif np.isnan(judgement.observed[row]):
            return told  # nothing was measured: there is nothing new to tell
        due = moment.seen - known.told >= RETOLD_EVERY * self._step
        renamed = verdict is not known.verdict
        higher = known.worst is None or judgement.score[row] > known.worst.score
        if (
            verdict in (Verdict.DROP, Verdict.ABSENCE) and state != "open"
        ):  # what follows a fall is no part of it
            higher &= bool(judgement.observed[row] < judgement.expected[row])
        higher |= renamed and verdict is Verdict.ABSENCE  # the fall to nothing is the worst of a fall
        if state == "open" or due or higher or renamed:
            told_now = state == "open" or due or renamed
            known.verdict = verdict
            if told_now:
                known.revision, known.told = known.revision + 1, moment.seen
            finding = self._finding(row, known, moment, state)
            if higher:
                known.worst = finding
            if told_now:
                told.append(
                    msgspec.structs.replace(finding, trace=self._judge.evidence.trace(row, moment.seen))
                )
        return told

    def _go_on_withdrawn(self, row: int, known: _Open, moment: _Moment) -> list[Finding]:
        """Let go of a verdict that was withdrawn, or tell it again when the deviation lasts all the same."""
        judgement = moment.judgement
        verdict, _ = self._verdict(row, known, judgement)
        if verdict is None:
            del self._open[row]
            return []
        observed = judgement.observed[row]
        if np.isnan(observed):
            return []
        below = bool(observed < judgement.lower[row])  # as late records only fill up, it was a fall
        known.again = known.again + 1 if below else 0
        if known.again < self._persist:
            return []
        known.withdrawn, known.again, known.verdict = False, 0, verdict
        known.revision, known.told = known.revision + 1, moment.seen
        known.worst = self._finding(row, known, moment, "open")
        return [msgspec.structs.replace(known.worst, trace=self._judge.evidence.trace(row, moment.seen))]

    def correct(self, late: Mapping[int, NDArray[np.float64]], seen: int) -> list[Finding]:
        """Tell what records that came late make of the findings of the last hours.

        Parameters
        ----------
        late
            What came of each series, by the start of its step; NaN or zero where nothing did. The judge has
            it already.
        seen
            The watermark at which this is told.
        """
        self._forget(seen)
        told = []
        for row, known in sorted(
            [*self._open.items(), *self._over], key=lambda item: (item[1].start, item[0])
        ):
            end = known.end or seen
            if known.withdrawn or known.worst is None:
                continue
            if not any(
                known.start <= start < end and np.nan_to_num(more[row]) for start, more in late.items()
            ):
                continue
            course = self._judge.evidence.course(row, known.start, end)
            finding = corrected(known.worst, course, self._persist)
            if finding is None:
                continue
            known.worst, known.told = finding, seen
            known.revision += 1
            known.withdrawn = finding.state == "withdrawn"
            changed = msgspec.structs.replace(
                finding,
                revision=known.revision,
                verdict=known.verdict,
                state=finding.state if known.withdrawn else "end" if known.end else "update",
                seen=seen,
                end=known.end if not known.withdrawn else seen,
                trace=self._judge.evidence.trace(row, seen),
            )
            told.append(
                changed if known.withdrawn else msgspec.structs.replace(changed, sentence=_why(changed))
            )
        return told

    def _forget(self, seen: int) -> None:
        """Let go of what is over for so long that no late record changes it."""
        self._over = [one for one in self._over if seen - (one[1].end or 0) < CORRECTED_SECONDS]

    def _end(self, row: int, known: _Open, moment: _Moment) -> Finding:
        """Tell that it is over: how it was at its worst, and who explains all of it."""
        del self._open[row]
        worst = known.worst or self._finding(row, known, moment, "end")
        known.end, known.worst, known.revision = moment.seen, worst, known.revision + 1
        self._over.append((row, known))
        if known.verdict is Verdict.ABSENCE and moment.judgement.observed[row] == 0:
            worst = msgspec.structs.replace(worst, sentence=of_retired(worst.about))
        ratio = _ratio(worst.observed, worst.expected)
        why = self._explain(self._series[row], known.start, moment.seen, ratio)
        return msgspec.structs.replace(
            worst,
            state="end",
            verdict=known.verdict,
            revision=known.revision,
            seen=moment.seen,
            end=moment.seen,
            callers=why.callers,
            suspects=why.suspects,
            touches=why.touches,
            calls=why.most_calls,
            traffic=why.traffic,
            trace=self._judge.evidence.trace(row, moment.seen),
        )

    def _finding(
        self, row: int, known: _Open, moment: _Moment, state: State, *, growth: bool = False
    ) -> Finding:
        series, judgement = self._series[row], moment.judgement
        per = 1.0 if NATURE[series.measure] is Nature.LATENCY else float(self._step)
        rise = bool(judgement.observed[row] >= judgement.expected[row])
        why = self._explain(
            series,
            known.start,
            moment.seen,
            _ratio(judgement.observed[row], judgement.expected[row]),
            growth=growth,
        )
        used, left_out = self._judge.baseline.weeks(row)
        about = series.about
        finding = Finding(
            id=known.id,
            revision=known.revision,
            state=state,
            verdict=known.verdict,
            scope=None if isinstance(about, Edge) else about,
            edge=about if isinstance(about, Edge) else None,
            measure=series.measure,
            start=known.start,
            seen=moment.seen,
            observed=_number(judgement.observed[row] / per),
            expected=_number(judgement.expected[row] / per),
            lower=_number(judgement.lower[row] / per),
            upper=_number(judgement.upper[row] / per),
            score=self._score(row, known, judgement),
            completeness=moment.completeness,
            weeks_used=used,
            weeks_left_out=left_out,
            compared_with=self._judge.baseline.compared_with(row),
            planned=None if growth else self._judge.plan(row, judgement.start),
            limit=series.limit,
            callers=why.callers,
            suspects=why.suspects,
            throttle_reasons=dict(moment.reasons.get(about, {})) if rise else {},
            touches=why.touches,
            calls=why.most_calls,
            traffic=why.traffic,
            sentence="",
        )
        if known.verdict is Verdict.ABSENCE and self._absences.is_absent(row):
            missed = self._absences.missed(row)
            return msgspec.structs.replace(finding, sentence=of_absence(finding, missed), missed=missed)
        return msgspec.structs.replace(finding, sentence=_why(finding))

    def _score(self, row: int, known: _Open, judgement: Judgement) -> float:
        score = float(judgement.score[row])
        return max(score, self._absences.score(row)) if known.verdict is Verdict.ABSENCE else score

    def explain(self, series: Series, since: int, until: int, ratio: float) -> Explanation:
        """Divide what a series brought from ``since`` to ``until`` over what calls its scope.

        ``ratio`` is what was observed of it, in times what was expected: inf when nothing was.
        """
        return self._explain(series, since, until, ratio)

    def consumption(self, series: Series, since: int, until: int) -> Explanation:
        """Divide all that a series brought, not its excess, over what calls its scope."""
        found = Explanation([], [], [], [], [])
        for kind in SOURCES_INTO.get(series.place.kind, ()):
            edges = [edge for edge in self._into.get(series.place, []) if edge.source.kind == kind]
            counted = COUNTED_BY.get(series.measure, Measure.REQUESTS)
            rows = [self._row_of(edge, series.measure) for edge in edges]
            if None in rows:
                continue
            used, calls = (
                self._edges.window(of, since, until)[0]
                for of in (
                    [row for row in rows if row is not None],
                    self._rows_of(edges, counted),
                )
            )
            nothing = np.zeros(len(edges))
            sources = [edge.source for edge in edges]
            shares = attribute(used, nothing, calls, nothing, sources, seconds=max(until - since, 1))
            found.touches.extend(share.scope for share in shares if share.share >= TOUCHES)
            found.callers.extend(shares[:MOST_SHARES])
        return found

    def _explain(
        self, series: Series, since: int, until: int, ratio: float, *, growth: bool = False
    ) -> Explanation:
        """Divide the excess of a series over what calls its scope, function by function, route by route.

        ``ratio`` is what was observed of the series, in times what was expected.
        """
        found = Explanation([], [], [], [], [])
        if isinstance(series.about, Edge):
            return found
        for kind in SOURCES_INTO.get(series.about.kind, ()):
            edges = [edge for edge in self._into.get(series.about, []) if edge.source.kind == kind]
            seconds = self._step if growth else max(until - since, 1)
            rows = [self._row_of(edge, series.measure) for edge in edges]
            counted = COUNTED_BY.get(series.measure, Measure.REQUESTS)
            counting = self._rows_of(edges, counted)
            sources = [edge.source for edge in edges]
            if None in rows:  # a latency is no sum: who calls it belongs to it, nobody is charged
                calls = self._edges.window(counting, since, until)
                busy = calls[0] >= max(TOUCHES * calls[0].sum(), 1e-9)
                found.calls.append(float(calls[0].sum()) / seconds)
                for source, count, busy_one in zip(sources, calls[0].tolist(), busy, strict=True):
                    if busy_one:
                        found.touches.append(source)
                        found.traffic.append(CallRate(scope=source, calls=count / seconds))
                continue
            measured = [row for row in rows if row is not None]
            if growth:
                brought = self._rose(counting, measured, since, until)
            else:
                of_users = kind in (CLIENT, TENANT)
                rows_of, span = (counting, measured), (since, until)
                brought = self._brought(series.measure, rows_of, span, ratio, of_users=of_users)
            shares = attribute(*brought.amount, *brought.calls, sources, seconds=seconds)
            found.touches.extend(share.scope for share in shares if share.share >= TOUCHES)
            found.callers.extend(shares[:MOST_SHARES])
            if kind == TENANT or (kind == CLIENT and not growth):  # over weeks every build comes and goes
                usual = dict(zip(sources, brought.usual.tolist(), strict=True))
                found.suspects.extend(suspects(shares, usual, brought.events))
        if series.about.kind == CLIENT and not growth:
            found.suspects.append(_itself(series.about))
        return found

    def _rose(self, counting: list[int], measured: list[int], since: int, until: int) -> _Brought:
        calls, amount = (self._edges.rise(each, since, until) for each in (counting, measured))
        in_a_day = float(calls[0].sum()) * DAY / self._step
        return _Brought(amount, calls, _parts(amount[1]), in_a_day)

    def _brought(
        self,
        measure: Measure,
        rows: tuple[list[int], list[int]],
        span: tuple[int, int],
        ratio: float,
        *,
        of_users: bool,
    ) -> _Brought:
        counting, measured = rows
        few = measure in RATIO_OF  # whose errors they would be, the requests tell better
        counts = measured == counting  # then there is no more per call
        by_calls = counting if measure in COUNTED_BY else None
        calls = self._edges.window(counting, *span)
        amount = calls if counts else self._edges.window(measured, *span, by_calls)
        usual = np.zeros(len(counting))
        if of_users:
            calls = _mixed(calls, self._edges.mix(counting, span[0]))
            usual = self._edges.mix(counting if few else measured, span[0])
            amount = calls if counts else _mixed(amount, usual)
            usual = usual if usual.any() else _parts(calls[0] if few else amount[1])
        level = level_for(ratio, *amount)
        amount = amount[0], amount[1] * level
        if not few:  # errors rise without more calls
            calls = calls[0], calls[1] * level
        return _Brought(amount, calls, usual, float((amount if few else calls)[0].sum()))

    def _grow(self, growing: Growing, moment: _Moment) -> Finding:
        """Tell that a series grows, still grows, or no longer does."""
        row = growing.row
        series = self._series[row]
        known = self._growing.get(row)
        if known is None:
            known = self._growing[row] = _Open(
                identity(series, Verdict.GROWTH, growing.since), Verdict.GROWTH, growing.since, moment.seen
            )
        known.revision += 1
        if in_sight(growing.growth, self._horizon):  # keeps its name: a digest is not to waver between two
            known.verdict = Verdict.LIMIT
        state: State = "open" if known.revision == 0 else "end" if growing.state == "end" else "update"
        finding = msgspec.structs.replace(
            self._finding(row, known, moment, state, growth=True),
            growth=growing.growth,
            end=moment.seen if state == "end" else None,
            trace=self._judge.evidence.trace(row, moment.seen),
        )
        if state == "end":
            del self._growing[row]
        return msgspec.structs.replace(finding, sentence=_why(finding))

    def snapshot(self) -> dict[str, bytes]:
        """Return the open findings."""
        state = self._open, self._growing, self._over
        return {"findings": pack("findings", self.VERSION, state, {})}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Go on from a snapshot, after ``add`` of the same series in the same order."""
        (self._open, self._growing, self._over), _ = unpack(
            parts["findings"],
            "findings",
            self.VERSION,
            tuple[dict[int, _Open], dict[int, _Open], list[tuple[int, _Open]]],
        )


def identity(series: Series, verdict: Verdict, start: int, *more: str) -> str:
    """Return the id of a finding: 16 hexadecimal digits that follow from what it is about and its start."""
    about = series.about
    names = (*about.source, *about.target) if isinstance(about, Edge) else about
    text = "\x1f".join((*names, series.measure, verdict, str(start), *more))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _why(finding: Finding) -> str:
    if finding.growth is not None:
        return of_growth(finding.about, finding.measure, finding.growth, finding.limit)
    return of_deviation(
        finding.verdict,
        finding.about,
        finding.measure,
        observed=finding.observed,
        expected=finding.expected,
        lower=finding.lower,
        upper=finding.upper,
        weeks_used=finding.weeks_used,
        weeks_left_out=finding.weeks_left_out,
        compared_with=finding.compared_with,
        planned=finding.planned,
    )


def _ratio(observed: float, expected: float) -> float:
    """Return observed in times expected, 1 where nobody can tell."""
    if not (np.isfinite(observed) and np.isfinite(expected)):
        return 1.0
    return float(observed / expected) if expected > 0 else float("inf") if observed > 0 else 1.0


def _itself(about: Scope) -> Share:
    """Return the suspect of a finding that is about a client: that client, by errors, not by more calls."""
    return Share(scope=about, share=1.0, more_calls=0.0, more_per_call=1.0, observed=0.0, expected=0.0)


def _mixed(brought: Expected, parts: NDArray[np.float64]) -> Expected:
    """Divide all that was expected by ``parts``, where these are known."""
    observed, expected = brought
    return observed, expected.sum() * parts if parts.any() else expected


def _parts(amounts: NDArray[np.float64]) -> NDArray[np.float64]:
    whole = float(amounts.sum())
    return amounts / whole if whole > 0 else np.zeros(len(amounts))


def _number(value: float) -> float:
    """Return a number for JSON, which knows no NaN."""
    return float(value) if np.isfinite(value) else 0.0
