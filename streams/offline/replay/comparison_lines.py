"""The comparison of two configurations as lines for a terminal, the most important first."""

from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo

from alerting.evaluation.comparison import Comparison, Difference, Pair, tally
from alerting.incidents.incident import Incident
from alerting.words.locales import ENGLISH
from streams.offline.replay.text_table import counted, incident_cells, section, subject, table_lines

MOST: Final = 20
"""Lines per section; ``comparison.json`` has everything."""


def comparison_lines(
    comparison: Comparison, zone: ZoneInfo, *, a: str = "", b: str = "", most: int = MOST
) -> list[str]:
    """Return how two configurations differ.

    Parameters
    ----------
    zone
        The time zone of the times shown.
    a, b
        Names of the configurations: their files.
    most
        Lines per section.
    """
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
    other_of = {two.b.id: two.a for two in comparison.pairs}
    new = [
        [*incident_cells(new_page, zone), _instead(other_of.get(new_page.id), "A")]
        for new_page in comparison.new_pages
    ]
    other_of = {two.a.id: two.b for two in comparison.pairs}
    lost = [
        [*incident_cells(lost_page, zone), _instead(other_of.get(lost_page.id), "B")]
        for lost_page in comparison.lost_pages
    ]
    rest = [two for two in comparison.changed if (two.a.sent == "page") == (two.b.sent == "page")]
    verdict = [two for two in rest if Difference.VERDICT in two.differs]
    later, earlier, entry, about = (
        [two for two in rest if two not in verdict and _foremost(two) is difference]
        for difference in (Difference.LATER, Difference.EARLIER, Difference.SENT, Difference.ABOUT)
    )
    alone = [
        (incident, which)
        for which, incidents in (("A", comparison.only_a), ("B", comparison.only_b))
        for incident in incidents
        if incident.sent == "digest"
    ]
    entries = [[*incident_cells(one, zone), f"only in {which}"] for one, which in alone]
    entries += [[*incident_cells(two.b, zone), f"{_sent(two.a, 'A')}, {_sent(two.b, 'B')}"] for two in entry]
    return [
        (counted(len(new), "new page"), new),
        (counted(len(lost), "lost page"), lost),
        (f"{len(later):,} sent later", _pairs(later, zone)),
        (f"{len(verdict):,} with a different verdict", _pairs(verdict, zone)),
        (f"{len(earlier):,} sent earlier", _pairs(earlier, zone)),
        (f"{len(about):,} about a different series", _pairs(about, zone)),
        (f"{counted(len(entries), 'entry', 'entries')} in only one digest", entries),
    ]


def _foremost(two: Pair) -> Difference:
    return two.differs[0]


def _pairs(several: Sequence[Pair], zone: ZoneInfo) -> list[list[str]]:
    return [[*incident_cells(two.b, zone), ", ".join(_differences(two))] for two in several]


def _differences(two: Pair) -> list[str]:
    parts = []
    if Difference.VERDICT in two.differs:
        parts.append(f"{two.a.verdict.value} in A")
    if two.later:
        parts.append(f"{ENGLISH.figures.duration(abs(two.later))} {'later' if two.later > 0 else 'earlier'}")
    if Difference.ABOUT in two.differs:
        parts.append(f"{subject(two.a)} in A")
    return parts


def _instead(other: Incident | None, which: str) -> str:
    return f"nothing in {which}" if other is None else _sent(other, which)


def _sent(incident: Incident, which: str) -> str:
    if incident.sent == "none":
        return f"not sent in {which}: {incident.reason}"
    return f"{'page' if incident.sent == 'page' else 'in the digest'} in {which}"
