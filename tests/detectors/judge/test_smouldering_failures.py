"""Failures of a few in a hundred requests, for hours: what is not reported yet must not pass for usual."""

import numpy as np
import pytest

from config.settings import JudgeSettings
from detectors.judge.judge import Judge
from detectors.model.measures import Measure, Series
from detectors.model.scope import Scope

BEGIN, MINUTE, DAY = 1_759_708_800, 60, 1440  # a Monday, 00:00 UTC
LEARNT = 14 * DAY
SERVICE = Scope("service", "aws", "1", "", "shop")


def judged(peak: float, share: float, begins: int, lasts: int) -> tuple[np.ndarray, np.ndarray]:
    """Judge requests of which one in a thousand fails, and from a minute on a share of them.

    ``peak`` is their number in a minute of the afternoon; at night, it is a sixth. Returns of each minute
    after ``begins`` whether a verdict opened, and whether one was open.
    """
    draw, steps = np.random.default_rng(1), begins + lasts + DAY // 2
    hour = np.arange(steps) % DAY / 60
    requests = draw.poisson(peak * (0.15 + 0.85 * np.exp(-(((hour - 15) / 5) ** 2))))
    fails = np.full(steps, 0.001)
    fails[begins : begins + lasts] = share
    values = np.stack([requests, draw.binomial(requests, fails)], axis=1).astype(float)
    judge = Judge(JudgeSettings(), MINUTE)
    judge.add([Series(SERVICE, Measure.REQUESTS), Series(SERVICE, Measure.ERRORS_BACKEND)])
    found = [
        judge.judge_steps(BEGIN + first * MINUTE, values[first : first + 720])[0]
        for first in range(0, steps, 720)
    ]
    opened, code = (
        np.concatenate([getattr(out, name)[:, 1] for out in found]) for name in ("opened", "code")
    )
    assert not opened[2 * DAY : begins].any()
    return opened[begins:], code[begins:] != 0


@pytest.mark.parametrize(("peak", "share", "within"), [(20, 0.05, 90), (60, 0.02, 90), (20, 0.03, 360)])
def test_what_begins_in_the_thin_hours_of_the_night_is_found(peak: float, share: float, within: int) -> None:
    opened, _ = judged(peak, share, LEARNT, DAY)
    assert opened[:within].any()


def test_it_is_one_finding_for_as_long_as_it_lasts() -> None:
    lasts = 150
    opened, is_open = judged(40, 0.03, LEARNT + 10 * 60, lasts)
    assert np.flatnonzero(opened).size == 1
    assert is_open[20:lasts].all()
    assert not is_open[lasts + 40 :].any()


@pytest.mark.parametrize("share", [0.2, 1.0])
def test_what_fails_for_a_night_is_open_for_all_of_it(share: float) -> None:
    lasts = 14 * 60
    opened, is_open = judged(7, share, LEARNT + 10 * 60, lasts)
    assert np.flatnonzero(opened).size == 1
    assert is_open[30:lasts].all()
    assert not is_open[lasts + 60 :].any()
