"""The comparison of two configurations, and the evaluation against labels, as lines for a terminal.

The most important comes first.
"""

from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo

from alerting.commands.labels import Label
from alerting.evaluation.comparison import Comparison, Difference, Pair, tally
from alerting.evaluation.evaluation import Evaluation, FalsePage, Missed
from alerting.evaluation.pressed_marks import PressedMarks
from alerting.evaluation.quality import Delay, DetectionQuality
from alerting.incidents.incident import Incident
from alerting.words.locales import ENGLISH
from alerting.words.mrkdwn import clean, cut
from streams.offline.replay.text_table import counted, incident_cells, section, subject, table_lines

MOST: Final = 20
"""Lines per section; the files have everything."""

_NOTE: Final = 60
_DELAYS: Final = ("median", "p90", "max")
_HEAD: Final = ("labels", "found", "recall", "pages", "false", "precision", "false a week", *_DELAYS)
_NOTHING: Final = "–"  # not defined


def comparison_lines(
    comparison: Comparison, zone: ZoneInfo, *, a: str = "", b: str = "", most: int = MOST
) -> list[str]:
    """Return the differences of two configurations, whose files are ``a`` and ``b``, in sections."""
    lines = table_lines(
        [_side("A", a, comparison.a, comparison), _side("B", b, comparison.b, comparison)], {2, 4, 6}
    )
    for title, rows in _sections(comparison, zone):
        lines += section(title, rows, most, "comparison.json")
    alike = len(comparison.pairs) - len(comparison.changed)
    lines.append(f"{counted(alike, 'incident')} the same in both")
    return lines


def _side(which: str, name: str, incidents: Sequence[Incident], comparison: Comparison) -> list[str]:
    counts = tally(incidents, comparison.weeks)
    week = counts["pages_per_week"]
    return [
        which,
        name,
        f"{counts['pages']:,}",
        "pages" if week is None else f"pages, {week:,.1f} a week",
        f"{counts['digest']:,}",
        "in the digest",
        f"{counts['none']:,}",
        "not sent",
    ]


def _sections(comparison: Comparison, zone: ZoneInfo) -> list[tuple[str, list[list[str]]]]:
    new, lost = (
        [[*incident_cells(page, zone), _instead(others.get(page.id), which)] for page in pages]
        for pages, which, others in (
            (comparison.new_pages, "A", {pair.b.id: pair.a for pair in comparison.pairs}),
            (comparison.lost_pages, "B", {pair.a.id: pair.b for pair in comparison.pairs}),
        )
    )
    rest = [pair for pair in comparison.changed if (pair.a.sent == "page") == (pair.b.sent == "page")]
    verdict = [pair for pair in rest if Difference.VERDICT in pair.differs]
    later, earlier, entry, about = (
        [pair for pair in rest if pair not in verdict and pair.differs[0] is difference]
        for difference in (Difference.LATER, Difference.EARLIER, Difference.SENT, Difference.ABOUT)
    )
    alone = [
        (incident, which)
        for which, incidents in (("A", comparison.only_a), ("B", comparison.only_b))
        for incident in incidents
        if incident.sent == "digest"
    ]
    entries = [[*incident_cells(incident, zone), f"only in {which}"] for incident, which in alone]
    entries += [
        [*incident_cells(pair.b, zone), f"{_sent(pair.a, 'A')}, {_sent(pair.b, 'B')}"] for pair in entry
    ]
    return [
        (counted(len(new), "new page"), new),
        (counted(len(lost), "lost page"), lost),
        (f"{len(later):,} sent later", _pair_rows(later, zone)),
        (f"{len(verdict):,} with a different verdict", _pair_rows(verdict, zone)),
        (f"{len(earlier):,} sent earlier", _pair_rows(earlier, zone)),
        (f"{len(about):,} about a different series", _pair_rows(about, zone)),
        (f"{counted(len(entries), 'entry', 'entries')} in only one digest", entries),
    ]


def _pair_rows(pairs: Sequence[Pair], zone: ZoneInfo) -> list[list[str]]:
    return [[*incident_cells(pair.b, zone), ", ".join(_differences(pair))] for pair in pairs]


