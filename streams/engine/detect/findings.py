"""Turns judgements into findings, with ids, revisions, evidence and attribution."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

import config.settings
from detectors.judge.evidence import CORRECTED_SECONDS, REACH_SECONDS, corrected
from detectors.judge.growth import Growing
from detectors.judge.judge import Judge, Judgement
from detectors.judge.kernel.arrays import CODES
from detectors.model.array_types import Floats
from detectors.model.finding import AddedUp, Failures, Finding, ServedRequests, State, Verdict
from detectors.model.measures import NATURE, Nature, Series
from detectors.model.scope import Edge, Scope, ScopeOrEdge
from detectors.model.sentence import explain_absence, explain_change, explain_retirement
from detectors.state.declared import Held, Owned, Stateful, StatePart
from detectors.watch.limits import in_sight
from streams.engine.decode.columns import THROTTLE
from streams.engine.detect.absences import Absences
from streams.engine.detect.deviation_extent import DeviationExtent
from streams.engine.detect.explainer import Explainer, Explanation
from streams.engine.detect.traffic_mix_filter import TrafficMixFilter
from streams.engine.measure.step import MeasuredStep

UPDATE_EVERY: Final = 5  # steps between two updates of an open finding
WORSE: Final = 1.5
"""Times the deviation that was told from which an open finding is updated at once."""
OVER: Final = 0.5
"""The same of what lies within the expected interval again."""
LOST_SECONDS: Final = 1800
"""A deviation of which nothing was measured for this long ends: its course is unknown."""


class _Open(msgspec.Struct):
    """A finding between two of its revisions."""

    id: str
    verdict: Verdict
    start: int
    reported: int  # watermark of the newest revision
    revision: int = -1
    worst: Finding | None = None  # at its highest score, without a trace
    end: int | None = None  # watermark at which it ended
    began: int | None = None  # the deviation itself, where few calls made its verdict start later
    peak: float | None = None  # furthest step of the revisions so far
    withdrawn: bool = False  # late records removed its cause
    again: int = 0  # once withdrawn: consecutive steps in which it deviates nevertheless
    measured: int = 0  # watermark of the newest step in which it was measured
    rises: bool | None = None  # None of a growth, and in old states
    opened: int | None = None  # start of the step at which it was first reported; None in old states
    told: float | None = None  # deviation in the newest revision, 0 once it is over; None in old states
    unseen: float = (
        0.0  # of an absence: requests missed before it was reported that the course does not expect
    )
    more: float = 1.0  # of an absence: the requests due, as a multiple of what the course expects


_FOUND: Final = StatePart("findings", tuple[dict[int, _Open], dict[int, _Open], list[tuple[int, _Open]]], 3)
_LOST: Final = StatePart("findings/lost", dict[int, _Open])


@dataclass(frozen=True, slots=True)
class _Moment:
    """The context that all findings of one step share."""

    judgement: Judgement
    seen: int
    completeness: float
    reasons: Mapping[ScopeOrEdge, Mapping[str, float]]  # throttle reasons of this step


class _Span(NamedTuple):
    """The figures of a deviation, up to its last step so far."""

    end: int  # epoch seconds
    peak: float | None
    added_up: AddedUp | None
    failures: Failures | None
    served: ServedRequests | None = None

    @property
    def missed(self) -> float:
        """The requests that were expected and did not come."""
        means = self.added_up
        return 0.0 if means is None else (means.expected - means.observed) * means.seconds


class Findings(Stateful):
    """The findings of one shard, from onset to end.

    The id of a finding is a function of its series, its verdict at onset and its start, so judging the same
    records again gives the same findings. ``add`` the same series before ``restore``.
    """

    STATE = (
        Held(_FOUND, "_open", "_growing", "_ended"),
        Held(_LOST, "_lost", if_any=True),
        Owned("_mix_filter"),
    )

    def __init__(
        self,
        judge: Judge,
        explainer: Explainer,
        absences: Absences,
        settings: config.settings.JudgeSettings,
        step: int,
    ) -> None:
        self._horizon = settings.horizon_days
        self._persist = settings.persist
        self._deviations = DeviationExtent(judge, settings.recover, step)
        self._judge = judge
        self._explainer = explainer
        self._absences = absences
        self._step = step
        self._series: list[Series] = []
        self._open: dict[int, _Open] = {}  # spikes, drops and shifts, by row of the judge
        self._growing: dict[int, _Open] = {}  # growths, by row
        self._ended: list[tuple[int, _Open]] = []  # of the last hours: late records may still change them
        self._lost: dict[int, _Open] = {}  # by row: ended, but not seen to end
        self._mix_filter = TrafficMixFilter(settings.persist, step)

    def add(self, series: Sequence[Series]) -> None:
        """Add new series, in the judge's order."""
        self._series += series

    def limit(self, changed: Mapping[int, Series]) -> None:
        """Replace series whose limit changed, by their rows of the judge."""
        for row, series in changed.items():
            self._series[row] = series

    @property
    def quiet(self) -> bool:
        """Whether a step in which nothing opens, and no growth is judged, changes nothing here."""
        return not (self._open or self._lost or self._mix_filter.rows)

    def pass_by(self, seen: int) -> None:
        """Skip steps while ``quiet``, the last of which ends at epoch second ``seen``."""
        self._forget(seen)
        self._mix_filter.begin()

    def struck(self, judgement: Judgement) -> set[Scope]:
        """Return the scopes with an open verdict."""
        rows = {*np.flatnonzero(self.reported(judgement)).tolist(), *self._absences.absent.tolist()}
        return {about for row in rows if isinstance(about := self._series[row].about, Scope)}

    def reported(self, judgement: Judgement) -> NDArray[np.int8]:
        """Return (n,) the verdicts of a step without those that the mix of calls explains."""
        verdicts = judgement.verdict
        if rows := self._mix_filter.rows:
            verdicts = verdicts.copy()
            verdicts[list(rows)] = 0
        return verdicts

    def feed(self, step: MeasuredStep, judgement: Judgement) -> list[Finding]:
        """Return the findings that ``judgement`` of ``step`` opens, updates or ends."""
        reasons: dict[ScopeOrEdge, dict[str, float]] = {}
        for (row, key, text), count in step.tags.items():
            if key == THROTTLE:
                reasons.setdefault(step.scopes[row], {})[text] = count
        moment = _Moment(judgement, step.start + self._step, step.completeness, reasons)
        self._forget(moment.seen)
        found = [self._grow(growing, moment) for growing in judgement.growth]
        begun = {*np.flatnonzero(judgement.opened).tolist(), *self._absences.absent.tolist()}
        self._find_again(judgement, begun)
        self._mix_filter.begin()
        for row in sorted(self._open.keys() | begun | self._mix_filter.rows):
            if row not in self._open and self._mix_filter.explain(row, judgement, step.mixed, moment.seen):
                continue
            known = self._open.get(row)
            if known is not None and known.withdrawn:
                found += self._reopen(row, known, moment)
            else:
                found += self._advance(row, moment)
        return found

    def _verdict(self, row: int, known: _Open | None, judgement: Judgement) -> tuple[Verdict | None, bool]:
        """Return the current verdict of a series, and whether it starts a new finding.

        A fall to nothing is an absence, even if the judge detected it first: its drop becomes an absence, and
        remains one until both have ended.
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

    def _advance(self, row: int, moment: _Moment) -> list[Finding]:  # noqa: C901  an exit for each state
        """Return the findings that the verdict of one series ends, opens or updates."""
        found: list[Finding] = []
        judgement = moment.judgement
        known = self._open.get(row)
        verdict, is_new = self._verdict(row, known, judgement)
        if known is not None and (verdict is None or is_new):
            found.append(self._end(row, known, moment))
            known = None
        if verdict is None:
            return found
        absent = verdict is Verdict.ABSENCE
        state: State = "update"
        if known is None:
            state, known = "open", self._begin(row, verdict, moment)
        elif known.end is not None:  # it was lost
            state, known.end = "open", None
        elif np.isnan(judgement.observed[row]) and not self._absences.is_silent(row):
            return [*found, *self._lose(row, known, moment)]  # nothing was measured, so nothing changed
        known.measured = moment.seen
        due = moment.seen - known.reported >= UPDATE_EVERY * self._step
        renamed = verdict is not known.verdict
        higher = known.worst is None or judgement.score[row] > known.worst.score
        if state != "open" and (absent or verdict is Verdict.DROP):  # a rise after a fall is not part of it
            higher &= bool(judgement.observed[row] < judgement.expected[row])
        higher |= renamed and absent  # the fall to nothing is the worst of a fall
        deviation = abs(_number(judgement.observed[row]) - float(judgement.expected[row]))
        over = self._is_over(row, known, deviation, judgement)
        turned = over or (higher and known.told is not None and deviation >= WORSE * known.told > 0)
        is_reported = state == "open" or due or renamed or turned
        if not (is_reported or higher):
            return found
        known.verdict = verdict
        if is_reported:
            known.revision, known.reported = known.revision + 1, moment.seen
            known.told = 0.0 if over else deviation
        finding = self._finding(row, known, moment, state)
        if higher:
            known.worst = finding
        if is_reported:
            found.append(msgspec.structs.replace(finding, trace=self._judge.evidence.trace(row, moment.seen)))
        return found

    @staticmethod
    def _is_over(row: int, known: _Open, deviation: float, judgement: Judgement) -> bool:
        """Return whether the newest step is as expected again, and more was told."""
        inside = judgement.lower[row] <= judgement.observed[row] <= judgement.upper[row]
        return bool(inside and known.told is not None and deviation <= OVER * known.told and known.told > 0)

    def _begin(self, row: int, verdict: Verdict, moment: _Moment) -> _Open:
        is_absence, judgement = verdict is Verdict.ABSENCE, moment.judgement
        start = self._absences.since(row) if is_absence else int(judgement.since[row])
        start = self._mix_filter.since(row) or start
        name = identity(self._series[row], verdict, start)
        known = self._open[row] = _Open(name, verdict, start, moment.seen)
        known.rises, known.opened = verdict is Verdict.SPIKE, judgement.start
        if not is_absence:
            known.began = start
            # what came shortly before is another deviation, if there was one
            if not any(at == row and start - (item.end or 0) < REACH_SECONDS for at, item in self._ended):
                known.began = self._deviations.onset(row, start, moment.seen, rises=known.rises)
        elif self._absences.is_unopened(row):  # the level had followed the silence
            usual = self._judge.baseline.usual(row, start, moment.seen)
            known.unseen = max(usual - self._span(row, known, moment.seen, rises=False).missed, 0.0)
        return known

    def _lose(self, row: int, known: _Open, moment: _Moment) -> list[Finding]:
        """End a deviation of which nothing has been measured for long; an absence is made of nothing."""
        measured = known.measured or known.reported
        if known.verdict is Verdict.ABSENCE or moment.seen - measured < LOST_SECONDS:
            return []
        ended = self._end(row, known, moment)
        known.end = min(measured, ended.end or measured)
        self._lost[row] = known
        return [msgspec.structs.replace(ended, end=known.end, lost=True)]

    def _find_again(self, judgement: Judgement, begun: set[int]) -> None:
        """Reopen lost findings that still deviate; forget those that do not, or that deviate anew."""
        for row, known in list(self._lost.items()):
            over = not judgement.verdict[row] or row in begun
            if not over and np.isnan(judgement.observed[row]):
                continue
            del self._lost[row]
            if not over:
                self._open[row] = known
                self._ended = [item for item in self._ended if item[1].id != known.id]

    def _reopen(self, row: int, known: _Open, moment: _Moment) -> list[Finding]:
        """Drop a withdrawn verdict that has ended, or report it again when the deviation persists."""
        judgement = moment.judgement
        verdict, _ = self._verdict(row, known, judgement)
        if verdict is None:
            del self._open[row]
            return []
        observed = judgement.observed[row]
        if np.isnan(observed):
            return []
        below = bool(observed < judgement.lower[row])  # late records only add, so it was a fall
        known.again = known.again + 1 if below else 0
        if known.again < self._persist:
            return []
        known.withdrawn, known.again, known.verdict = False, 0, verdict
        known.revision, known.reported = known.revision + 1, moment.seen
        known.worst = self._finding(row, known, moment, "open")
        return [msgspec.structs.replace(known.worst, trace=self._judge.evidence.trace(row, moment.seen))]

    def correct(self, late: Mapping[int, Floats], seen: int) -> list[Finding]:
        """Return the findings of the last hours that late records change.

        ``late`` are the late amounts of each series, by start of their step, NaN or zero where there are
        none; the judge has already included them. ``seen`` is the watermark.
        """
        self._forget(seen)
        found = []
        for row, known in sorted(
            [*self._open.items(), *self._ended], key=lambda item: (item[1].start, item[0])
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
            known.worst, known.reported = finding, seen
            known.revision += 1
            known.withdrawn = finding.state == "withdrawn"
            judged = known.end or seen - self._step  # the step that brought them is not judged yet
            span = self._span(row, known, judged, rises=_rises(known, finding))
            changed = msgspec.structs.replace(
                finding,
                revision=known.revision,
                verdict=known.verdict,
                state=finding.state if known.withdrawn else "end" if known.end else "update",
                seen=seen,
                end=known.end if not known.withdrawn else seen,
                peak=span.peak,
                failures=span.failures,
                served=span.served,
                added_up=span.added_up,
                missed=span.missed if known.verdict is Verdict.ABSENCE else 0.0,
                trace=self._judge.evidence.trace(row, seen),
            )
            found.append(
                changed if known.withdrawn else msgspec.structs.replace(changed, sentence=_explain(changed))
            )
        return found

    def _forget(self, seen: int) -> None:
        """Forget findings that ended so long ago that no late record can change them."""
        self._ended = [item for item in self._ended if seen - (item[1].end or 0) < CORRECTED_SECONDS]

    def _end(self, row: int, known: _Open, moment: _Moment) -> Finding:
        """End a finding: its values at its worst, attributed over its whole duration.

        It ended where its deviation did, some steps before that is certain.
        """
        del self._open[row]
        worst = known.worst or self._finding(row, known, moment, "end")
        span = self._span(row, known, moment.seen, rises=_rises(known, worst))
        retired = known.verdict is Verdict.ABSENCE and moment.judgement.observed[row] == 0
        known.end = moment.seen if retired else span.end
        known.worst, known.revision = worst, known.revision + 1
        self._ended.append((row, known))
        why = self._explained(row, known, span)
        ended = msgspec.structs.replace(
            worst,
            state="end",
            verdict=known.verdict,
            revision=known.revision,
            seen=moment.seen,
            end=known.end,
            peak=span.peak,
            failures=span.failures,
            served=span.served,
            added_up=span.added_up or worst.added_up,
            missed=span.missed if known.verdict is Verdict.ABSENCE else 0.0,
            settled=known.verdict is Verdict.SHIFT and self._judge.has_settled(row),
            unmet=not retired
            and known.verdict in (Verdict.DROP, Verdict.ABSENCE)
            and self._deviations.unmet(row, _began(known), span.end, moment.seen),
            callers=why.callers,
            suspects=why.suspects,
            rests_on=why.rests_on,
            touches=why.touches,
            calls=why.most_calls,
            traffic=why.traffic,
            concentration=why.concentration or worst.concentration,
            trace=self._judge.evidence.trace(row, moment.seen),
        )
        if retired:
            return msgspec.structs.replace(ended, sentence=explain_retirement(worst.about))
        return msgspec.structs.replace(ended, sentence=_explain(ended))

    def _span(self, row: int, known: _Open, until: int, *, rises: bool) -> _Span:
        """Return the figures of a deviation as known at ``until``, epoch seconds, and keep its peak."""
        absent, began = known.verdict is Verdict.ABSENCE, _began(known)
        extent = self._deviations.extent_of(row, began, until, rises=rises, absent=absent, before=known.peak)
        known.peak, end = extent.furthest, min(began + extent.last * self._step, until)
        reported = known.start if known.opened is None else known.opened
        if known.more != 1.0:
            reported = began  # has its own correction
        means = self._deviations.added_up(row, began, end, reported=reported, rises=rises)
        if absent and means is not None:
            expected = means.expected * known.more
            if means.until - means.seconds <= began:
                expected += known.unseen / means.seconds
            means = msgspec.structs.replace(means, expected=expected)
        failures = self._deviations.failures(row, began, end)
        served = None if rises else self._deviations.served(row, began, end)
        return _Span(end, extent.furthest, means, failures, served)

    def _note_due(self, row: int, known: _Open, seen: int) -> None:
        """Note how many more requests an absence misses than the course expects.

        The course has the median of weeks, which of few requests is below their mean, and a level that
        follows the silence.
        """
        if known.verdict is not Verdict.ABSENCE or known.unseen or not self._absences.is_absent(row):
            return
        since = self._absences.since(row)
        due, expected = self._absences.due(row), self._deviations.due(row, since, seen)
        if due > 0 and expected > 0:
            known.more = due / expected

    def _explained(self, row: int, known: _Open, span: _Span) -> Explanation:
        """Attribute a deviation over its span, as far back as that is known."""
        added = span.added_up
        since = _began(known) if added is None else added.until - added.seconds
        ratio = 1.0 if added is None else _ratio(added.observed, added.expected)
        return self._explainer.explain(self._series[row], since, span.end, ratio)

    def _finding(
        self, row: int, known: _Open, moment: _Moment, state: State, *, growth: bool = False
    ) -> Finding:
        series, judgement = self._series[row], moment.judgement
        per = 1.0 if NATURE[series.measure] is Nature.LATENCY else float(self._step)
        rises = _rises(known, known.worst, default=bool(judgement.observed[row] >= judgement.expected[row]))
        if growth:
            span = _Span(moment.seen, None, None, None)
            why = self._explainer.explain(series, known.start, moment.seen, 1.0, growth=True)
        else:
            self._note_due(row, known, moment.seen)
            span = self._span(row, known, moment.seen, rises=rises)
            why = self._explained(row, known, span)
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
            start=_began(known),
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
            rests_on=why.rests_on,
            throttle_reasons=dict(moment.reasons.get(about, {}))
            if rises and not series.measure.level
            else {},
            failures=span.failures,
            served=span.served,
            peak=span.peak,
            missed=span.missed if known.verdict is Verdict.ABSENCE else 0.0,
            touches=why.touches,
            calls=why.most_calls,
            traffic=why.traffic,
            sentence="",
            added_up=span.added_up,
            concentration=why.concentration,
        )
        if known.verdict is Verdict.ABSENCE and self._absences.is_absent(row):
            gap = self._absences.is_gap(row, moment.seen)
            finding = msgspec.structs.replace(finding, gap=gap)
        return msgspec.structs.replace(finding, sentence=_explain(finding))

    def _score(self, row: int, known: _Open, judgement: Judgement) -> float:
        score = float(judgement.score[row])
        return max(score, self._absences.score(row)) if known.verdict is Verdict.ABSENCE else score

    def _grow(self, growing: Growing, moment: _Moment) -> Finding:
        """Return the finding that a series grows, still grows, or no longer does."""
        row = growing.row
        series = self._series[row]
        known = self._growing.get(row)
        if known is None:
            name = identity(series, Verdict.GROWTH, growing.since)
            known = self._growing[row] = _Open(name, Verdict.GROWTH, growing.since, moment.seen)
        known.revision += 1
        if in_sight(growing.growth, self._horizon):  # and stays a limit: a digest must not alternate
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
        return msgspec.structs.replace(finding, sentence=explain_change(finding))


def identity(series: Series, verdict: Verdict, start: int, *more: str) -> str:
    """Return the id of a finding: 16 hexadecimal digits, a hash of its series, verdict and start."""
    about = series.about
    names = (*about.source, *about.target) if isinstance(about, Edge) else about
    # Ids outlive names: up to version 0.1 an absence was called silence.
    kind = "silence" if verdict is Verdict.ABSENCE else verdict
    text = "\x1f".join((*names, series.measure, kind, str(start), *more))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _began(known: _Open) -> int:
    return known.start if known.began is None else known.began


def _explain(finding: Finding) -> str:
    return explain_absence(finding) if finding.verdict is Verdict.ABSENCE else explain_change(finding)


def _rises(known: _Open, worst: Finding | None, *, default: bool = True) -> bool:
    """Return whether a deviation is a rise; the present step may be on the other side."""
    if known.rises is not None:
        return known.rises
    return default if worst is None else worst.observed >= worst.expected


def _ratio(observed: float, expected: float) -> float:
    """Return observed divided by expected, 1 where either is unknown."""
    if not (np.isfinite(observed) and np.isfinite(expected)):
        return 1.0
    return float(observed / expected) if expected > 0 else float("inf") if observed > 0 else 1.0


def _number(value: float) -> float:
    """Return a number for JSON, which has no NaN."""
    return float(value) if np.isfinite(value) else 0.0
