"""The report: one self-contained HTML file with what was found, when, why, and the message about it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from alerting.commands.matching import services_of
from alerting.evaluation.comparison import Comparison
from alerting.evaluation.evaluation import Evaluation
from alerting.incidents.incident import Incident
from alerting.incidents.notice import Action, Notice
from alerting.messages.render import Renderer
from alerting.report.card import Card, Cards, IncidentRow, ReportedIncidents
from alerting.report.comparison import comparison_section
from alerting.report.evaluation import evaluation_section
from alerting.report.head import ReportHead, figures, notes, span_in_words, span_of
from alerting.report.preview import environment, fragment, stylesheet
from alerting.report.scale import Times
from alerting.report.settings import differing, effective
from alerting.report.timeline import timeline
from alerting.words.mrkdwn import clean
from config.settings import Settings
from detectors.model.finding import Verdict

__all__ = ["ReportHead", "write_report"]

PAGES: Final = 100
"""Pages shown in full, some 30 kB each; with more, the file would be too large to open."""

DIGEST: Final = 40
ROWS: Final = 200
"""Incidents in a table."""

NOTHING: Final = "Nothing happened that needs attention."


def write_report(
    path: Path,
    incidents: Sequence[Incident],
    notices: Sequence[Notice],
    renderer: Renderer,
    zone: ZoneInfo,
    *,
    title: str = "What Uneri found",
    about: ReportHead | None = None,
    settings: Settings | None = None,
    comparison: Comparison | None = None,
    compared: tuple[str, str] = ("A", "B"),
    evaluation: Evaluation | None = None,
    dead: Mapping[str, int] | None = None,
) -> None:
    """Write the report of a stretch of time. Equal arguments give equal bytes.

    Parameters
    ----------
    path
        The HTML file; its folder exists.
    incidents
        All incidents in their last state, ordered by start (``Incidents.known``).
    notices
        All notices (``Incidents.feed``) in order; they hold the curves and the messages.
    renderer
        Renders the messages; figures and names are in its language.
    zone
        The time zone of times shown.
    title
        The heading.
    about
        The source; what it leaves out is derived from the incidents.
    settings
        The settings in effect: shown, and used for the age from which series are judged.
    comparison
        With another configuration; ``incidents`` are those of A.
    compared
        The names of the two configurations.
    evaluation
        Against labels.
    dead
        Bad records by reason.

    Raises
    ------
    OSError
        When the file cannot be written.
    """
    words = renderer.words
    head = about or ReportHead()
    span = span_of(head, incidents)
    shown = _Shown.of(incidents, notices, renderer, zone)
    sections = []
    if comparison is not None:
        sections.append(comparison_section(comparison, compared, zone, words, shown.anchors))
    if evaluation is not None:
        sections.append(evaluation_section(evaluation, zone, words, shown.anchors))
    daily = [notice for notice in notices if notice.action is Action.DIGEST]
    html = (
        environment()
        .get_template("report.html.j2")
        .render(
            css=f"{stylesheet()}\n{_part('report.css')}",
            script=_part("report.js"),
            title=clean(title),
            source=clean(head.source),
            span=span_in_words(span, zone, words),
            zone=zone.key,
            locale=words.locale,
            figures=figures(head, incidents, span, dead or {}),
            notes=notes(head),
            verdicts=_counted(incidents),
            sent=Counter(incident.sent for incident in incidents),
            services=shown.services,
            timeline=timeline(
                incidents,
                Times(*span, zone),
                words,
                anchors=shown.anchors,
                services=shown.known_by,
                young=settings.judge.young if settings is not None and head.first else 0,
            ),
            extras=sections,
            pages=shown.pages,
            more_pages=shown.more_pages,
            digest=shown.digest,
            more_digest=shown.more_digest,
            digests=len(daily),
            message=fragment(renderer(daily[-1]), zone, at=daily[-1].at, words=words) if daily else "",
            rows=shown.rows,
            more_rows=shown.more_rows,
            dead=sorted(((clean(why), count) for why, count in (dead or {}).items()), key=_most),
            changed=None if settings is None else differing(settings),
            effective=None if settings is None else effective(settings),
            nothing=NOTHING,
        )
    )
    path.write_bytes(html.encode("utf-8", "replace"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """The incidents on the page, and how many were left out."""

    pages: list[Card]
    digest: list[Card]
    rows: list[IncidentRow]
    more_pages: int
    more_digest: int
    more_rows: int
    services: list[str]
    known_by: dict[str, str]  # by incident: the positions of its services in that list

    @classmethod
    def of(
        cls, incidents: Sequence[Incident], notices: Sequence[Notice], renderer: Renderer, zone: ZoneInfo
    ) -> "_Shown":
        names = {
            incident.id: sorted({clean(name) or "unnamed" for name in services_of(incident)})
            for incident in incidents
        }
        services = sorted({name for held in names.values() for name in held})
        index = {name: str(number) for number, name in enumerate(services)}
        known_by = {key: " ".join(index[name] for name in held) for key, held in names.items()}
        cards = Cards(ReportedIncidents(notices), renderer, zone, known_by)
        paged, growing, others = (
            [incident for incident in incidents if incident.sent == sent]
            for sent in ("page", "digest", "none")
        )
        return cls(
            pages=[cards.card(incident) for incident in paged[:PAGES]],
            digest=[cards.card(incident) for incident in growing[:DIGEST]],
            rows=[cards.row(incident) for incident in others[:ROWS]],
            more_pages=max(0, len(paged) - PAGES),
            more_digest=max(0, len(growing) - DIGEST),
            more_rows=max(0, len(others) - ROWS),
            services=services,
            known_by=known_by,
        )

    @property
    def anchors(self) -> set[str]:
        """The ids of the incidents that can be linked to."""
        return {card.id for card in (*self.pages, *self.digest)} | {row.id for row in self.rows}


def _most(row: tuple[str, int]) -> tuple[int, str]:
    return -row[1], row[0]


def _counted(incidents: Sequence[Incident]) -> list[tuple[str, int]]:
    """Return the verdicts that occur with their counts, in the order of ``Verdict``."""
    counts = Counter(incident.verdict for incident in incidents)
    return [(verdict.value, counts[verdict]) for verdict in Verdict if counts[verdict]]


def _part(name: str) -> str:
    return resources.files("alerting.report").joinpath("templates", name).read_text(encoding="utf-8")
