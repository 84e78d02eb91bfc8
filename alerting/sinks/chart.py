"""The chart of an incident: the last hours, last week dotted, and the expected range as a band.

Composed as SVG, which resvg draws (docs/adr/0048). Lengths are pixels; Slack shows two of them as one.
"""

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Final, NamedTuple
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

import resvg_py

from alerting.incidents.incident import Incident
from alerting.messages.blocks import IMAGE
from alerting.sinks.typeface import CARRIED, FAMILY, fitting, japanese_font, lacking, runs, shortened, width
from alerting.words import numbers
from alerting.words.locales import ENGLISH
from alerting.words.mrkdwn import clean, cut
from alerting.words.phrases import Phrases

# Okabe and Ito's palette, distinguishable in every kind of colour vision, on white in both of Slack's themes.
NOW: Final = "#0072B2"
LAST_WEEK: Final = "#6B7280"
BAND: Final = "#56B4E9"
INCIDENT: Final = "#E69F00"
INK: Final = "#1D1C1D"
FAINT: Final = "#868686"
_GRID: Final = "#ECECEC"
_FLOOR: Final = "#C8C8C8"

_HOURS: Final = 4
_WIDE, _HIGH = 1344, 624
_TITLE, _TEXT = 30.0, 21.0  # sizes of letters
_MARGIN: Final = 27
_TITLE_LINE, _TEXT_LINE, _HOURS_LINE = 55, 107, 579  # where letters stand
_LEFT, _RIGHT, _TOP, _BOTTOM = 91, 1304, 144, 549  # of what is plotted
_PAD: Final = 13  # between it and its numbers
_HANDLE, _COLUMN = 46, 30  # in the legend: what shows a line, and what separates two
_KEPT: Final = 0.36  # of a title that is too long: its end, which has the figures
_MOST_TICKS: Final = 5  # above zero
_AIR: Final = 1.09  # above the highest value
_NOTHING: Final = 1e-12  # a curve of less lies on the floor

_TICK: Final = 'fill="#5A5A5A"'
_SHADE: Final = f'fill="{INCIDENT}" fill-opacity=".16"'
_ONSET: Final = f'stroke="{INCIDENT}" stroke-width="2.7"'
_EXPECTED: Final = f'fill="{BAND}" fill-opacity=".24"'
_DOTTED: Final = f'stroke="{LAST_WEEK}" stroke-width="3.3" stroke-dasharray="3.3 5.3"'
_STRONG: Final = f'stroke="{NOW}" stroke-width="4.9" stroke-linecap="round"'
_DASHED: Final = f'stroke="{INK}" stroke-width="2.2" stroke-dasharray="13.3 6.7"'

Values = Sequence[float | None]


class _Plot(NamedTuple):
    """Places of times and values."""

    left: float
    begin: int  # epoch seconds
    end: int
    top: float

    def x(self, at: float) -> float:
        inside = min(max(at, self.begin), self.end)
        return self.left + (_RIGHT - self.left) * (inside - self.begin) / (self.end - self.begin)

    def y(self, value: float) -> float:
        return _BOTTOM - (_BOTTOM - _TOP) * max(value, 0.0) / self.top


class _Key(NamedTuple):
    """An entry of the legend."""

    drawn: str  # SVG, over the length of a handle from zero on
    label: str


def draw(incident: Incident, zone: ZoneInfo, words: Phrases = ENGLISH) -> bytes:
    """Return the chart as PNG bytes, with the same fonts always the same.

    It is in English if no installed font supports the language. Errors are those of ``composed``.
    """
    if words.locale == "ja" and japanese_font() is None:
        words = ENGLISH
    svg = composed(incident, zone, words)
    other = japanese_font() if lacking(svg) else None
    files = [*CARRIED, *(other.files if other is not None else ())]
    return resvg_py.svg_to_bytes(svg_string=svg, skip_system_fonts=True, font_files=files, font_family=FAMILY)


def alternative(incident: Incident, words: Phrases = ENGLISH) -> str:
    """Return the alternative text of the chart."""
    finding = incident.primary
    return cut(clean(words.incident.alt_text(finding, incident.peak, _HOURS)), IMAGE)


