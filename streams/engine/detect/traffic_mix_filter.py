"""Verdicts on latencies that need no finding: slower calls are only made more often."""

import numpy as np

from detectors.judge.judge import Judgement
from detectors.model.array_types import Floats
from detectors.state.declared import Held, Stateful, StatePart


class TrafficMixFilter(Stateful):
    """Verdicts that the present mix of calls explains, until they end or it explains them no longer.

    A deviation beyond the mix must last ``persist`` consecutive steps.
    """

    STATE = (Held(StatePart("findings/mixes", dict[int, int]), "_unexplained", if_any=True),)

    def __init__(self, persist: int, step: int) -> None:
        self._persist, self._step = persist, step  # steps; seconds
        self._unexplained: dict[int, int] = {}  # by row: consecutive steps that its mix does not explain
        self._since: dict[int, int] = {}  # by row: when it ceased to; in the present step

    @property
    def rows(self) -> set[int]:
        """The rows whose verdicts are explained."""
        return set(self._unexplained)

    def since(self, row: int) -> int | None:
        """Return when a deviation began that its mix explained up to then, epoch seconds."""
        return self._since.get(row)

    def begin(self) -> None:
        """Begin a step."""
        self._since.clear()

    def explain(self, row: int, judgement: Judgement, mixed: Floats | None, end: int) -> bool:
        """Return whether a verdict of which there is no finding needs none.

        Parameters
        ----------
        row
            Of the judge; asked once a step, if its verdict opens or is among ``rows``.
        mixed
            (n,) the latency of the present mix of calls at usual times: ``MeasuredStep.mixed``.
        end
            Of the step, epoch seconds.
        """
        unexplained = self._unexplained.pop(row, None)
        if not judgement.verdict[row]:
            return unexplained is not None
        explained = _explains(row, judgement, mixed)
        if unexplained is None or judgement.opened[row]:
            if explained and judgement.opened[row]:
                self._unexplained[row] = 0
            return row in self._unexplained
        observed = judgement.observed[row]
        if not np.isnan(observed):
            inside = judgement.lower[row] <= observed <= judgement.upper[row]
            unexplained = 0 if inside or explained else unexplained + 1
        if unexplained >= self._persist:
            self._since[row] = end - self._persist * self._step
            return False
        self._unexplained[row] = unexplained
        return True


def explained(observed: float, expected: float, upper: float, by_mix: float) -> bool:
    """Return whether the present calls at their usual times explain a rise: ``by_mix``, NaN if unknown.

    The mix that is usual at this time of the week may be another than on average, and the judge expects it:
    ``by_mix`` must lie on the same side of the expected, and the deviation from it within the range of
    deviations from the expected, up to ``upper``.
    """
    return bool(by_mix > expected and observed * expected <= by_mix * upper)


def _explains(row: int, judgement: Judgement, mixed: Floats | None) -> bool:
    """Return whether the present calls, at their usual times, would be as slow or fast as observed."""
    if mixed is None or np.isnan(mixed[row]):
        return False
    observed, expected, by_mix = judgement.observed[row], judgement.expected[row], mixed[row]
    if observed >= expected:
        return explained(observed, expected, judgement.upper[row], by_mix)
    return bool(by_mix < expected and observed * expected >= by_mix * judgement.lower[row])
