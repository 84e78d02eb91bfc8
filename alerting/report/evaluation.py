"""The section of the report that measures incidents against labels."""

from collections.abc import Collection, Mapping
from typing import Final
from zoneinfo import ZoneInfo

from alerting.commands.labels import Label
from alerting.evaluation.evaluation import UNKNOWN, Evaluation, FalsePage, Missed
from alerting.evaluation.quality import DetectionQuality
from alerting.incidents.incident import Incident
from alerting.report.card import Fact
from alerting.report.section import Cell, ReportSection, table
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


def evaluation_section(
    made: Evaluation, zone: ZoneInfo, words: Phrases, anchors: Collection[str]
) -> ReportSection:
    """Return the figures over all labels, by verdict and by service, missed labels and false pages.

    Parameters
    ----------
    made
        The evaluation.
    zone
        The time zone of times shown.
    words
        The language of names and figures.
    anchors
        Ids of the incidents on the page.
    """
    rows = _Rows(zone, words, anchors)
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
                [rows.missed(each) for each in made.missed],
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


class _Rows:
    """Makes figures and rows."""

    def __init__(self, zone: ZoneInfo, words: Phrases, anchors: Collection[str]) -> None:
        self._zone, self._words, self._anchors = zone, words, anchors

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
        shown = (
            Cell("nothing") if seen is None else self._incident(seen, f", {clean(seen.reason) or seen.sent}")
        )
        return [
            Cell(self._words.figures.clock(label.start, self._zone)),
            Cell(_label(label), verdict=_known(label.verdict)),
            Cell(cut(clean(label.note), _NOTE)),
            shown,
        ]

    def false(self, false: FalsePage) -> list[Cell]:
        label = false.label
        why = "no label matches"
        if label is not None:
            why = f"labelled {label.kind.value.replace('_', ' ')}" + (f" by {label.by}" if label.by else "")
            why += f": {label.note}" if label.note else ""
        return [
            Cell(self._words.figures.clock(false.incident.start, self._zone)),
            self._incident(false.incident),
            Cell(cut(clean(why), _NOTE)),
        ]

    def _incident(self, incident: Incident, more: str = "") -> Cell:
        primary, words = incident.primary, self._words
        what = f"{words.figures.about(primary.about)} · {words.incident.size(primary, incident.peak)}{more}"
        linked = incident.id if incident.id in self._anchors else ""
        return Cell(clean(what), incident=linked, verdict=incident.verdict.value)

    def _share(self, share: float | None) -> str:
        return _NOTHING if share is None else self._words.figures.percent(share)

    def _delay(self, seconds: float) -> str:
        whole = round(seconds)
        return f"{'−' * (whole < 0)}{self._words.figures.duration(abs(whole))}"


def _known(verdict: str) -> str:
    """Return a known verdict, or nothing: labels come from files."""
    return verdict if verdict in set(Verdict) else ""


def _label(label: Label) -> str:
    parts = [label.verdict, label.scope or "any scope", label.measure]
    return clean(", ".join(part for part in parts if part))
