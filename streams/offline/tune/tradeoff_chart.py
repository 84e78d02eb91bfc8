"""The trade-off of a search as an SVG file that follows the light or dark mode of its viewer."""

import math
from collections.abc import Sequence
from html import escape
from typing import Final

WIDTH: Final = 720
HEIGHT: Final = 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 24, 64, 56

# the palette of Okabe and Ito, as in the charts of messages
_STYLE: Final = """
  svg{--ink:#1d1c1d;--faint:#6b7280;--grid:#e5e7eb;--paper:#ffffff;--line:#0072b2;--now:#d55e00;--pick:#009e73;
    background:var(--paper);font-family:system-ui,-apple-system,'Segoe UI',sans-serif;font-size:13px}
  @media (prefers-color-scheme:dark){svg{--ink:#e8e8e8;--faint:#9ca3af;--grid:#374151;--paper:#1a1d21;
    --line:#56b4e9;--now:#e69f00;--pick:#2fc59b}}
  text{fill:var(--ink)} .faint{fill:var(--faint)} .title{font-size:15px;font-weight:600}
  .grid{stroke:var(--grid)} .tried{fill:var(--faint);opacity:.45}
  .front{fill:none;stroke:var(--line);stroke-width:2} .on{fill:var(--line)}
  .now{fill:none;stroke:var(--now);stroke-width:3}
  .pick{fill:var(--pick);stroke:var(--paper);stroke-width:1.5}
  .budget{stroke:var(--faint);stroke-dasharray:5 4}
"""

_FARTHEST: Final = 2.0
"""How many times farther than all points the budget line may lie: beyond, it would squash them."""

_NEAR: Final = 10.0
"""A budget line below this value is always shown."""

Point = tuple[float, float]
"""Across and up."""


def draw_tradeoff(
    *,
    title: str,
    titles: tuple[str, str],  # of the axes: across and up
    share: bool,  # whether what goes up is a share, written in per cent
    tried: Sequence[Point],
    front: Sequence[Point],  # from left to right
    present: Point,
    pick: Point,
    budget: float | None = None,  # a vertical line, left out when it lies far from all points
) -> str:
    """Return the SVG text. The same points give the same bytes."""
    every = (*tried, *front, present, pick)
    most = max(x for x, _ in every)
    if budget is not None and budget > max(_FARTHEST * most, _NEAR):
        budget = None
    across = _ticks(max(most, budget or 0.0))
    up = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0] if share else _ticks(max(y for _, y in every))
    wide, high = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM

    def place(point: Point) -> tuple[str, str]:
        x, y = _LEFT + wide * point[0] / across[-1], HEIGHT - _BOTTOM - high * point[1] / up[-1]
        return f"{x:.1f}", f"{y:.1f}"

    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            f'aria-label="{escape(title)}">'
        ),
        f"<style>{_STYLE}</style>",
        f'<text class="title" x="{_LEFT}" y="24">{escape(title)}</text>',
    ]
    for value in up:
        _, y = place((0.0, value))
        text = f"{value:.0%}" if share else f"{value:g}"
        parts += [
            f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>',
            f'<text class="faint" x="{_LEFT - 8}" y="{y}" dy="4" text-anchor="end">{text}</text>',
        ]
    for value in across:
        x, _ = place((value, 0.0))
        parts.append(
            f'<text class="faint" x="{x}" y="{HEIGHT - _BOTTOM + 20}" text-anchor="middle">{value:g}</text>'
        )
    parts += [
        (
            f'<text class="faint" x="{WIDTH - _RIGHT}" y="{HEIGHT - 12}" text-anchor="end">'
            f"{escape(titles[0])} →</text>"
        ),
        f'<text class="faint" x="{_LEFT}" y="{_TOP - 12}">↑ {escape(titles[1])}</text>',
    ]
    if budget is not None:
        x, _ = place((budget, 0.0))
        parts.append(f'<line class="budget" x1="{x}" x2="{x}" y1="{_TOP}" y2="{HEIGHT - _BOTTOM}"/>')
    parts += [_circle("tried", place(point), 3.5) for point in sorted(set(tried))]
    steps = _stairs(front)
    if len(steps) > 1:
        line = " ".join(",".join(place(point)) for point in steps)
        parts.append(f'<polyline class="front" points="{line}"/>')
    parts += [_circle("on", place(point), 4) for point in front]
    parts += [_circle("pick", place(pick), 7), _circle("now", place(present), 9)]
    return "\n".join([*parts, *_legend(budget=budget is not None), "</svg>"]) + "\n"


def _legend(*, budget: bool) -> list[str]:
    entries = [
        ("tried", "tried", 3.5, 62),
        ("on", "Pareto front", 4.0, 112),
        ("now", "present", 7.0, 82),
        ("pick", "pick", 6.0, 58),
        *([("budget", "budget", 0.0, 62)] if budget else []),
    ]
    parts: list[str] = []
    x = WIDTH - _RIGHT - sum(wide for *_, wide in entries) + 8
    for name, text, radius, wide in entries:
        if radius:
            parts.append(_circle(name, (str(x), "48"), radius))
        else:
            parts.append(f'<line class="{name}" x1="{x}" x2="{x}" y1="40" y2="56"/>')
        parts.append(f'<text class="faint" x="{x + 13}" y="52">{text}</text>')
        x += wide
    return parts


def _stairs(front: Sequence[Point]) -> list[Point]:
    """Return the corners of the front: between two points, the level of the left one."""
    corners: list[Point] = []
    for point in front:
        if corners:
            corners.append((point[0], corners[-1][1]))
        corners.append(point)
    return corners


def _circle(name: str, place: tuple[str, str], radius: float) -> str:
    return f'<circle class="{name}" cx="{place[0]}" cy="{place[1]}" r="{radius:g}"/>'


def _ticks(most: float) -> list[float]:
    """Return about five round numbers from 0, the last of them at or above ``most``.

    Examples
    --------
    >>> _ticks(7.2)
    [0.0, 2.0, 4.0, 6.0, 8.0]
    """
    if most <= 0:
        return [0.0, 1.0]
    rough = most / 4
    power = 10.0 ** math.floor(math.log10(rough))
    width = next(unit * power for unit in (1, 2, 2.5, 5, 10) if unit * power >= rough * 0.999)
    return [round(width * count, 10) for count in range(math.ceil(most / width * 0.999) + 1)]
