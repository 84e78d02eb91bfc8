"""Findings about limits that are near: how much of the capacity is used, and by whom."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

import config.settings
from detectors.judge.judge import Judge, Judgement
from detectors.model.array_types import Floats
from detectors.model.finding import Finding, Verdict
from detectors.model.measures import Measure, Series
from detectors.model.scope import Scope, ScopeOrEdge
from detectors.model.sentence import explain_limit
from detectors.state.declared import Held, Owned, Stateful, StatePart
from detectors.watch.limits import MOST_SHARE, SUSTAINED_SECONDS, LimitChange, LimitWatch
from streams.engine.detect.explainer import Explainer
from streams.engine.detect.findings import identity

USED_SECONDS: Final = 3600
"""Consumption is attributed over the last hour."""

MOST_USED: Final = 1e300
"""Of a limit that is raised beyond all bounds after its share was that large."""

LIMITED: Final = (Measure.RCU, Measure.WCU, Measure.BUSY)
"""Measures that can have a limit, besides levels."""

SURPRISING: Final = 0.5
"""From this score on, the current consumption is a deviation rather than a level."""


def can_be_limited(measure: Measure) -> bool:
    """Return whether a measure can have a limit."""
    return measure in LIMITED or bool(measure.level)


class _Open(msgspec.Struct, array_like=True):
    """The newest revision of a finding."""

    revision: int
    worst: float  # largest share of the limit over five minutes
    limit: float = 0.0  # 0 if it is not known, as in the state of an earlier version


class LimitFindings(Stateful):
    """The limits of one shard that are near, until they no longer are.

    ``add`` the same series before ``restore``.
    """

    STATE = (Owned("_watch"), Held(StatePart("limit-findings", dict[str, _Open], 2), "_open"))

    def __init__(
        self, settings: config.settings.JudgeSettings, step: int, judge: Judge, explainer: Explainer
    ) -> None:
        self._watch = LimitWatch(step, settings.near)
        self._near = settings.near
        self._step = step  # seconds
        self._judge = judge
        self._explainer = explainer
        self._series: list[Series] = []
        self._rows = np.zeros(0, np.intp)  # of the judge
        self._throttles = np.zeros(0, np.intp)  # row of the throttles of the same scope, -1 if none
        self._levels = np.zeros(0, bool)  # which are levels that samples state
        self._limits = np.zeros(0)  # per step
        self._open: dict[str, _Open] = {}  # by the id of the finding
        self._idle: bool | None = None  # whether none of them has a limit, or had one; None: to be found out

    def add(self, series: Sequence[Series], first: int) -> None:
        """Add new series; the first is row ``first`` of the judge."""
        throttles: dict[ScopeOrEdge, int] = {
            item.about: first + at for at, item in enumerate(series) if item.measure is Measure.THROTTLES
        }
        # all that can have a limit: a restart may bring other settings
        limited = {first + at: item for at, item in enumerate(series) if can_be_limited(item.measure)}
        self._series += limited.values()
        self._rows = np.concatenate((self._rows, np.array(list(limited), np.intp)))
        levels = np.array([bool(item.measure.level) for item in limited.values()], bool)
        self._levels = np.concatenate((self._levels, levels))
        # what is refused at the scope of a level may be refused for another reason
        beside = [-1 if item.measure.level else throttles.get(item.about, -1) for item in limited.values()]
        self._throttles = np.concatenate((self._throttles, np.array(beside, np.intp)))
        limits = [(item.limit or np.inf) * self._step for item in limited.values()]
        self._limits = np.concatenate((self._limits, np.array(limits, float)))
        self._watch.add(len(limited))
        self._idle = None

    def limit(self, changed: Mapping[int, Series]) -> None:
        """Replace series whose limit changed, by their rows of the judge."""
        for at, row in enumerate(self._rows.tolist()):
            if row in changed:
                self._series[at] = changed[row]
                self._limits[at] = (changed[row].limit or np.inf) * self._step
        self._idle = None

    def feed(self, judgement: Judgement, completeness: float, soon: Collection[int]) -> list[Finding]:
        """Add a step; ``soon`` are rows of the judge whose forecast reaches the limit within a day."""
        return self.found(self.watch(judgement, soon), judgement, completeness)

    @property
    def idle(self) -> bool:
        """Whether there is no limit to be near to."""
        if self._idle is None:
            self._idle = self._watch.idle and bool(np.isinf(self._limits).all()) and not self._levels.any()
        return self._idle

    def pass_by(self, start: int, observed: Floats) -> None:
        """Add consecutive steps while ``idle``: (steps, n) of the judge."""
        if self._rows.size:
            self._watch.pass_by_steps(start, np.take(observed, self._rows, axis=1))

    def watch(self, judgement: Judgement, soon: Collection[int] = ()) -> list[LimitChange]:
        """Add a step; ``found`` makes findings of the changes."""
        rows = self._rows
        if not rows.size:
            return []
        if self.idle and not soon:
            self._watch.pass_by(judgement.start, judgement.observed[rows])
            return []
        refused = judgement.observed[self._throttles] > 0
        return self._watch.watch(
            judgement.start,
            judgement.observed[rows],
            self._limits,
            throttled=refused & (self._throttles >= 0),
            # no spike of a level that has a limit is reported
            calm=self._levels | ((judgement.verdict[rows] == 0) & (judgement.score[rows] < SURPRISING)),
            soon=np.isin(rows, sorted(soon)) if soon else np.zeros(len(rows), bool),
            sparse=self._levels,
        )

    def found(
        self, changes: Iterable[LimitChange], judgement: Judgement, completeness: float
    ) -> list[Finding]:
        """Return the findings about the changes of a judged step."""
        return [self._finding(close, judgement, completeness) for close in changes]

    def _finding(self, close: LimitChange, judgement: Judgement, completeness: float) -> Finding:
        series, row = self._series[close.row], int(self._rows[close.row])
        name = identity(series, Verdict.LIMIT, close.since, "near" if close.near else "level")
        share = float(np.nan_to_num(self._watch.sustained[close.row]))
        of_day = float(np.nan_to_num(self._watch.peaks[-1, close.row]))
        if close.state == "open":
            limit = series.limit or 0.0
            newest = _Open(0, min(share if close.near else of_day, MOST_SHARE), limit)
        else:  # the peaks include the hours since the last revision
            known = self._open[name]
            limit = series.limit or known.limit
            worst = known.worst * (known.limit or limit) / limit if limit else known.worst
            worst = max(worst, of_day, float(self._watch.peak[close.row]))
            newest = _Open(known.revision + 1, min(worst, MOST_SHARE), limit)
        self._open[name] = newest
        if close.state == "end":
            del self._open[name]
        seen = judgement.start + self._step
        why = self._explainer.consumption(series, seen - USED_SECONDS, seen)
        used_now, expected, lower, upper = (
            float(np.nan_to_num(of[row])) / self._step
            for of in (judgement.observed, judgement.expected, judgement.lower, judgement.upper)
        )
        peak = min(newest.worst * limit, MOST_USED) if limit else None
        if peak is not None:
            used_now = min(share * limit, MOST_USED) if close.near and close.state != "end" else peak
        used, left_out = self._judge.baseline.weeks(row)
        finding = Finding(
            id=name,
            revision=newest.revision,
            state=close.state,
            verdict=Verdict.LIMIT,
            scope=series.about if isinstance(series.about, Scope) else None,
            measure=series.measure,
            start=close.since,
            seen=seen,
            end=self._ended(close, seen) if close.state == "end" else None,
            lost=close.lost,
            observed=used_now,
            peak=peak,
            expected=expected,
            lower=lower,
            upper=upper,
            score=newest.worst / (newest.worst + self._near),
            completeness=completeness,
            weeks_used=used,
            weeks_left_out=left_out,
            compared_with=self._judge.baseline.compared_with(row),
            limit=limit or None,
            near=close.near,
            callers=why.callers,
            suspects=why.suspects,
            touches=why.touches,
            sentence="",
            trace=self._judge.evidence.trace(row, seen),
        )
        minutes, throttled = SUSTAINED_SECONDS // 60, self._throttled(close.row, judgement)
        sentence = explain_limit(finding, minutes=minutes, throttled=throttled)
        return msgspec.structs.replace(finding, minutes=minutes, throttled=throttled, sentence=sentence)

    def _ended(self, close: LimitChange, seen: int) -> int:
        """Return when use was close to the limit the last time; a day passes before that is certain."""
        last = int(self._watch.close[close.row])
        return max(last, close.since + self._step) if close.near and last > 0 else seen

    def _throttled(self, at: int, judgement: Judgement) -> bool:
        row = int(self._throttles[at])
        return row >= 0 and bool(judgement.observed[row] > 0)

    def derive(self) -> None:
        """Find out anew whether any of them has a limit, or had one."""
        self._idle = None
