"""Which scopes of a shard are absent: the series that count requests, watched by ``watch.absence``."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

import config.settings
from detectors.judge.codes import YESTERDAY
from detectors.judge.judge import Judgement
from detectors.model.measures import Measure
from detectors.model.scope import ACCOUNT, FUNCTION, ROUTE, SERVICE, TABLE
from detectors.model.series import Series
from detectors.watch.absence import LEAST_GAPS, AbsenceWatch

WATCHED: Final = (ACCOUNT, SERVICE, ROUTE, FUNCTION, TABLE)
"""The kinds of scopes whose absence is told: clients and their versions come and go."""

HOLE_SECONDS: Final = 600
"""A shorter hole in the whole input is the pipeline's: a restart, a rebalance, a batch that comes late."""


class Absences:
    """The absences of one shard, by row of the judge.

    Parameters
    ----------
    settings
        What to judge by.
    step
        Seconds of a step.
    """

    def __init__(self, settings: config.settings.JudgeSettings, step: int) -> None:
        self._watch = AbsenceWatch(step, settings.persist, settings.recover)
        self._rows = np.zeros(0, np.intp)  # rows of the judge
        self._accounts = np.zeros(0, bool)  # which of them are about an account
        self._place: dict[int, int] = {}  # the other way round
        self._scopes: dict[object, int] = {}
        self._scope_of = np.zeros(0, np.intp)  # of every row of the judge

    def add(self, series: Sequence[Series], first: int) -> None:
        """Learn of new series, of which the judge has the first at row ``first``."""
        rows = [
            first + at
            for at, one in enumerate(series)
            if one.judged and one.measure is Measure.REQUESTS and one.about.kind in WATCHED
        ]
        self._place |= {row: len(self._rows) + at for at, row in enumerate(rows)}
        self._rows = np.concatenate((self._rows, np.array(rows, np.intp)))
        wide = np.array([series[row - first].about.kind == ACCOUNT for row in rows], bool)
        self._accounts = np.concatenate((self._accounts, wide))
        self._watch.add(len(rows))
        scopes = [self._scopes.setdefault(one.place, len(self._scopes)) for one in series]
        self._scope_of = np.concatenate((self._scope_of, np.array(scopes, np.intp)))

    def hush(self, values: NDArray[np.float64], *, nothing: bool) -> None:
        """Take the zeros of what is absent out of ``values``, in place: an incident teaches no baseline.

        ``nothing`` says that nothing at all came: when an account is absent, that is no news of any scope.
        """
        absent = self._watch.absent
        if not absent.any():
            return
        if nothing and (absent & self._accounts).any():
            values[:] = np.nan
            return
        hushed = np.zeros(len(self._scopes), bool)
        hushed[self._scope_of[self._rows[absent]]] = True
        values[hushed[self._scope_of] & (values == 0)] = np.nan

    def watch(self, judgement: Judgement, values: NDArray[np.float64], *, known: bool) -> None:
        """Take in a step; ``values`` are what was measured, and ``known`` says that all data of it came.

        What all of the input did not bring says nothing about one scope. But when event time went on for
        ``HOLE_SECONDS`` without a record, either everything is down or what feeds the pipeline lost them: a
        person has to look, and is told of the accounts alone.
        """
        rows = self._rows
        observed = values[rows]
        says = np.full(len(rows), known)
        if not known and len(rows) and judgement.start - self._watch.last.max() >= HOLE_SECONDS:
            says |= self._accounts
            observed = np.where(self._accounts, np.nan_to_num(observed), observed)
        tells = judgement.basis[rows] >= YESTERDAY  # the last minutes would only tell the present clump
        self._watch.watch(
            judgement.start,
            observed,
            np.where(tells, judgement.expected[rows], np.nan),
            ~judgement.young[rows],
            known=says,
            level=judgement.level[rows],
            hours=judgement.hours[rows],
        )

    def correct(self, end: int, now: int, values: NDArray[np.float64]) -> None:
        """Take in what came late, by row of the judge, of the step that ended at ``end``."""
        self._watch.correct(end, now, values[self._rows])

    @property
    def absent(self) -> NDArray[np.intp]:
        """Rows whose absence is told, ascending."""
        return np.sort(self._rows[self._watch.absent])

    def is_absent(self, row: int) -> bool:
        """Tell whether the absence of a row is told."""
        place = self._place.get(row)
        return place is not None and bool(self._watch.absent[place])

    def since(self, row: int) -> int:
        """Return when an absence began: at the end of the step that had the last request."""
        return int(self._watch.since[self._place[row]])

    def missed(self, row: int) -> float:
        """Return how many requests were missed since the last one."""
        return float(self._watch.nats[self._place[row]])

    def score(self, row: int) -> float:
        """Return how sure an absence is: 0.5 at the least that is told, never 1."""
        weight = float(self._watch.weight[self._place[row]])
        return weight / (weight + LEAST_GAPS)

    def snapshot(self) -> dict[str, bytes]:
        """Return the state as parts."""
        return {"absence": self._watch.snapshot()}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Go on from a snapshot, after ``add`` of the same series in the same order."""
        self._watch.restore(parts["absence"], len(self._rows))
