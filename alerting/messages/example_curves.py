"""The curves of the examples: four hours of an invented backend, drawn by formulas."""

import math
from collections.abc import Callable
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from detectors.model.finding import Trace

ZONE: Final = ZoneInfo("Asia/Tokyo")
AT: Final = int(datetime(2026, 11, 24, 20, 24, tzinfo=ZONE).timestamp())
BEGAN: Final = AT - 24 * 60
_STEP: Final = 60
_HOURS: Final = 4


def trace(level: float, shape: Callable[[float, float], float], *, band: float = 0.28) -> Trace:
    """Return four hours of a curve; ``shape`` maps the usual level and the minutes since onset to a value."""
    count = _HOURS * 60
    start = AT - count * _STEP
    now: list[float | None] = []
    before: list[float | None] = []
    lower: list[float | None] = []
    upper: list[float | None] = []
    for minute in range(count):
        at = start + minute * _STEP
        usual = level * (1 + 0.16 * math.sin(at / 5200) + 0.05 * math.sin(at / 900))
        noise = 1 + 0.05 * math.sin(minute * 12.9898) + 0.03 * math.sin(minute * 78.233)
        now.append(shape(usual * noise, (at - BEGAN) / 60))
        before.append(usual * 0.96 * (1 + 0.05 * math.sin(minute * 39.425)))
        lower.append(usual * (1 - band))
        upper.append(usual * (1 + band))
    return Trace(start=start, step=_STEP, now=now, last_week=before, lower=lower, upper=upper)


def rise(usual: float, since: float) -> float:
    """Return a rise within three minutes."""
    return usual * (1 + 3.6 * min(1.0, max(0.0, since) / 3))


def worsen(usual: float, since: float) -> float:
    """Return a rise that goes on after twelve minutes."""
    return usual * (1 + 3.6 * min(1.0, max(0.0, since) / 3) + 2.2 * max(0.0, since - 12) / 12)


def ease(usual: float, since: float) -> float:
    """Return a rise that eases after twelve minutes."""
    return usual * (1 + 3.6 * min(1.0, max(0.0, since) / 3) * (1 - max(0.0, since - 12) / 14))


def passes(usual: float, since: float) -> float:
    """Return a rise of thirteen minutes."""
    return usual if since > 13 else rise(usual, since)  # noqa: PLR2004  it lasted 13 minutes


def fall(usual: float, since: float) -> float:
    """Return a fall to a third."""
    return usual * (0.3 if since > 0 else 1.0)


def stop(usual: float, since: float) -> float:
    """Return a fall to nothing."""
    return 0.0 if since > 0 else usual


def step_up(usual: float, since: float) -> float:
    """Return a new level."""
    return usual * (1.55 if since > -100 else 1.0)  # noqa: PLR2004  it began 100 minutes before the others


def climb(usual: float, since: float) -> float:
    """Return a slow climb."""
    return usual * (1 + max(0.0, since + 90) / 190)


def errors(_: float, since: float) -> float:
    """Return a few errors where there were none."""
    return 0.0 if since < 0 else 0.05 + 0.02 * math.sin(since)


def failing(_: float, since: float) -> float:
    """Return errors of four requests of ten, where there were none."""
    return 0.0 if since < 0 else 0.066 * min(1.0, since / 2) * (1 + 0.12 * math.sin(since))
