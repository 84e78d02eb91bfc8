"""Detects which scopes of a shard have no traffic, from the series that count requests."""

from collections.abc import Sequence
from typing import Final

import numpy as np

import config.settings
from detectors.judge.judge import Judgement
from detectors.judge.kernel.arrays import Output
from detectors.model.array_types import Bools, Floats, Places
from detectors.model.measures import Measure, Series
from detectors.model.scope import ACCOUNT, FUNCTION, ROUTE, SERVICE, TABLE
from detectors.state.declared import Held, Owned, Stateful, StatePart
from detectors.watch.absence import LEAST_GAPS, AbsenceWatch, GapSteps

WATCHED: Final = (ACCOUNT, SERVICE, ROUTE, FUNCTION, TABLE)
"""Kinds of scope whose absence is reported: clients and their versions come and go."""

HOLE_SECONDS: Final = 600
"""A shorter gap in the whole input is due to the pipeline: a restart, a rebalance, a late batch."""


class Absences(Stateful):
    """The absences of one shard, by row of the judge. ``add`` the same series before ``restore``."""

    STATE = (Owned("_watch"), Held(StatePart("arrived", int), "_arrived", later=True))  # since 0.2

    def __init__(self, settings: config.settings.JudgeSettings, step: int) -> None:
        self._watch = AbsenceWatch(step, settings.persist, settings.recover)
        self.rows = np.zeros(0, np.intp)  # rows of the judge, by place in the watch
        self._refused = np.zeros(0, np.intp)  # rows of their callers' errors; -1 where not counted
        self._accounts = np.zeros(0, bool)  # which of them are accounts
        self._judged = np.zeros(0, bool)  # which of them can be absent
        self._place: dict[int, int] = {}  # place in the watch, by row
        self._within: dict[int, tuple[str, str]] = {}  # cloud and account, by row
        self._whole: dict[tuple[str, str], int] = {}  # row of an account
        self._scopes: dict[object, int] = {}
        self._scope_of = np.zeros(0, np.intp)  # number of the scope, by row
        self._arrived = 0  # end of the newest step with a record of any scope, epoch seconds
        self._step = step  # seconds

    def add(self, series: Sequence[Series], first: int) -> None:
        """Add new series; the first is row ``first`` of the judge."""
        rows = [
            first + at
            for at, item in enumerate(series)
            if item.measure is Measure.REQUESTS and item.about.kind in WATCHED
        ]
        within = {row: series[row - first].place for row in rows}
        self._within |= {row: place.cloud_account for row, place in within.items()}
        self._whole |= {self._within[row]: row for row, place in within.items() if place.kind == ACCOUNT}
        self._place |= {row: len(self.rows) + at for at, row in enumerate(rows)}
        errors = {
            item.about: row for row, item in enumerate(series, first) if item.measure is Measure.ERRORS_USER
        }
        refused = [errors.get(series[row - first].about, -1) for row in rows]
        self._refused = np.concatenate((self._refused, np.array(refused, np.intp)))
        self.rows = np.concatenate((self.rows, np.array(rows, np.intp)))
        wide = np.array([series[row - first].about.kind == ACCOUNT for row in rows], bool)
        self._accounts = np.concatenate((self._accounts, wide))
        judged = np.array([series[row - first].judged for row in rows], bool)
        self._judged = np.concatenate((self._judged, judged))
        self._watch.add(len(rows))
        scopes = [self._scopes.setdefault(item.place, len(self._scopes)) for item in series]
        self._scope_of = np.concatenate((self._scope_of, np.array(scopes, np.intp)))

    def mask(self, values: Floats, *, nothing: bool) -> None:
        """Replace the zeros of absent scopes by NaN, in place: an incident teaches no baseline.

        ``nothing`` is True when no record arrived: while an account is absent, all values are masked then.
        """
        absent = self._watch.absent
        if not absent.any():
            return
        if nothing and (absent & self._accounts).any():
            values[:] = np.nan
            return
        masked = np.zeros(len(self._scopes), bool)
        masked[self._scope_of[self.rows[absent]]] = True
        values[masked[self._scope_of] & (values == 0)] = np.nan

    def feed(self, judgement: Judgement, values: Floats, *, known: bool, nothing: bool = False) -> None:
        """Add a step with its measured ``values``.

        ``known`` is True when its data is complete, ``nothing`` when no record arrived.

        A gap in the whole input says nothing about a single scope. But if event time advances by
        ``HOLE_SECONDS`` without a record, either everything is down or the pipeline loses records: a person
        must check, so the accounts alone are reported absent.
        """
        if not nothing:
            self._arrived = judgement.start + self._step
        rows = self.rows
        observed = values[rows]
        evident = np.zeros(len(rows), bool)
        if not known and self.hole(judgement.start):
            evident = self._accounts
            observed = np.where(self._accounts, np.nan_to_num(observed), observed)
        # the last minutes only reflect the current burst
        reliable = self._judged & judgement.by_days[rows]
        self._watch.watch(
            judgement.start,
            observed,
            np.where(reliable, self.served(judgement.expected), np.nan),
            ~judgement.young[rows],
            known=evident | known,
            evident=evident,
            level=judgement.level[rows],
            hours=judgement.hours[rows],
            wide=self._accounts,
        )

    def feed_steps(
        self, start: int, values: Floats, out: Output, *, young: Bools, by_days: Bools, nothing: Bools
    ) -> int:
        """Add consecutive steps as ``feed`` does, up to the first with an absence; return how many.

        Nothing is absent before, and no step is in a ``hole``.

        Parameters
        ----------
        start
            Epoch seconds at which the first step starts.
        values : (steps, n)
            As measured.
        out : (steps, n)
            Of the judge.
        young : (steps, n)
            Which series are too young to be reported.
        by_days : (steps, n)
            Which expectations are those of weeks, or of yesterday in the first week.
        nothing : (steps,)
            Whether no record arrived.
        """
        rows = self.rows
        reliable = self._judged & by_days.take(rows, axis=1)
        given = GapSteps(
            values.take(rows, axis=1),
            np.where(reliable, self.served(out.expected), np.nan),
            ~young.take(rows, axis=1),
            np.repeat(~nothing[:, None], len(rows), axis=1),
            np.zeros((len(values), len(rows)), bool),
            out.level.take(rows, axis=1),
            out.hours.take(rows, axis=1),
            self._accounts,
        )
        added = self._watch.watch_steps(start, given)
        arrived = np.flatnonzero(~nothing[:added])
        if len(arrived):
            self._arrived = start + (int(arrived[-1]) + 1) * self._step
        return added

    def served(self, expected: Floats, until: int | None = None) -> Floats:
        """Return the requests that are expected and no errors of callers: what they do wrong they may stop.

        Parameters
        ----------
        expected : (..., n)
            Of the judge.
        until
            Number of the scopes that are asked for, all by default.

        Returns
        -------
        (..., scopes)
        """
        rows, refused = self.rows[:until], self._refused[:until]
        requests = expected.take(rows, axis=-1)
        errors = np.where(refused >= 0, np.nan_to_num(expected.take(refused, axis=-1, mode="clip")), 0.0)
        return np.maximum(requests - errors, 0.0)

    def gap_before(self, start: int) -> int:
        """Return the seconds without a record of anything before a step, 0 before the first record."""
        return start - self._arrived if self._arrived else 0

    def hole(self, start: int) -> bool:
        """Return whether a step from ``start`` on without a record would be evidence that all is down."""
        return bool(len(self.rows)) and start - int(self._watch.last.max()) >= HOLE_SECONDS

    @property
    def none(self) -> bool:
        """Whether nothing is absent."""
        return not self._watch.absent.any()

    def unopened(self, *, nothing: bool) -> Places:
        """Return the rows of the scopes that are absent since they should have opened.

        ``nothing`` as for ``mask``: when no record arrived, an account stands for all.
        """
        places = self._watch.unopened
        if nothing and (places & self._accounts).any():
            return np.arange(len(self._scope_of))
        return np.flatnonzero(np.isin(self._scope_of, self._scope_of[self.rows[places]]))

    def pass_over(self, start: int) -> None:
        """Add a step of which nothing is known, because nobody listened: no gap holds it."""
        self._arrived = start + self._step
        self._watch.pass_over(self._arrived)

    def begin_anew(self) -> None:
        """Forget the last request of every scope that is not absent: its next one is its first."""
        self._watch.begin_anew()

    def correct(self, end: int, now: int, values: Floats) -> None:
        """Add late values of the step that ended at ``end``, by row."""
        self._watch.correct(end, now, values[self.rows])

    @property
    def absent(self) -> Places:
        """Absent rows, ascending."""
        return np.sort(self.rows[self._watch.absent])

    def is_absent(self, row: int) -> bool:
        """Return whether a row is absent."""
        place = self._place.get(row)
        return place is not None and bool(self._watch.absent[place])

    def is_silent(self, row: int) -> bool:
        """Return whether a row is absent, and its newest step is known to have no request."""
        place = self._place.get(row)
        if place is None or not self._watch.absent[place]:
            return False
        return bool(self._watch.gap[place] and not self._watch.unseen_steps[place])

    def since(self, row: int) -> int:
        """Return when an absence began: the end of the step with the last request.

        Of what has not opened, when it should have been busy, or its account before it.
        """
        whole = self._whole.get(self._within[row], row)
        places = [self._place[row], self._place[whole]]
        at = places[int(self._watch.unopened[places].all())]
        return int(self._watch.since[at])

    def due(self, row: int) -> float:
        """Return the requests that were due since the last one before an absence, at the level of then."""
        place = self._place.get(row)
        return 0.0 if place is None else float(self._watch.due[place])

    def is_unopened(self, row: int) -> bool:
        """Return whether a row is absent since it should have opened."""
        return bool(self._watch.unopened[self._place[row]])

    def is_gap(self, row: int, seen: int) -> bool:
        """Return whether an account is absent because nothing arrives at all, as of watermark ``seen``."""
        place = self._place[row]
        if not self._accounts[place] or seen - self._arrived < HOLE_SECONDS:
            return False
        return self._arrived - int(self._watch.since[place]) <= HOLE_SECONDS

    def score(self, row: int) -> float:
        """Return the score of an absence: 0.5 at the threshold, always below 1."""
        weight = float(self._watch.weight[self._place[row]])
        return weight / (weight + LEAST_GAPS)