def composed(incident: Incident, zone: ZoneInfo, words: Phrases = ENGLISH) -> str:
    """Return the chart as SVG.

    Raises
    ------
    ValueError
        When the primary finding has no trace.
    """
    finding = incident.primary
    trace = finding.trace
    if trace is None or not trace.now:
        raise ValueError(f"incident {incident.id} has no trace to draw")
    keep = min(len(trace.now), _HOURS * 3600 // trace.step)
    begin = trace.start + (len(trace.now) - keep) * trace.step
    end = begin + keep * trace.step
    shown = (trace.now, trace.last_week, trace.lower, trace.upper)
    now, last, lower, upper = (_tail(values, keep) for values in shown)

    limit = finding.limit
    if limit is not None and limit > 2 * _highest(now):  # it would flatten the curve
        limit = None
    highest = _highest(now, last, lower, upper, [limit])
    top = _AIR * (highest if highest > _NOTHING else 1.0)
    ticks = [(value, numbers.number(value)) for value in _ticks(top)]
    widest = max(width(number, _TEXT) for _, number in ticks)
    left = min(max(_LEFT, _MARGIN + widest + _PAD), _RIGHT / 2)
    plot = _Plot(left, begin, end, top)
    _, ended = incident.primary_span  # the curve is that of the primary series
    until = ended if ended is not None else end

    times, across, start = range(begin, end, trace.step), f"H{_RIGHT}", plot.x(incident.start)
    levels = "".join(f"M{plot.left:.2f} {round(plot.y(value))}{across}" for value, _ in ticks[1:])
    drawn = (
        _path(f"M0 0h{_WIDE}v{_HIGH}h-{_WIDE}z", 'fill="#fff"'),
        _path(f"M{start:.2f} {_TOP}H{plot.x(until):.2f}V{_BOTTOM}H{start:.2f}z", _SHADE),
        _path(levels, f'stroke="{_GRID}" stroke-width="2"'),
        _path(f"M{start:.2f} {_TOP}V{_BOTTOM}", _ONSET),
        "" if limit is None else _path(f"M{plot.left:.2f} {plot.y(limit):.2f}{across}", _DASHED),
        _path(_band(plot, times, lower, upper), _EXPECTED),
        _path(f"M{plot.left:.2f} {_BOTTOM}{across}", f'stroke="{_FLOOR}" stroke-width="2"'),
        _path(_curve(plot, times, last), _DOTTED),
        _path(_curve(plot, times, now), _STRONG),
    )
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDE}" height="{_HIGH}" fill="none"'
        f' stroke-linejoin="round" font-family="{FAMILY}" font-size="{_TEXT}">'
    )
    named = _named(incident, begin, zone, words, limited=limit is not None)
    return "".join((head, *drawn, *_scales(plot, ticks, zone), *named, "</svg>"))


def _scales(plot: _Plot, ticks: Sequence[tuple[float, str]], zone: ZoneInfo) -> Iterator[str]:
    for value, label in ticks:
        yield _text(label, plot.left - _PAD, plot.y(value) + 8, f'{_TICK} text-anchor="end"')
    for at, label in _half_hours(plot, zone):
        yield _text(label, plot.x(at), _HOURS_LINE, f'{_TICK} text-anchor="middle"')


def _named(incident: Incident, begin: int, zone: ZoneInfo, words: Phrases, *, limited: bool) -> Iterator[str]:
    """Yield the texts above the plot: the title, then the unit, the day and the zone beside the legend."""
    finding, labels = incident.primary, words.labels
    title = clean(f"{words.figures.about(finding.about)} · {words.incident.size(finding, incident.peak)}")
    yield from _words(_titled(title), _MARGIN, _TITLE_LINE, INK, _TITLE, bold=True)
    keys = [
        _Key(_path(f"M0 -7.5h{_HANDLE}v15h-{_HANDLE}z", _EXPECTED), labels.chart_expected),
        _Key(_path(f"M0 0h{_HANDLE}", _DOTTED), labels.chart_last_week),
        _Key(_path(f"M0 0h{_HANDLE}", _STRONG), labels.chart_now),
    ]
    if limited:
        keys.append(_Key(_path(f"M0 0h{_HANDLE}", _DASHED), labels.chart_limit))
    legend = _WIDE - _MARGIN - sum(map(_key_width, keys)) - _COLUMN * (len(keys) - 1)
    day = words.figures.date(datetime.fromtimestamp(begin, zone))
    subtitle = clean(f"{words.figures.unit(finding.measure, finding.about)} · {day} · {zone.key}")
    room = legend - _COLUMN - _MARGIN
    yield from _words(shortened(subtitle, room, _TEXT), _MARGIN, _TEXT_LINE, FAINT)
    yield from _legend(keys, legend)


