"""Findings about limits that are near: who uses the capacity, and how much of it is used."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

import config.settings
from detectors.judge.judge import Judge, Judgement
from detectors.model.finding import Finding, Verdict
from detectors.model.measures import Measure
from detectors.model.scope import Scope, ScopeOrEdge
from detectors.model.sentence import of_limit
from detectors.model.series import Series
from detectors.state.state import pack, unpack
from detectors.watch.limits import SUSTAINED_SECONDS, Close, LimitWatch
from streams.detect.findings import Explanation, identity

USED_SECONDS: Final = 3600
"""Whose calls use a capacity is told of the last hour."""

LIMITED: Final = (Measure.RCU, Measure.WCU, Measure.BUSY)
"""The measures of which a capacity may be known."""

SURPRISING: Final = 0.5
"""A score from which a deviation is told: then what is used now is no level."""

Consumption = Callable[[Series, int, int], Explanation]


class _Told(msgspec.Struct, array_like=True):
    """What was last told of a limit that is near."""

    revision: int
    worst: float  # share of the limit over five minutes, the largest so far


class LimitFindings:
    """The limits of one shard, from when they are near until they are not.

    Parameters
    ----------
    settings
        What to judge by.
    step
        Seconds of a step.
    judge
        Has the traces.
    consumption
        Says who brings a measure of a scope in an interval.
    """

    VERSION: Final = 2

    def __init__(
        self, settings: config.settings.JudgeSettings, step: int, judge: Judge, consumption: Consumption
    ) -> None:
        self._watch = LimitWatch(step, settings.near)
        self._near = settings.near
        self._step = step
        self._judge = judge
        self._consumption = consumption
        self._series: list[Series] = []
        self._rows = np.zeros(0, np.intp)  # of the judge
        self._throttles = np.zeros(0, np.intp)  # rows of the throttles of the same scope, -1 for none
        self._limits = np.zeros(0)  # per step
        self._open: dict[str, _Told] = {}  # by the id of the finding

    def add(self, series: Sequence[Series], first: int) -> None:
        """Learn of new series, of which the judge has the first at row ``first``."""
        throttles: dict[ScopeOrEdge, int] = {
            one.about: first + at for at, one in enumerate(series) if one.measure is Measure.THROTTLES
        }
        # all that may have a limit: which have one is a setting, and may be another after a restart
        limited = {first + at: one for at, one in enumerate(series) if one.judged and one.measure in LIMITED}
        self._series += limited.values()
        self._rows = np.concatenate((self._rows, np.array(list(limited), np.intp)))
        beside = [throttles.get(one.about, -1) for one in limited.values()]
        self._throttles = np.concatenate((self._throttles, np.array(beside, np.intp)))
        limits = [(one.limit or np.inf) * self._step for one in limited.values()]
        self._limits = np.concatenate((self._limits, np.array(limits, float)))
        self._watch.add(len(limited))

    def tell(self, judgement: Judgement, completeness: float, soon: Collection[int]) -> list[Finding]:
        """Take in a step; ``soon`` are rows of the judge whose forecast meets the limit within a day."""
        rows = self._rows
        if not rows.size:
            return []
        refused = judgement.observed[self._throttles] > 0
        said = self._watch.watch(
            judgement.start,
            judgement.observed[rows] / self._limits,
            refused & (self._throttles >= 0),
            (judgement.verdict[rows] == 0) & (judgement.score[rows] < SURPRISING),
            np.isin(rows, sorted(soon)) if soon else np.zeros(len(rows), bool),
        )
        return [self._finding(close, judgement, completeness) for close in said]

    def _finding(self, close: Close, judgement: Judgement, completeness: float) -> Finding:
        series, row = self._series[close.row], int(self._rows[close.row])
        name = identity(series, Verdict.LIMIT, close.since, "near" if close.near else "level")
        share = float(self._watch.sustained[close.row])
        of_day = float(np.nan_to_num(self._watch.peaks[-1, close.row]))
        if close.state == "open":
            told = _Told(revision=0, worst=share if close.near else of_day)
        else:  # the hours since it was last told are over: what they came to is in the peaks
            known = self._open[name]
            told = _Told(known.revision + 1, max(known.worst, of_day, float(self._watch.peak[close.row])))
        self._open[name] = told
        if close.state == "end":
            del self._open[name]
        seen = judgement.start + self._step
        why = self._consumption(series, seen - USED_SECONDS, seen)
        expected, lower, upper = (
            float(np.nan_to_num(of[row])) / self._step
            for of in (judgement.expected, judgement.lower, judgement.upper)
        )
        limit = series.limit or 0.0
        used, left_out = self._judge.baseline.weeks(row)
        finding = Finding(
            id=name,
            revision=told.revision,
            state=close.state,
            verdict=Verdict.LIMIT,
            scope=series.about if isinstance(series.about, Scope) else None,
            measure=series.measure,
            start=close.since,
            seen=seen,
            end=seen if close.state == "end" else None,
            observed=told.worst * limit,
            expected=expected,
            lower=lower,
            upper=upper,
            score=told.worst / (told.worst + self._near),
            completeness=completeness,
            weeks_used=used,
            weeks_left_out=left_out,
            compared_with=self._judge.baseline.compared_with(row),
            limit=limit,
            near=close.near,
            callers=why.callers,
            suspects=why.suspects,
            touches=why.touches,
            sentence="",
            trace=self._judge.evidence.trace(row, seen),
        )
        minutes, throttled = SUSTAINED_SECONDS // 60, self._throttled(close.row, judgement)
        sentence = of_limit(finding, minutes=minutes, throttled=throttled)
        return msgspec.structs.replace(finding, minutes=minutes, throttled=throttled, sentence=sentence)

    def _throttled(self, at: int, judgement: Judgement) -> bool:
        row = int(self._throttles[at])
        return row >= 0 and bool(judgement.observed[row] > 0)

    def snapshot(self) -> dict[str, bytes]:
        """Return the state as parts."""
        return {
            "limits": self._watch.snapshot(),
            "limit-findings": pack("limit-findings", self.VERSION, self._open, {}),
        }

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Go on from a snapshot, after ``add`` of the same series in the same order."""
        self._watch.restore(parts["limits"], len(self._series))
        self._open, _ = unpack(parts["limit-findings"], "limit-findings", self.VERSION, dict[str, _Told])
