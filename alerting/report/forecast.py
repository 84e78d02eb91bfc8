"""The chart of growth: the fitted trend and its forecast, without single values."""

import math
from typing import Final
from zoneinfo import ZoneInfo

from alerting.report.chart import SIDE, Chart
from alerting.report.scale import Heights, Tick, Times
from alerting.words import numbers
from alerting.words.mrkdwn import clean
from alerting.words.phrases import Phrases
from detectors.model.finding import Finding, Growth

_DAY: Final = 86400
_POINTS: Final = 24
_AHEAD: Final = (14.0, 60.0)  # days of forecast drawn: minimum and maximum
_BEYOND: Final = 1.2  # times the distance to the limit
_FAR: Final = 2  # a limit beyond twice the final level would flatten the curve


def forecast(finding: Finding, growth: Growth, zone: ZoneInfo, words: Phrases) -> Chart:
    """Return the drawing: a line up to the report, and a cone of likely values from there on."""
    ahead = min(max(_AHEAD[0], _BEYOND * (growth.days_to_limit or 0.0)), _AHEAD[1])
    times = Times(finding.seen - growth.days * _DAY, round(finding.seen + ahead * _DAY), zone)
    past = [-growth.days * (1 - each / _POINTS) for each in range(_POINTS + 1)]
    future = [ahead * each / _POINTS for each in range(_POINTS + 1)]

    def level(days: float, per_day: float) -> float:
        return finding.observed * math.exp(days * math.log1p(max(per_day, -0.9)))

    ends = level(ahead, growth.per_day_upper)
    limit = finding.limit if finding.limit is not None and 0 < finding.limit <= _FAR * ends else None
    heights = Heights.of(0.0, max(min(ends, _FAR * level(ahead, growth.per_day)), limit or 0.0))

    def points(days: list[float], per_day: float) -> str:
        return "L".join(
            f"{SIDE * times.place(finding.seen + day * _DAY) / 100:.1f} "
            f"{SIDE * heights.down(level(day, per_day)) / 100:.1f}"
            for day in days
        )

    cone = f"M{points(future, growth.per_day_upper)}L{points(future[::-1], growth.per_day_lower)}Z"
    down = heights.down(finding.observed)
    return Chart(
        now=f"M{points(past, growth.per_day)}",
        last_week=f"M{points(future, growth.per_day)}",
        band=cone,
        shade=(0.0, 0.0),
        alerted=None,
        peak=(
            times.place(finding.seen),
            down,
            clean(words.figures.quantity(finding.observed, finding.measure, finding.about)),
            True,
        ),
        limit=None
        if limit is None
        else Tick(
            heights.down(limit),
            clean(f"limit {words.figures.quantity(limit, finding.measure, finding.about)}"),
        ),
        across=times.ticks(6),
        up=[Tick(heights.down(rung), numbers.number(rung)) for rung in heights.rungs],
        readings="",
    )
