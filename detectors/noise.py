"""How far a value lies from what was expected, in units of the series' own noise.

Latencies, and amounts of which nobody knows how many calls they are made of, are compared on a log
scale, so nothing depends on their unit. Counts, and amounts in units of the size of a call, are
compared as counts: by the deviance residual of a negative binomial (McCullagh and Nelder, Generalized
Linear Models, 2nd ed., sections 2.4.3 and 6.2), whose dispersion is the square of the relative spread
learnt. It is the Poisson residual where a series is small and tends to the relative deviation where it
is large.

The spread is learnt so that the residuals come out as a standard normal would: their median size at
0.67 and their 99th percentile at 2.58, each by stochastic approximation of a quantile (Robbins and Monro
1951), which wild values can only push by a fixed step. A series with heavy tails thereby gets a larger
unit, and the same threshold means nearly the same rate of false alarms on a calm series and a wild one.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.row_state import Field, RowState

Floats = NDArray[np.float64]

OFFSET: Final = 0.02
"""Fraction of a series' usual level added before logarithms: what is below it is as good as nothing."""

LEAST_SPREAD: Final = 0.02
"""Relative spread no series is believed to undercut; a constant series has it."""

MEDIAN_SIZE: Final = 0.6745  # of a standard normal: half lie within
TAIL_SIZE: Final = 2.5758  # 99 % lie within
GAIN: Final = 0.01  # of the stochastic approximation, once settled

RARE: Final = 0.0015
"""Steps on which both views agree on ``RARE_SIZE`` or more on a calm series: a normal's tail on both sides
is 0.0027, and the views do not always agree. A tenth of it would need months to be learnt."""

RARE_SIZE: Final = 3.0
RARE_GAIN: Final = 0.03  # a rare step counts 3 %, a calm week takes a third back (at a step of a minute)


def deviation(value: Floats, expected: Floats, spread: Floats, offset: Floats, grain: Floats) -> Floats:
    """Return the signed residual of each value, NaN where either is missing.

    Parameters
    ----------
    value, expected : (n,) float64
        What was measured and what was expected, both not negative, in the same unit.
    spread : (n,) float64
        Relative spread, > 0.
    offset : (n,) float64
        Added to both before the logarithm, in their unit, > 0.
    grain : (n,) float64
        What one independent happening brings, in the unit of the value: 1 for a count, the size of a call
        for capacity. Rows without one (0) are compared on the log scale.

    Examples
    --------
    >>> one = np.ones(1)
    >>> float(deviation(0 * one, one, 0.02 * one, one, grain=one)[0].round(1))  # Poisson: the root of 2
    -1.4
    >>> float(deviation(0 * one, 5 * one, 0.02 * one, one, grain=5 * one)[0].round(1))  # one call of 5 units
    -1.4
    """
    residual: Floats = np.log((value + offset) / (expected + offset)) / spread
    grained = np.flatnonzero(grain > 0)
    if grained.size:
        x, mu = value[grained] / grain[grained], expected[grained] / grain[grained] + 1e-3
        dispersion = spread[grained] ** 2
        grown = np.log((1 + dispersion * x) / (1 + dispersion * mu))
        deviance = 2 * (x * np.log(np.maximum(x, 1e-9) / mu) - (x + 1 / dispersion) * grown)
        residual[grained] = np.copysign(np.sqrt(np.maximum(deviance, 0)), x - mu)
    return residual


class Spread(RowState):
    """The relative spread of every series around one kind of expectation, learnt as it goes."""

    KIND = "spread"
    spread: Floats
    tail: Floats
    seen: Floats

    def __init__(self) -> None:
        super().__init__({"spread": Field(0.2), "tail": Field(1.0), "seen": Field(0.0)})

    def learn(self, residual: Floats, use: NDArray[np.bool_]) -> None:
        """Take in residuals made with ``self.spread`` where ``use`` says so; (n,) each."""
        size = np.abs(residual)
        self.seen += use
        gain = np.where(use, np.maximum(GAIN, 2 / (10 + self.seen)), 0.0)
        # 1[size > q] - P(size > q): zero on average exactly when q is that quantile
        self.spread *= np.exp(gain * 2 * ((size > MEDIAN_SIZE) - 0.5))
        np.clip(self.spread, LEAST_SPREAD, 3.0, out=self.spread)
        self.tail *= np.exp(gain * 4 * ((size > TAIL_SIZE * self.tail) - 0.01))
        np.clip(self.tail, 1.0, 100.0, out=self.tail)


class Wildness(RowState):
    """How much further than on a calm series the views agree that rare values lie.

    On a calm series three steps in two thousand deviate by ``RARE_SIZE`` in both views. Where more do, the
    unit of the deviation is enlarged until only as many do, so that the same threshold asks for
    something equally rare of every series.
    """

    KIND = "wildness"
    factor: Floats

    def __init__(self) -> None:
        super().__init__({"factor": Field(1.0)})

    def learn(self, agreed: Floats, use: NDArray[np.bool_]) -> None:
        """Take in what the views agreed on, (n,), where ``use`` says so."""
        beyond = np.abs(agreed) > RARE_SIZE * self.factor
        self.factor *= np.exp(np.where(use, RARE_GAIN * (beyond - RARE), 0.0))
        np.clip(self.factor, 1.0, 100.0, out=self.factor)