def _differences(pair: Pair) -> list[str]:
    parts = []
    if Difference.VERDICT in pair.differs:
        parts.append(f"{pair.a.verdict.value} in A")
    if pair.later:
        way = "later" if pair.later > 0 else "earlier"
        parts.append(f"{ENGLISH.figures.duration(abs(pair.later))} {way}")
    if Difference.ABOUT in pair.differs:
        parts.append(f"{subject(pair.a)} in A")
    return parts


def _instead(other: Incident | None, which: str) -> str:
    return f"nothing in {which}" if other is None else _sent(other, which)


def _sent(incident: Incident, which: str) -> str:
    if incident.sent == "none":
        return f"not sent in {which}: {incident.reason}"
    return f"{'page' if incident.sent == 'page' else 'in the digest'} in {which}"


def evaluation_lines(evaluation: Evaluation, zone: ZoneInfo, *, most: int = MOST) -> list[str]:
    """Return the figures of an evaluation, and sections of what was missed, false or different."""
    lines = [_labels(evaluation.total), _pages(evaluation.total), *_delays(evaluation.total)]
    lines += table_lines(_table(evaluation), set(range(1, len(_HEAD) + 1)))
    sections = {
        counted(len(evaluation.missed), "missed label"): [
            [*_of_label(missed.label, zone), _seen(missed, evaluation)] for missed in evaluation.missed
        ],
        counted(len(evaluation.false_pages), "false page"): [
            _false(false_page, zone) for false_page in evaluation.false_pages
        ],
        f"{evaluation.total.other_verdict:,} found with a different verdict": [
            [*incident_cells(found.incident, zone), f"labelled {found.label.verdict}"]
            for found in evaluation.found
            if found.other_verdict
        ],
    }
    for title, rows in sections.items():
        lines += section(title, rows, most, "evaluation.json")
    return lines + _outside(evaluation, zone)


def mark_lines(marks: PressedMarks, zone: ZoneInfo) -> list[str]:
    """Return the pages that the marks of the labels would have held."""
    pressed, held = counted(marks.pressed, "mark"), counted(len(marks.held), "page")
    line = f"{pressed} pressed when the labels say so would have held {held} of {marks.pages:,}"
    rows = [incident_cells(incident, zone) for incident in marks.held]
    return [
        line,
        *section(
            "held, since they show less than one like them that was marked", rows, MOST, "incidents.jsonl"
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
    for kind, qualities in (("verdict", evaluation.by_verdict), ("service", evaluation.by_service)):
        for name, quality in qualities.items():
            about = f"{kind} {cut(clean(name), _NOTE)}" if name else f"no {kind}"
            rows.append([about, *_figures(quality)])
    return rows


def _figures(quality: DetectionQuality) -> list[str]:
    delay: Delay | None = quality.delay or quality.digest_delay
    delays = (
        [_NOTHING] * 3
        if delay is None
        else [_duration(seconds) for seconds in (delay.median, delay.p90, delay.max)]
    )
    week = quality.false_pages_per_week
    return [
        f"{quality.labels:,}",
        f"{quality.found:,}",
        _percent(quality.recall),
        f"{quality.pages:,}",
        f"{quality.false_pages:,}",
        _percent(quality.precision),
        _NOTHING if week is None else f"{week:.1f}",
        *delays,
    ]


def _seen(missed: Missed, evaluation: Evaluation) -> str:
    if not missed.seen:
        return "no matching incident"
    first, label = missed.seen[0], missed.label
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


def _false(page: FalsePage, zone: ZoneInfo) -> list[str]:
    label = page.label
    if label is None:
        return [*incident_cells(page.incident, zone), "no matching label"]
    by = f" by {label.by}" if label.by else ""
    text = f"{label.kind.value.replace('_', ' ')}{by}{': ' if label.note else ''}{label.note}"
    return [*incident_cells(page.incident, zone), cut(clean(text), _NOTE)]


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
        if number := sum(reason == why for _, reason in evaluation.outside):
            clock = ENGLISH.figures.clock(edge, zone)
            lines.append(f"not counted: {counted(number, 'label')} {when.format(clock)}")
    return lines


def _percent(share: float | None) -> str:
    return _NOTHING if share is None else ENGLISH.figures.percent(share)


def _duration(seconds: float) -> str:
    shown = ENGLISH.figures.duration(abs(round(seconds)))
    return f"−{shown}" if seconds < 0 else shown
