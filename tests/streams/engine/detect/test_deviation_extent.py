from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from detectors.judge.evidence import Course
from streams.engine.detect.deviation_extent import DeviationExtent

MINUTE = 60


def extent_over(observed: list[float], *, latency: bool) -> DeviationExtent:
    steps = np.ones(len(observed))
    course = Course(np.array(observed), 6.0 * steps, 5.0 * steps, 7.0 * steps)
    evidence = SimpleNamespace(course=lambda *_: course, latency=np.array([latency]))
    judge: Any = SimpleNamespace(evidence=evidence)
    return DeviationExtent(judge, 3, MINUTE)


@pytest.mark.parametrize(("latency", "mean"), [(False, 0.4), (True, 1.0)])
def test_minutes_without_a_record_count_in_the_mean_of_a_fall_and_not_in_that_of_a_latency(
    latency: bool, mean: float
) -> None:
    unknown = float("nan")
    extent = extent_over([2.0, unknown, unknown, unknown, 0.0], latency=latency)
    added = extent.added_up(0, 0, 5 * MINUTE, reported=2 * MINUTE, rises=False)
    assert added is not None
    assert added.observed == pytest.approx(mean)
    assert added.seconds == 5 * MINUTE
