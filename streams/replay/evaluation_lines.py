"""What was told, measured against labels, as lines for a terminal."""

from collections.abc import Mapping
from typing import Final
from zoneinfo import ZoneInfo

from alerting.commands.labels import Label
from alerting.evaluation.evaluation import Evaluation, FalsePage, Found, Missed
from alerting.evaluation.measured import Delay, Measured
from alerting.words.locales import ENGLISH
from alerting.words.mrkdwn import clean, cut
from streams.process.aligned import aligned, cells, counted

MOST: Final = 20
"""Lines of one kind; ``evaluation.json`` has all."""

_INDENT: Final = "  "
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
_NOTHING: Final = "–"  # nothing can be said


def evaluation_lines(evaluation: Evaluation, zone: ZoneInfo, *, most: int = MOST) -> list[str]:
    """Say how well the labels were met.

    Parameters
    ----------
    zone
        Times are shown in this zone.
    most
        Lines of one kind that are shown.
    """
    lines = [_labels(evaluation.total), _pages(evaluation.total), *_delays(evaluation.total)]
    lines += aligned(_table(evaluation), set(range(1, len(_HEAD) + 1)))
    for title, rows in (
        (
            counted(len(evaluation.missed), "missed label"),
            [_missed(one, zone, evaluation) for one in evaluation.missed],
        ),
        (
            counted(len(evaluation.false_pages), "false page"),
            [_false(one, zone) for one in evaluation.false_pages],
        ),
        (
            f"{evaluation.total.other_verdict:,} found with another verdict",
            [_other(one, zone) for one in evaluation.found if one.other_verdict],
        ),
    ):
        if rows:
            lines.append(title)
            lines += [_INDENT + line for line in aligned(rows[:most])]
            if len(rows) > most:
                lines.append(f"{_INDENT}and {len(rows) - most:,} more in evaluation.json")
    return lines + _outside(evaluation, zone)


def _labels(total: Measured) -> str:
    if not total.labels:
        return "no label of an incident in what was judged"
    parts = [f"{total.found:,} of {counted(total.labels, 'label')} found ({_percent(total.recall)})"]
    if total.in_digest:
        parts.append(f"{total.in_digest:,} in the digest only")
    if total.other_verdict:
        parts.append(f"{total.other_verdict:,} with another verdict")
    return ", ".join(parts)


def _pages(total: Measured) -> str:
    parts = [f"{counted(total.pages, 'page')}, {total.false_pages:,} false"]
    if total.pages:
        parts.append(f"precision {_percent(total.precision)}")
    if total.false_pages_per_week is not None:
        parts.append(f"{total.false_pages_per_week:.1f} false pages a week")
    if total.repeated:
        parts.append(f"{total.repeated:,} about what was paged before")
    return ", ".join(parts)


def _delays(total: Measured) -> list[str]:
    return [
        f"{where} after {_duration(delay.median)} (median), {_duration(delay.p90)} (9 of 10), "
        f"{_duration(delay.max)} at most"
        for where, delay in (("paged", total.delay), ("in the digest", total.digest_delay))
        if delay is not None
    ]


def _table(evaluation: Evaluation) -> list[list[str]]:
    rows = [["", *_HEAD], ["total", *_figures(evaluation.total)]]
    for kind, each in (("verdict", evaluation.by_verdict), ("service", evaluation.by_service)):
        rows += _rows(kind, each)
    return rows


def _rows(kind: str, each: Mapping[str, Measured]) -> list[list[str]]:
    return [
        [f"{kind} {cut(clean(name), _NOTE)}" if name else f"no {kind}", *_figures(one)]
        for name, one in each.items()
    ]


def _figures(one: Measured) -> list[str]:
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
        return "nothing was seen"
    first, label = one.seen[0], one.label
    if first.sent == "none":
        how = f"not sent: {first.reason}"
    elif first.alerted is not None and first.alerted < label.start - evaluation.tolerance:
        how = "told before it began"
    elif first.alerted is not None and not evaluation.first < first.alerted <= evaluation.last:
        how = "told outside what is counted"
    else:
        how = (
            "a page, and growth is for the digest" if label.verdict == "growth" else "people said it was none"
        )
    return f"{first.id[:8]} {how}"


def _false(one: FalsePage, zone: ZoneInfo) -> list[str]:
    if one.label is None:
        return [*cells(one.incident, zone), "no label is about it"]
    by = f" by {one.label.by}" if one.label.by else ""
    said = f"{one.label.kind.value.replace('_', ' ')}{by}{': ' if one.label.note else ''}{one.label.note}"
    return [*cells(one.incident, zone), cut(clean(said), _NOTE)]


def _other(one: Found, zone: ZoneInfo) -> list[str]:
    return [*cells(one.incident, zone), f"labelled {one.label.verdict}"]


def _of_label(label: Label, zone: ZoneInfo) -> list[str]:
    return [
        ENGLISH.clock(label.start, zone),
        label.verdict or label.kind.value,
        cut(clean(label.scope or label.account or "any scope"), _NOTE),
        cut(clean(label.note), _NOTE),
    ]


def _outside(evaluation: Evaluation, zone: ZoneInfo) -> list[str]:
    lines = []
    for why, edge, when in (
        ("before", evaluation.first, "before {}, when baselines are young"),
        ("after", evaluation.last, "after {}, where what was judged ends"),
    ):
        if number := sum(each == why for _, each in evaluation.outside):
            lines.append(f"not counted: {counted(number, 'label')} {when.format(ENGLISH.clock(edge, zone))}")
    return lines


def _percent(share: float | None) -> str:
    return _NOTHING if share is None else ENGLISH.percent(share)


def _duration(seconds: float) -> str:
    shown = ENGLISH.duration(abs(round(seconds)))
    return f"−{shown}" if seconds < 0 else shown
