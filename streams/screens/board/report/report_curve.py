"""The curve of an incident in a report, as the page of its scope has it, from the traces of its notices."""

import math
from collections.abc import Iterable
from typing import Final

from alerting.incidents.answers import change_answer
from alerting.incidents.incident import Incident
from detectors.model.copy_fields import copy_fields
from detectors.model.finding import Finding, Trace
from streams.screens.board.scope_pages.scope_page import (
    Points,
    ScopeCurve,
    ScopeIncident,
    ScopeMeasure,
    ScopePage,
)

MOST: Final = 480
"""Points of a curve: as many as a screen shows."""

_CALM: Final = 2 * 3600  # seconds before the incident; more before a long one
_PARTS: Final = ("now", "last_week", "lower", "upper")


def curve_page(incident: Incident, finding: Finding, trace: Trace, at: int) -> ScopePage:
    """Return the page of a scope with the curve of one measure, and with the incident and its changes on it.

    ``trace`` is of the finding, and has at least one value.
    """
    trace = _thinned(_near(trace, *incident.primary_span))
    start, end = incident.primary_span
    last = trace.start + len(trace.now) * trace.step
    scope = finding.about.as_answer()
    curve = ScopeCurve(
        observed=_short(trace.now),
        before=_short(trace.last_week),
        lower=_short(trace.lower),
        upper=_short(trace.upper),
        expected=_short(_middle(trace, index) for index in range(len(trace.now))),
    )
    shown = copy_fields(
        ScopeIncident,
        incident,
        start=start,
        end=end,
        sentence=finding.sentence,
        of=scope,
        measures=[finding.measure.value],
    )
    return ScopePage(
        scope=scope,
        label="",
        account="",
        at=at,
        range="",
        first=trace.start,
        end=last,
        start=trace.start,
        step=trace.step,
        points=len(trace.now),
        measures=[ScopeMeasure(measure=finding.measure.value, curve=curve)],
        incidents=[shown],
        changes=[change_answer(change.change) for change in incident.changes],
    )


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
    lists: list[Points] = [[None] * count for _ in _PARTS]
    for trace in alike:
        first = (trace.start - start) // step
        for whole, part in zip(lists, _parts(trace), strict=True):
            whole[first : first + len(part)] = part
    return _trace(start, step, lists)


def _short(values: Iterable[float | None]) -> Points:
    """Return values with the digits that a chart shows, so that the file is small."""
    return [None if value is None else float(f"{value:.4g}") for value in values]


def _parts(trace: Trace) -> list[Points]:
    return [getattr(trace, name) for name in _PARTS]


def _trace(start: int, step: int, parts: list[Points]) -> Trace:
    return Trace(start=start, step=step, **dict(zip(_PARTS, parts, strict=True)))


def _middle(trace: Trace, index: int) -> float | None:
    lower, upper = trace.lower[index], trace.upper[index]
    return (lower + upper) / 2 if lower is not None and upper is not None else None


def _near(trace: Trace, begun: int, ended: int | None) -> Trace:
    """Trim the calm before an incident, so that it does not shrink to the edge of its chart."""
    last = trace.start + len(trace.now) * trace.step
    calm = max(_CALM, round(1.5 * ((ended or last) - begun)))
    drop = min(max(0, (begun - calm - trace.start) // trace.step), len(trace.now) - 1)
    return _trace(trace.start + drop * trace.step, trace.step, [part[drop:] for part in _parts(trace)])


def _thinned(trace: Trace) -> Trace:
    """Return at most ``MOST`` points, keeping of each group the value furthest from expected."""
    width = math.ceil(len(trace.now) / MOST)
    if width == 1:
        return trace
    furthest: Points = []
    means: list[Points] = [[] for _ in _PARTS[1:]]
    for first in range(0, len(trace.now), width):
        indices = range(first, min(first + width, len(trace.now)))
        seen = [
            (abs(value - (_middle(trace, index) or 0.0)), value)
            for index in indices
            if (value := trace.now[index]) is not None
        ]
        furthest.append(max(seen)[1] if seen else None)
        for mean, part in zip(means, _parts(trace)[1:], strict=True):
            values = [value for value in part[first : first + width] if value is not None]
            mean.append(sum(values) / len(values) if values else None)
    return _trace(trace.start, trace.step * width, [furthest, *means])
