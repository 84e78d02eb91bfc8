"""The extra sections of the report: incidents against labels, and two configurations compared."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from alerting.commands.labels import Label
from alerting.evaluation.comparison import Comparison, Difference, Pair, tally
from alerting.evaluation.evaluation import UNKNOWN, Evaluation, FalsePage, Missed
from alerting.evaluation.quality import DetectionQuality
from alerting.incidents.incident import Incident
from alerting.words.mrkdwn import clean, cut
from alerting.words.phrases import Phrases
from detectors.model.finding import Verdict

_HEAD: Final = (
    "Labels",
    "Found",
    "Missed",
    "Recall",
    "Pages",
    "False",
    "Precision",
    "Delay",
    "9 of 10 within",
)
_FIGURES: Final = tuple(range(1, len(_HEAD) + 1))
_NOTE: Final = 200
_NOTHING: Final = "–"


class Fact(NamedTuple):
    """A named figure; ``detail`` may be empty."""

    name: str
    value: str
    detail: str = ""


MOST: Final = 100
"""Rows of a table; the files beside the report have all of them."""


class Cell(NamedTuple):
    """One cell of a table."""

    text: str
    incident: str = ""  # id of an incident on the page to link to
    verdict: str = ""  # sets the colour


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table; the columns ``right`` are right-aligned figures."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    right: Sequence[int] = ()
    more: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSection:
    """A section with its heading."""

    id: str
    title: str
    facts: Sequence[Fact] = ()
    lines: Sequence[str] = ()
    tables: Sequence[Table] = ()


def table(
    title: str, head: Sequence[str], rows: Sequence[Sequence[Cell]], right: Sequence[int] = ()
) -> list[Table]:
    """Return a table of at most ``MOST`` rows, or nothing if it has no rows."""
    if not rows:
        return []
    shown = rows[:MOST]
    return [Table(title=title, head=head, rows=shown, right=right, more=len(rows) - len(shown))]


def evaluation_section(
    made: Evaluation, zone: ZoneInfo, words: Phrases, anchors: Collection[str]
) -> ReportSection:
    """Return the figures over all labels, by verdict and by service, missed labels and false pages.

    ``anchors`` are the ids of the incidents on the page.
    """
    rows = _EvaluationRows(zone, words, anchors)
    return ReportSection(
        id="evaluation",
        title="Against the labels",
        facts=rows.facts(made.total),
        lines=_lines(made),
        tables=[
            *table(
                "By verdict",
                ("Verdict", *_HEAD),
                rows.counts(made.by_verdict, "any verdict", mark=True),
                _FIGURES,
            ),
            *table(
                "By service", ("Service", *_HEAD), rows.counts(made.by_service, "no known service"), _FIGURES
            ),
            *table(
                "Missed labels",
                ("Start", "Label", "Note", "Seen as"),
                [rows.missed(missed) for missed in made.missed],
            ),
            *table(
                "False pages",
                ("Start", "Page", "Why it is false"),
                [rows.false(false_page) for false_page in made.false_pages],
            ),
        ],
    )


def _lines(made: Evaluation) -> list[str]:
    lines = []
    if made.repeated:
        count = len(made.repeated)
        lines.append(
            f"{count} page{'s' * (count != 1)} repeated what another page had reported; "
            "these do not count as false."
        )
    if made.outside:
        before = sum(why == "before" for _, why in made.outside)
        lines.append(
            f"{len(made.outside)} labels do not count: {before} begin before anything could be judged, "
            f"{len(made.outside) - before} after the end."
        )
    return lines


class _IncidentCells:
    """Makes the cells of an incident."""

    def __init__(self, zone: ZoneInfo, words: Phrases, anchors: Collection[str]) -> None:
        self._zone, self._words, self._anchors = zone, words, anchors

    def incident(self, incident: Incident) -> list[Cell]:
        return [Cell(self._words.figures.clock(incident.start, self._zone)), self.named(incident)]

    def named(self, incident: Incident, more: str = "") -> Cell:
        primary, words = incident.primary, self._words
        what = f"{words.figures.about(primary.about)} · {words.incident.size(primary, incident.peak)}{more}"
        linked = incident.id if incident.id in self._anchors else ""
        return Cell(clean(what), incident=linked, verdict=incident.verdict.value)


class _EvaluationRows(_IncidentCells):
    """Makes figures and rows."""

    def facts(self, total: DetectionQuality) -> list[Fact]:
        delay, a_week = total.delay, total.false_pages_per_week
        missed = f"{total.found} of {total.labels} labels found"
        facts = [
            Fact("Recall", self._share(total.recall), missed),
            Fact(
                "Precision",
                self._share(total.precision),
                f"{total.pages - total.false_pages} of {total.pages} pages right",
            ),
            Fact(
                "False pages per week",
                _NOTHING if a_week is None else f"{a_week:.1f}",
                f"over {total.weeks:.1f} weeks",
            ),
        ]
        if delay is not None:
            within = f"nine of ten within {self._delay(delay.p90)}"
            facts.append(Fact("Delay to detection", self._delay(delay.median), within))
        if total.other_verdict:
            facts.append(Fact("With another verdict", str(total.other_verdict), "of the found"))
        if total.in_digest:
            facts.append(Fact("Only in the digest", str(total.in_digest), "of the found"))
        return facts

    def counts(
        self, groups: Mapping[str, DetectionQuality], unknown: str, *, mark: bool = False
    ) -> list[list[Cell]]:
        return [
            [
                Cell(unknown if name == UNKNOWN else clean(name), verdict=_known(name) if mark else ""),
                *map(Cell, self._figures(held)),
            ]
            for name, held in groups.items()
        ]

    def _figures(self, held: DetectionQuality) -> list[str]:
        delay = held.delay
        return [
            str(held.labels),
            str(held.found),
            str(held.missed),
            self._share(held.recall),
            str(held.pages),
            str(held.false_pages),
            self._share(held.precision),
            _NOTHING if delay is None else self._delay(delay.median),
            _NOTHING if delay is None else self._delay(delay.p90),
        ]

    def missed(self, missed: Missed) -> list[Cell]:
        label = missed.label
        seen = missed.seen[0] if missed.seen else None
        shown = Cell("nothing") if seen is None else self.named(seen, f", {clean(seen.reason) or seen.sent}")
        return [
            Cell(self._words.figures.clock(label.start, self._zone)),
            Cell(label_text(label), verdict=_known(label.verdict)),
            Cell(cut(clean(label.note), _NOTE)),
            shown,
        ]

    def false(self, false: FalsePage) -> list[Cell]:
        label = false.label
        why = "no label matches"
        if label is not None:
            why = f"labelled {label.kind.value.replace('_', ' ')}" + (f" by {label.by}" if label.by else "")
            why += f": {label.note}" if label.note else ""
        return [*self.incident(false.incident), Cell(cut(clean(why), _NOTE))]

    def _share(self, share: float | None) -> str:
        return _NOTHING if share is None else self._words.figures.percent(share)

    def _delay(self, seconds: float) -> str:
        whole = round(seconds)
        return f"{'−' * (whole < 0)}{self._words.figures.duration(abs(whole))}"


def _known(verdict: str) -> str:
    """Return a known verdict, or nothing: labels come from files."""
    return verdict if verdict in set(Verdict) else ""


def label_text(label: Label) -> str:
    """Return what a label is about."""
    parts = [label.verdict, label.scope or "any scope", label.measure]
    return clean(", ".join(part for part in parts if part))


_SENT: Final = {"page": "page", "digest": "digest", "none": "not sent"}


def comparison_section(
    made: Comparison, names: tuple[str, str], zone: ZoneInfo, words: Phrases, anchors: Collection[str]
) -> ReportSection:
    """Return the differences between two configurations, new and lost pages first.

    ``anchors`` are the ids of the incidents on the page.
    """
    rows = _ComparisonRows(zone, words, anchors)
    a, b = map(clean, names)
    new, lost = made.new_pages, made.lost_pages
    counted = {incident.id for incident in (*new, *lost)}
    only_a, only_b = (_sent_elsewhere(alone, counted) for alone in (made.only_a, made.only_b))
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


class _ComparisonRows(_IncidentCells):
    """Makes rows of incidents."""

    def one(self, incident: Incident) -> list[Cell]:
        return [*self.incident(incident), Cell(_SENT[incident.sent]), Cell(clean(incident.reason))]

    def two(self, pair: Pair) -> list[Cell]:
        return [
            *self.incident(pair.a),
            Cell(self._how(pair.a)),
            Cell(self._how(pair.b)),
            Cell(", ".join(self._difference(pair, differ) for differ in pair.differs)),
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
