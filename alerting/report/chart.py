"""The chart of an incident as an inline SVG: the value over the expected range.

Curves are drawn in a square of 1,000 by 1,000 that the page stretches; texts and time marks are placed in
percent, so that letters are not stretched.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from alerting.incidents.incident import Incident
from alerting.report.scale import Heights, Tick, Times
from alerting.words import numbers
from alerting.words.mrkdwn import clean
from alerting.words.phrases import Phrases
from detectors.model.finding import Finding, Growth, Trace

SIDE: Final = 1000
MOST: Final = 480
"""Points per curve: as many as a screen shows."""

_ROOM: Final = 1.04  # above the highest point
_FAR: Final = 2  # a limit beyond twice the highest point would flatten the curve
_TICKS: Final = 8
_CALM: Final = 2 * 3600  # seconds drawn before the incident; more before a long one
_RIGHT: Final = 62  # percent: beyond this, a label is left of its mark
_NEAR: Final = 0.05  # of the reported peak
_EMPTY: Final = "no data in this period"

Values = Sequence[float | None]


class Chart(NamedTuple):
    """The drawing, for the template."""

    now: str  # paths
    last_week: str
    band: str
    shade: tuple[float, float]  # begin and length of the incident, percent
    alerted: Tick | None
    peak: tuple[float, float, str, bool] | None  # across, down, label, whether the label is to its left
    limit: Tick | None
    across: list[Tick]
    up: list[Tick]
    readings: str  # for the pointer: start, step and values as JSON


def merged(traces: Iterable[Trace]) -> Trace | None:
    """Merge traces of one series, oldest first; later values win.

    A trace has only hours: merged, an incident of several days is drawn as a whole.
    """
    known = list(traces)
    if not known:
        return None
    step = known[-1].step
    alike = [trace for trace in known if trace.step == step and trace.now]
    if not alike:
        return None
    start = min(trace.start for trace in alike)
    count = max((trace.start - start) // step + len(trace.now) for trace in alike)
    lists: list[list[float | None]] = [[None] * count for _ in range(4)]
    for trace in alike:
        first = (trace.start - start) // step
        for whole, part in zip(lists, _parts(trace), strict=True):
            whole[first : first + len(part)] = part
    return _trace(start, step, lists)


def chart(incident: Incident, finding: Finding, trace: Trace, zone: ZoneInfo, words: Phrases) -> Chart:
    """Return the drawing.

    The incident's span is shaded; ``trace`` has at least one value.
    """
    trace = _thinned(_near(trace, *incident.primary_span))
    count = len(trace.now)
    times = Times(trace.start, trace.start + count * trace.step, zone)
    values = [value for part in _parts(trace) for value in _known(part)]
    low, top = min(values, default=0.0), max(values, default=0.0)
    limit = finding.limit if finding.limit is not None and 0 < finding.limit <= _FAR * top else None
    heights = Heights.of(low, max(top * _ROOM, (limit or 0.0) * _ROOM))

    begun, ended = incident.primary_span
    until = ended if ended is not None else times.last
    left, right = times.place(begun), times.place(until)
    mark = None
    if (furthest := _furthest(trace, (begun, until), incident.peak)) is not None:
        across = round(100 * (furthest[0] + 0.5) / count, 2)
        reached = clean(words.figures.of_finding(furthest[1], finding))
        mark = across, heights.down(furthest[1]), reached, across > _RIGHT
    return Chart(
        now=_line(trace.now, heights),
        last_week=_line(trace.last_week, heights),
        band=_band(trace.lower, trace.upper, heights),
        shade=(left, round(max(right - left, 0.0), 3)),
        alerted=_alerted(incident, times, words),
        peak=mark,
        limit=_limit(limit, finding, heights, words),
        across=times.ticks(_TICKS),
        up=_rungs(heights),
        readings=_readings(trace),
    )


def _parts(trace: Trace) -> tuple[list[float | None], ...]:
    return trace.now, trace.last_week, trace.lower, trace.upper


def _trace(start: int, step: int, parts: Sequence[list[float | None]]) -> Trace:
    now, last_week, lower, upper = parts
    return Trace(start=start, step=step, now=now, last_week=last_week, lower=lower, upper=upper)


def _known(values: Values) -> Iterator[float]:
    return (value for value in values if value is not None and math.isfinite(value))


def _limit(limit: float | None, finding: Finding, heights: Heights, words: Phrases) -> Tick | None:
    if limit is None:
        return None
    return Tick(heights.down(limit), clean(f"limit {words.figures.of_finding(limit, finding)}"))


def _rungs(heights: Heights) -> list[Tick]:
    return [Tick(heights.down(rung), numbers.number(rung)) for rung in heights.rungs]


def _alerted(incident: Incident, times: Times, words: Phrases) -> Tick | None:
    if incident.alerted is None or not times.first <= incident.alerted <= times.last:
        return None
    at = words.figures.slack_time(incident.alerted, times.zone, day=False)
    return Tick(times.place(incident.alerted), f"alerted {at}")


def _furthest(trace: Trace, span: tuple[int, int], peak: float) -> tuple[int, float] | None:
    """Return the position and value of the reported peak within the incident's span.

    If the curve does not reach it, because it is of another series, return the point furthest from expected.
    """
    seen = [
        (index, value)
        for index, value in enumerate(trace.now)
        if value is not None
        and math.isfinite(value)
        and span[0] - trace.step <= trace.start + index * trace.step <= span[1]
    ]
    if not seen:
        return None
    index, value = min(seen, key=lambda point: abs(point[1] - peak))
    if abs(value - peak) <= _NEAR * max(abs(peak), abs(value)):
        return index, peak
    return max(seen, key=lambda point: abs(point[1] - _middle(trace, point[0])))


def _middle(trace: Trace, index: int) -> float:
    lower, upper = trace.lower[index], trace.upper[index]
    return (lower + upper) / 2 if lower is not None and upper is not None else 0.0


def _near(trace: Trace, begun: int, ended: int | None) -> Trace:
    """Trim the calm before an incident, so that it does not shrink to the edge of its chart."""
    last = trace.start + len(trace.now) * trace.step
    calm = max(_CALM, round(1.5 * ((ended or last) - begun)))
    drop = min(max(0, (begun - calm - trace.start) // trace.step), len(trace.now) - 1)
    parts = [part[drop:] for part in _parts(trace)]
    return _trace(trace.start + drop * trace.step, trace.step, parts)


def _thinned(trace: Trace) -> Trace:
    """Return at most ``MOST`` points, keeping of each group the value furthest from expected."""
    width = math.ceil(len(trace.now) / MOST)
    if width == 1:
        return trace
    now, others = list[float | None](), [list[float | None]() for _ in range(3)]
    for first in range(0, len(trace.now), width):
        indices = range(first, min(first + width, len(trace.now)))
        seen = [
            (abs(value - _middle(trace, i)), value) for i in indices if (value := trace.now[i]) is not None
        ]
        now.append(max(seen)[1] if seen else None)
        for whole, part in zip(others, (trace.last_week, trace.lower, trace.upper), strict=True):
            values = [value for value in part[first : first + width] if value is not None]
            whole.append(sum(values) / len(values) if values else None)
    return _trace(trace.start, trace.step * width, [now, *others])


def _point(index: int, value: float, count: int, heights: Heights) -> str:
    return f"{_short(SIDE * (index + 0.5) / count)} {_short(SIDE * heights.down(value) / 100)}"


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _runs(*columns: Values) -> Iterator[range]:
    """Yield the ranges in which all columns have a value."""
    begin: int | None = None
    for index, values in enumerate(zip(*columns, strict=True)):
        there = all(value is not None and math.isfinite(value) for value in values)
        if there and begin is None:
            begin = index
        elif not there and begin is not None:
            yield range(begin, index)
            begin = None
    if begin is not None:
        yield range(begin, len(columns[0]))


def _line(values: Values, heights: Heights) -> str:
    """Return a path with gaps where values are missing; a single value is a dot."""
    drawn = ""
    for run in _runs(values):
        points = [_point(index, values[index] or 0.0, len(values), heights) for index in run]
        drawn += f"M{'L'.join(points)}" + ("h.1" if len(points) == 1 else "")
    return drawn


def _band(lower: Values, upper: Values, heights: Heights) -> str:
    drawn = ""
    for run in _runs(lower, upper):
        above = [_point(index, upper[index] or 0.0, len(upper), heights) for index in run]
        below = [_point(index, lower[index] or 0.0, len(lower), heights) for index in reversed(run)]
        drawn += f"M{'L'.join([*above, *below])}Z"
    return drawn


def _readings(trace: Trace) -> str:
    """Return start, step and values as JSON, with three digits to keep the file small."""
    parts = (
        ",".join("null" if value is None or not math.isfinite(value) else f"{value:.3g}" for value in part)
        for part in (trace.now, trace.lower, trace.upper)
    )
    return f"[{trace.start},{trace.step}," + ",".join(f"[{part}]" for part in parts) + "]"


def without(finding: Finding) -> str:
    """Return the reason for a missing chart."""
    if finding.trace is not None and not finding.trace.now:
        return _EMPTY
    return _WHY.get(finding.verdict.value, "the curve was not stored")


_WHY: Final = {
    "fatal": "a new error has no earlier curve to compare with",
    "growth": "growth is judged by daily levels, not minute by minute",
    "limit": "a limit is compared with the configured capacity",
}


_DAY: Final = 86400
_POINTS: Final = 24
_AHEAD: Final = (14.0, 60.0)  # days of forecast drawn: minimum and maximum
_BEYOND: Final = 1.2  # times the distance to the limit


def forecast(finding: Finding, growth: Growth, zone: ZoneInfo, words: Phrases) -> Chart:
    """Return the drawing: a line up to the report, and a cone of likely values from there on."""
    ahead = min(max(_AHEAD[0], _BEYOND * (growth.days_to_limit or 0.0)), _AHEAD[1])
    times = Times(finding.seen - growth.days * _DAY, round(finding.seen + ahead * _DAY), zone)
    past = [-growth.days * (1 - point / _POINTS) for point in range(_POINTS + 1)]
    future = [ahead * point / _POINTS for point in range(_POINTS + 1)]

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
            clean(words.figures.of_finding(finding.observed, finding)),
            True,
        ),
        limit=_limit(limit, finding, heights, words),
        across=times.ticks(6),
        up=_rungs(heights),
        readings="",
    )
