"""The section of the report that compares two configurations."""

from collections.abc import Collection, Sequence
from typing import Final
from zoneinfo import ZoneInfo

from alerting.evaluation.comparison import Comparison, Difference, Pair, tally
from alerting.incidents.incident import Incident
from alerting.report.section import Cell, ReportSection, table
from alerting.words.mrkdwn import clean
from alerting.words.phrases import Phrases

_SENT: Final = {"page": "page", "digest": "digest", "none": "not sent"}


def comparison_section(
    made: Comparison,
    names: tuple[str, str],
    zone: ZoneInfo,
    words: Phrases,
    anchors: Collection[str],
) -> ReportSection:
    """Return the differences between two configurations, new and lost pages first.

    Parameters
    ----------
    made
        The comparison.
    names
        The names of configurations A and B.
    zone
        The time zone of times shown.
    words
        The language of names and figures.
    anchors
        Ids of the incidents on the page.
    """
    rows = _Rows(zone, words, anchors)
    a, b = map(clean, names)
    new, lost = made.new_pages, made.lost_pages
    counted = {incident.id for incident in (*new, *lost)}
    only_a, only_b = (_sent_elsewhere(each, counted) for each in (made.only_a, made.only_b))
    changed = [pair for pair in made.changed if not {pair.a.id, pair.b.id} & counted]
    alike = len(made.pairs) - len(made.changed)
    head = ("Start", "What", "Sent", "Why")
    return ReportSection(
        id="comparison",
        title="Comparison",
        lines=[
            (
                f"{_many(len(new), 'new page')} and {_many(len(lost), 'lost page')} in {b}; "
                f"{len(made.changed)} reported differently, {alike} alike."
            )
        ],
        tables=[
            *table(
                "Totals",
                ("Configuration", "Pages", "Pages per week", "In the digest", "Not sent"),
                [_sum(a, made.a, made.weeks), _sum(b, made.b, made.weeks)],
                (1, 2, 3, 4),
            ),
            *table(f"Pages in {b} but not in {a}", head, [rows.one(incident) for incident in new]),
            *table(f"Pages in {a} but not in {b}", head, [rows.one(incident) for incident in lost]),
            *table(
                "In both, reported differently",
                ("Start", "What", a, b, "Difference"),
                [rows.two(pair) for pair in changed],
            ),
            *table(f"In the digest of {a} only", head, [rows.one(incident) for incident in only_a]),
            *table(f"In the digest of {b} only", head, [rows.one(incident) for incident in only_b]),
        ],
    )


def _sent_elsewhere(incidents: Sequence[Incident], counted: Collection[str]) -> list[Incident]:
    return [incident for incident in incidents if incident.sent != "none" and incident.id not in counted]


def _sum(name: str, incidents: Sequence[Incident], weeks: float | None) -> list[Cell]:
    counts = tally(incidents, weeks)
    week = counts["pages_per_week"]
    figures = (counts["pages"], "–" if week is None else f"{week:.1f}", counts["digest"], counts["none"])
    return [Cell(name), *(Cell(str(figure)) for figure in figures)]


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


class _Rows:
    """Makes rows of incidents."""

    def __init__(self, zone: ZoneInfo, words: Phrases, anchors: Collection[str]) -> None:
        self._zone, self._words, self._anchors = zone, words, anchors

    def one(self, incident: Incident) -> list[Cell]:
        return [*self._which(incident), Cell(_SENT[incident.sent]), Cell(clean(incident.reason))]

    def two(self, pair: Pair) -> list[Cell]:
        return [
            *self._which(pair.a),
            Cell(self._how(pair.a)),
            Cell(self._how(pair.b)),
            Cell(", ".join(self._difference(pair, differ) for differ in pair.differs)),
        ]

    def _which(self, incident: Incident) -> list[Cell]:
        primary, words = incident.primary, self._words
        what = f"{words.figures.about(primary.about)} · {words.incident.size(primary, incident.peak)}"
        linked = incident.id if incident.id in self._anchors else ""
        return [
            Cell(words.figures.clock(incident.start, self._zone)),
            Cell(clean(what), incident=linked, verdict=incident.verdict.value),
        ]

    def _how(self, incident: Incident) -> str:
        shown = f"{incident.verdict.value}, {_SENT[incident.sent]}"
        if incident.alerted is None or incident.sent == "none":
            return shown
        return f"{shown},  {self._words.figures.slack_time(incident.alerted, self._zone, day=False)}"

    def _difference(self, pair: Pair, what: Difference) -> str:
        if what in (Difference.LATER, Difference.EARLIER):
            return f"{self._words.figures.duration(abs(pair.later or 0))} {what.value}"
        return f"other {what.value}" if what is Difference.VERDICT else "sent differently"
