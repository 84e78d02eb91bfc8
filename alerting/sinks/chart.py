"""The chart of an incident: the last hours, last week dotted, and the expected range as a band."""

import functools
import io
import unicodedata
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import matplotlib.dates as mdates
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from alerting.incidents.incident import Incident
from alerting.messages.message import IMAGE
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
_HOURS: Final = 4
_WIDEST: Final = 68  # Latin characters in a title
_KEPT: Final = 24  # of them at its end, which has the figures
_SIZE: Final = (8.4, 3.9)  # inches
_DAY: Final = 86400  # matplotlib counts days since the epoch
_DOTS: Final = 160  # an inch: sharp on a dense screen
LATIN: Final = "DejaVu Sans"  # comes with matplotlib

_JAPANESE: Final = (
    "Noto Sans CJK JP",
    "Noto Sans JP",
    "IPAexGothic",
    "IPAGothic",
    "TakaoGothic",
    "Hiragino Sans",
    "Yu Gothic",
    "Meiryo",
)


def draw(incident: Incident, zone: ZoneInfo, words: Phrases = ENGLISH) -> bytes:
    """Return the chart as PNG bytes.

    Parameters
    ----------
    incident
        Its primary finding has a trace.
    zone
        The zone of the time axis.
    words
        The language of its titles; English if no installed font supports it.

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
    times = (begin + trace.step * np.arange(keep)) / _DAY
    shown = (trace.now, trace.last_week, trace.lower, trace.upper)
    now, last, lower, upper = (_tail(each, keep) for each in shown)

    if words.locale == "ja" and not japanese():
        words = ENGLISH
    labels, fonts = words.labels, list(families())
    figure = Figure(figsize=_SIZE, dpi=_DOTS, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.068, 0.12, 0.902, 0.65))
    axes.set_facecolor("white")
    _, ended = incident.primary_span  # the curve is that of the primary series
    until = ended if ended is not None else begin + keep * trace.step
    edges = [max(edge, begin) / _DAY for edge in (incident.start, until)]
    axes.axvspan(edges[0], edges[1], color=INCIDENT, alpha=0.16, lw=0, zorder=0)
    axes.axvline(edges[0], color=INCIDENT, lw=1.2, zorder=1)
    axes.fill_between(
        times, lower, upper, color=BAND, alpha=0.24, lw=0, zorder=2, label=labels.chart_expected
    )
    axes.plot(times, last, color=LAST_WEEK, lw=1.5, ls=(0, (1, 1.6)), zorder=3, label=labels.chart_last_week)
    axes.plot(times, now, color=NOW, lw=2.2, zorder=4, solid_capstyle="round", label=labels.chart_now)
    top = float(np.nanmax(np.append(now, 0.0)))
    if finding.limit is not None and finding.limit <= 2 * top:  # a farther one would flatten the curve
        axes.axhline(finding.limit, color=INK, lw=1, ls=(0, (6, 3)), zorder=1, label=labels.chart_limit)
    _dress(axes, zone)
    axes.set_xlim(begin / _DAY, (begin + keep * trace.step) / _DAY)
    axes.set_ylim(bottom=0, top=axes.get_ylim()[1] * 1.04)

    size = words.incident.size(finding, incident.peak)
    title = clean(f"{words.figures.about(finding.about)} · {size}")
    figure.text(
        0.02, 0.925, _literal(_cut(title)), color=INK, size=13.5, weight="bold", va="center", family=fonts
    )
    day = datetime.fromtimestamp(begin, zone)
    subtitle = clean(
        f"{words.figures.unit(finding.measure, finding.about)} · {words.figures.date(day)} · {zone.key}"
    )
    figure.text(0.02, 0.838, subtitle, color=FAINT, size=9.5, va="center", family=fonts)
    figure.legend(
        loc="center right",
        bbox_to_anchor=(0.985, 0.838),
        ncols=4,
        frameon=False,
        prop={"family": fonts, "size": 9.5},
        labelcolor=INK,
        handlelength=2.2,
        columnspacing=1.4,
        handletextpad=0.6,
        borderaxespad=0,
    )
    written = io.BytesIO()
    figure.savefig(written, format="png", facecolor="white", metadata={"Software": None})
    return written.getvalue()


def alternative(incident: Incident, words: Phrases = ENGLISH) -> str:
    """Return the alternative text of the chart."""
    finding = incident.primary
    return cut(clean(words.incident.alt_text(finding, incident.peak, _HOURS)), IMAGE)


def _tail(values: list[float | None], keep: int) -> NDArray[np.float64]:
    full = np.array([np.nan if value is None else value for value in values], dtype=np.float64)[-keep:]
    return np.concatenate([np.full(keep - len(full), np.nan), full])


def _dress(axes: Axes, zone: ZoneInfo) -> None:
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color("#C8C8C8")
    axes.grid(axis="y", color="#ECECEC", lw=0.8, zorder=0)
    axes.set_axisbelow(True)
    axes.tick_params(axis="both", length=0, labelsize=9.5, labelcolor="#5A5A5A", pad=6)
    axes.yaxis.set_major_locator(MaxNLocator(5, min_n_ticks=3))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: numbers.number(value)))
    axes.xaxis.set_major_locator(mdates.MinuteLocator(byminute=(0, 30), tz=zone))  # type: ignore[no-untyped-call]  # not annotated
    axes.xaxis.set_major_formatter(mdates.DateFormatter("%H:%M", tz=zone))  # type: ignore[no-untyped-call]  # nor this


def _cut(title: str) -> str:
    """Shorten in the middle, so that a long name does not hide the figures."""
    if _fitting(title, _WIDEST) == len(title):
        return title
    end = title[len(title) - _fitting(title[::-1], _KEPT) :]
    return cut(title, _fitting(title, _WIDEST - _KEPT)) + end


def _fitting(text: str, widest: int) -> int:
    # a Japanese character is as wide as two Latin ones
    width = 0
    for place, character in enumerate(text):
        width += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if width > widest:
            return place
    return len(text)


def _literal(text: str) -> str:
    # matplotlib reads text between two dollars as mathematics
    return text.replace("$", r"\$")


@functools.cache
def families() -> tuple[str, ...]:
    """Return the font families in order of preference, each for characters that the ones before it lack."""
    known = {font.name for font in font_manager.fontManager.ttflist}
    if known.isdisjoint(_JAPANESE):  # matplotlib caches its fonts and misses newer ones
        for path in font_manager.findSystemFonts():
            if Path(path).name.lower().startswith(("notosanscjk-", "notosansjp", "ipaexg", "ipag", "takaog")):
                font_manager.fontManager.addfont(path)
        known = {font.name for font in font_manager.fontManager.ttflist}
    return (LATIN, *(name for name in _JAPANESE if name in known))


def japanese() -> bool:
    """Return whether a font with Japanese is installed: slim containers have none."""
    return len(families()) > 1
