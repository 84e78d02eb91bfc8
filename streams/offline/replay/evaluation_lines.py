"""The evaluation against labels as lines for a terminal."""

from collections.abc import Mapping
from typing import Final
from zoneinfo import ZoneInfo

from alerting.commands.labels import Label
from alerting.evaluation.evaluation import Evaluation, FalsePage, Found, Missed
from alerting.evaluation.pressed_marks import PressedMarks
from alerting.evaluation.quality import Delay, DetectionQuality
from alerting.words.locales import ENGLISH
from alerting.words.mrkdwn import clean, cut
from streams.offline.replay.text_table import counted, incident_cells, section, table_lines

MOST: Final = 20
"""Lines per section; ``evaluation.json`` has everything."""

_NOTE: Final = 60
_HEAD: Final = (
    "labels",
    "found",
    "recall",
    "pages",
    "false",
    "precision",
    "false a week",
    "median",
    "p90",
    "max",
)
_NOTHING: Final = "–"  # not defined


def evaluation_lines(evaluation: Evaluation, zone: ZoneInfo, *, most: int = MOST) -> list[str]:
    """Return how well the labels were met.

    Parameters
    ----------
    zone
        The time zone of the times shown.
    most
        Lines per section.
    """
    lines = [_labels(evaluation.total), _pages(evaluation.total), *_delays(evaluation.total)]
    lines += table_lines(_table(evaluation), set(range(1, len(_HEAD) + 1)))
    sections = {
        counted(len(evaluation.missed), "missed label"): [
            _missed(one, zone, evaluation) for one in evaluation.missed
        ],
        counted(len(evaluation.false_pages), "false page"): [
            _false(false_page, zone) for false_page in evaluation.false_pages
        ],
        f"{evaluation.total.other_verdict:,} found with a different verdict": [
            _other(one, zone) for one in evaluation.found if one.other_verdict
        ],
    }
    for title, rows in sections.items():
        lines += section(title, rows, most, "evaluation.json")
    return lines + _outside(evaluation, zone)


def mark_lines(marks: PressedMarks, zone: ZoneInfo, *, most: int = MOST) -> list[str]:
    """Return which pages the marks of the labels would have held."""
    pressed, held = counted(marks.pressed, "mark"), counted(len(marks.held), "page")
    line = f"{pressed} pressed when the labels say so would have held {held} of {marks.pages:,}"
    rows = [incident_cells(incident, zone) for incident in marks.held]
    return [
        line,
        *section(
            "held, since they show less than one like them that was marked", rows, most, "incidents.jsonl"
        ),
    ]


def _labels(total: DetectionQuality) -> str:
    if not total.labels:
        return "no labels of incidents in the evaluated period"
    parts = [f"{total.found:,} of {counted(total.labels, 'label')} found ({_percent(total.recall)})"]
    if total.in_digest:
        parts.append(f"{total.in_digest:,} only in the digest")
    if total.other_verdict:
        parts.append(f"{total.other_verdict:,} with a different verdict")
    return ", ".join(parts)


def _pages(total: DetectionQuality) -> str:
    parts = [f"{counted(total.pages, 'page')}, {total.false_pages:,} false"]
    if total.pages:
        parts.append(f"precision {_percent(total.precision)}")
    if total.false_pages_per_week is not None:
        parts.append(f"{total.false_pages_per_week:.1f} false pages a week")
    if total.repeated:
        parts.append(f"{total.repeated:,} about an incident already paged")
    return ", ".join(parts)


def _delays(total: DetectionQuality) -> list[str]:
    return [
        f"{where} after {_duration(delay.median)} (median), {_duration(delay.p90)} (p90), "
        f"{_duration(delay.max)} (max)"
        for where, delay in (("paged", total.delay), ("in the digest", total.digest_delay))
        if delay is not None
    ]


def _table(evaluation: Evaluation) -> list[list[str]]:
    rows = [["", *_HEAD], ["total", *_figures(evaluation.total)]]
    for kind, each in (("verdict", evaluation.by_verdict), ("service", evaluation.by_service)):
        rows += _rows(kind, each)
    return rows


def _rows(kind: str, each: Mapping[str, DetectionQuality]) -> list[list[str]]:
    return [
        [f"{kind} {cut(clean(name), _NOTE)}" if name else f"no {kind}", *_figures(one)]
        for name, one in each.items()
    ]


def _figures(one: DetectionQuality) -> list[str]:
    delay: Delay | None = one.delay or one.digest_delay
    delays = (
        [_NOTHING] * 3
        if delay is None
        else [_duration(each) for each in (delay.median, delay.p90, delay.max)]
    )
    week = one.false_pages_per_week
    return [
        f"{one.labels:,}",
        f"{one.found:,}",
        _percent(one.recall),
        f"{one.pages:,}",
        f"{one.false_pages:,}",
        _percent(one.precision),
        _NOTHING if week is None else f"{week:.1f}",
        *delays,
    ]


def _missed(one: Missed, zone: ZoneInfo, evaluation: Evaluation) -> list[str]:
    return [*_of_label(one.label, zone), _seen(one, evaluation)]


def _seen(one: Missed, evaluation: Evaluation) -> str:
    if not one.seen:
        return "no matching incident"
    first, label = one.seen[0], one.label
    if first.sent == "none":
        how = f"not sent: {first.reason}"
    elif first.alerted is not None and first.alerted < label.start - evaluation.tolerance:
        how = "sent before the label starts"
    elif first.alerted is not None and not evaluation.first < first.alerted <= evaluation.last:
        how = "sent outside the evaluated period"
    else:
        how = (
            "a page, but growth belongs in the digest"
            if label.verdict == "growth"
            else "labelled as no incident"
        )
    return f"{first.id[:8]} {how}"


def _false(one: FalsePage, zone: ZoneInfo) -> list[str]:
    if one.label is None:
        return [*incident_cells(one.incident, zone), "no matching label"]
    by = f" by {one.label.by}" if one.label.by else ""
    text = f"{one.label.kind.value.replace('_', ' ')}{by}{': ' if one.label.note else ''}{one.label.note}"
    return [*incident_cells(one.incident, zone), cut(clean(text), _NOTE)]


def _other(one: Found, zone: ZoneInfo) -> list[str]:
    return [*incident_cells(one.incident, zone), f"labelled {one.label.verdict}"]


def _of_label(label: Label, zone: ZoneInfo) -> list[str]:
    return [
        ENGLISH.figures.clock(label.start, zone),
        label.verdict or label.kind.value,
        cut(clean(label.scope or label.account or "any scope"), _NOTE),
        cut(clean(label.note), _NOTE),
    ]


def _outside(evaluation: Evaluation, zone: ZoneInfo) -> list[str]:
    lines = []
    for why, edge, when in (
        ("before", evaluation.first, "before {}, during the warm-up of baselines"),
        ("after", evaluation.last, "after {}, the end of the replay"),
    ):
        if number := sum(each == why for _, each in evaluation.outside):
            clock = ENGLISH.figures.clock(edge, zone)
            lines.append(f"not counted: {counted(number, 'label')} {when.format(clock)}")
    return lines


def _percent(share: float | None) -> str:
    return _NOTHING if share is None else ENGLISH.figures.percent(share)


def _duration(seconds: float) -> str:
    shown = ENGLISH.figures.duration(abs(round(seconds)))
    return f"−{shown}" if seconds < 0 else shown