def _tail(values: Values, keep: int) -> list[float | None]:
    kept = [value if value is not None and math.isfinite(value) else None for value in values[-keep:]]
    return [None] * (keep - len(kept)) + kept


def _highest(*several: Values) -> float:
    return max(0.0, max((value for values in several for value in values if value is not None), default=0.0))


def _ticks(top: float) -> list[float]:
    """Return round values from zero to ``top``: two to five above zero.

    Examples
    --------
    >>> _ticks(46.0), _ticks(54.0), _ticks(0.0051)
    ([0.0, 10.0, 20.0, 30.0, 40.0], [0.0, 20.0, 40.0], [0.0, 0.002, 0.004])
    """
    least = top / _MOST_TICKS
    power = 10.0 ** math.floor(math.log10(least))
    step = next(part * power for part in (1, 2, 5, 10) if part * power >= least)
    return [step * number for number in range(int(top / step) + 1)]


def _half_hours(plot: _Plot, zone: ZoneInfo) -> Iterator[tuple[int, str]]:
    for at in range(plot.begin - plot.begin % -60, plot.end + 1, 60):
        local = datetime.fromtimestamp(at, zone)
        if local.minute % 30 == 0:
            yield at, f"{local:%H:%M}"


def _curve(plot: _Plot, times: Sequence[int], values: Values) -> str:
    """Return a path that ends where a value is missing and begins anew behind it."""
    pairs = zip(times, values, strict=True)
    known = (list(run) for missing, run in groupby(pairs, lambda pair: pair[1] is None) if not missing)
    return "".join(_line(plot, run) for run in known)


def _band(plot: _Plot, times: Sequence[int], lower: Values, upper: Values) -> str:
    """Return the outline of each stretch where both bounds are known."""
    triples = zip(times, lower, upper, strict=True)
    known = (list(run) for missing, run in groupby(triples, lambda triple: None in triple) if not missing)
    return "".join(
        _line(plot, [(at, high) for at, _, high in run])
        + "L"
        + _line(plot, [(at, low) for at, low, _ in reversed(run)])[1:]
        + "z"
        for run in known
    )


def _line(plot: _Plot, run: Sequence[tuple[int, float | None]]) -> str:
    points = [f"{plot.x(at):.2f} {plot.y(value):.2f}" for at, value in run if value is not None]
    return f"M{'L'.join(points)}" if len(points) > 1 else f"M{points[0]}h.01"  # a round end makes it a dot


def _titled(title: str) -> str:
    """Shorten in the middle, so that a long name does not hide the figures."""
    room = _WIDE - 2 * _MARGIN
    if fitting(title, room, _TITLE, bold=True) == len(title):
        return title
    end = title[len(title) - fitting(title[::-1], _KEPT * room, _TITLE, bold=True) :]
    return shortened(title, room - width(end, _TITLE, bold=True), _TITLE, bold=True) + end


def _key_width(key: _Key) -> float:
    return _HANDLE + _PAD + width(key.label, _TEXT)


def _legend(keys: Sequence[_Key], left: float) -> Iterator[str]:
    for key in keys:
        yield f'<g transform="translate({left:.2f} {_TEXT_LINE - 7.5})">{key.drawn}</g>'
        yield from _words(key.label, left + _HANDLE + _PAD, _TEXT_LINE, INK)
        left += _key_width(key) + _COLUMN


def _words(
    text: str, x: float, y: float, colour: str, size: float = _TEXT, *, bold: bool = False
) -> Iterator[str]:
    """Place each run of letters by itself: resvg would write all of the text in a font that has all of it."""
    style = f'fill="{colour}" font-size="{size}" font-weight="{700 if bold else 400}"'
    for run in runs(text):
        yield _text(run.text, x, y, f'{style} font-family="{run.family}"' if run.family else style)
        x += width(run.text, size, bold=bold)


def _text(text: str, x: float, y: float, style: str) -> str:
    return f'<text x="{x:.2f}" y="{y:.2f}" xml:space="preserve" {style}>{escape(text)}</text>'


def _path(way: str, style: str) -> str:
    return f'<path d="{way}" {style}/>' if way else ""
