"""The report: the page of the board as one self-contained file, with the incidents of a stretch of time."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from alerting.commands.memo import MemoAnswer
from alerting.evaluation.comparison import Comparison
from alerting.evaluation.evaluation import Evaluation
from alerting.incidents.answers import change_answer
from alerting.incidents.incident import Incident
from alerting.incidents.notice import Action, Notice, NoticeReason
from alerting.messages.incident_answer import KnownIncident, incident_data
from alerting.messages.incident_markdown import IncidentMarkdown
from alerting.messages.render import Renderer
from alerting.pipeline.incident_registry import TrackedIncident
from alerting.preview.preview import fragment
from alerting.words.locales import translated_sentences
from alerting.words.mrkdwn import clean
from config.settings import Settings
from detectors.model.copy_fields import copy_fields
from detectors.model.scope import Edge
from streams.screens.board.incidents.incident_routes import ListedIncidents, listed_incident
from streams.screens.board.incidents.incident_service import BoardIncidentAnswer, story
from streams.screens.board.report.page_bundle import report_page
from streams.screens.board.report.report_curve import curve_page
from streams.screens.board.report.report_sections import (
    ReportSection,
    comparison_section,
    evaluation_section,
    label_text,
)
from streams.screens.board.report.reported_notices import ReportedNotices
from streams.screens.board.report.settings_text import differing, effective
from streams.screens.board.scope_pages.scope_page import ScopePage
from streams.screens.board.wall.wall import Wall, WallAccount

MOST: Final = {"page": 100, "digest": 40, "none": 200}
"""Incidents in a report, the first of each kind: with more, the file would be too large to open."""


MARKS: Final = 500
"""Labels on the timeline, the oldest of more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportHead:
    """What a report is about. Times are epoch seconds of event time; zero if unknown."""

    title: str = ""  # that of a replay
    source: str = ""
    first: int = 0
    last: int = 0
    records: int = 0
    seconds: float = 0.0  # wall time it took
    notes: Sequence[str] = ()  # on the source, one sentence each
    dead: Mapping[str, int] = field(default_factory=dict)  # bad records by reason
    compared: tuple[str, str] = ("A", "B")  # the names of two configurations


class ReportedIncident(BoardIncidentAnswer, frozen=True, kw_only=True):
    """One incident as the page of a report has it.

    Its growth is that of the digest at ``digested``. ``message`` is whether Slack would have shown it.
    """

    curve: ScopePage | None
    digested: int | None
    message: bool


class ReportFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a report has found, and in what. Series are judged once they are ``young`` seconds old."""

    title: str
    source: str
    first: int
    last: int
    records: int
    seconds: float
    notes: Sequence[str]
    bad: list[tuple[str, int]]
    sent: dict[str, int]
    open: int
    young: int


class SettingsTexts(msgspec.Struct, frozen=True):
    """The settings that differ from what is shipped, and all of them, as YAML."""

    changed: str
    effective: str


class ReportData(msgspec.Struct, frozen=True, kw_only=True):
    """All that the page of a report shows: ``answers`` are those that a board would ask for, by path.

    ``ids`` are of the incidents that are printed.
    """

    wall: Wall
    head: ReportFacts
    ids: list[str]
    answers: dict[str, object]
    sections: list[ReportSection]
    digests: int
    settings: SettingsTexts | None


def write_report(
    path: Path,
    incidents: Sequence[Incident],
    notices: Sequence[Notice],
    renderer: Renderer,
    head: ReportHead = ReportHead(),
    *,
    settings: Settings | None = None,
    comparison: Comparison | None = None,
    evaluation: Evaluation | None = None,
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
    head
        What it is about; the span of a report without one is that of its incidents.
    settings
        The settings in effect: shown, and used for the age from which series are judged.
    comparison
        With another configuration; ``incidents`` are those of A.

    Raises
    ------
    OSError
        When the file cannot be written.
    """
    words, zone = renderer.words, renderer.zone
    first, last = _span(head, incidents)
    reported = ReportedNotices(notices)
    shown = [reported.as_digested(incident) for incident in _most(incidents)]
    made = _MadeIncidents(reported, renderer, last)
    answers: dict[str, object] = {
        f"/board/incidents/{incident.id}": made.whole(number, incident, at)
        for number, (incident, at) in enumerate(shown)
    }
    changes = {change.change for incident, _ in shown for change in incident.changes}
    answers["/board/incidents"] = ListedIncidents(
        at=last,
        since=first,
        incidents=[listed_incident(_tracked(n, incident, last), 0) for n, (incident, _) in enumerate(shown)],
        left_out=len(incidents) - len(shown),
        memos=[] if evaluation is None else _labels(evaluation),
        changes=[change_answer(change) for change in sorted(changes, key=lambda change: change.ts)],
    )
    ids = {incident.id for incident, _ in shown}
    sections = []
    if comparison is not None:
        sections.append(comparison_section(comparison, head.compared, zone, words, ids))
    if evaluation is not None:
        sections.append(evaluation_section(evaluation, zone, words, ids))
    sent = Counter[str](incident.sent for incident in incidents)
    data = ReportData(
        wall=Wall(
            now=last,
            at=last,
            zone=zone.key,
            language="ja" if words.locale == "ja" else "en",
            state="well",
            accounts=_accounts(incidents, words.accounts),
        ),
        head=copy_fields(
            ReportFacts,
            head,
            title=clean(head.title),
            source=clean(head.source),
            notes=[clean(note) for note in head.notes],  # names of sources come from outside
            first=first,
            last=last,
            bad=sorted(
                ((clean(why), count) for why, count in head.dead.items()), key=lambda row: (-row[1], row[0])
            ),
            sent={kind: sent[kind] for kind in MOST},
            open=sum(incident.end is None and incident.sent == "page" for incident in incidents),
            young=settings.judge.young if settings is not None and head.first else 0,
        ),
        ids=[incident.id for incident, _ in shown if incident.sent != "none"],
        answers=answers,
        sections=sections,
        digests=len(reported.digests),
        settings=None if settings is None else SettingsTexts(differing(settings), effective(settings)),
    )
    messages = dict(made.messages)
    if reported.digests:
        messages["digest"] = made.message(reported.digests[-1])
    page = report_page(msgspec.json.encode(data).decode(), messages, data.head.title, data.wall.language)
    path.write_bytes(page.encode())


class _MadeIncidents:
    """Makes the answers about incidents, and the messages beside them."""

    def __init__(self, reported: ReportedNotices, renderer: Renderer, last: int) -> None:
        self._reported = reported
        self._render = renderer
        self._write = IncidentMarkdown(renderer.links, renderer.words, renderer.zone)
        self._last = last
        self.messages: dict[str, str] = {}
        """HTML by incident, of those that were made whole."""

    def whole(self, number: int, incident: Incident, digested: int | None) -> ReportedIncident:
        known = KnownIncident(incident, self._last)
        curve = self._reported.curve(incident)
        if (notice := self._reported.newest(incident)) is not None:
            self.messages[incident.id] = self.message(notice)
        found = incident_data(known, self._write.links, self._write.words)
        return copy_fields(
            ReportedIncident,
            replace(found, incident=replace(found.incident, sentences=translated_sentences(known.incident))),
            self._write.document(known),
            at=digested or incident.primary.seen,
            story=story(_tracked(number, incident, self._last), ()),
            silences=[],
            exports=[],
            curve=None if curve is None else curve_page(incident, *curve, self._last),
            digested=digested,
            message=notice is not None,
        )

    def message(self, notice: Notice) -> str:
        render = self._render
        return fragment(render(notice), render.zone, at=notice.at, words=render.words)


def _tracked(number: int, incident: Incident, at: int) -> TrackedIncident:
    """Return an incident as the pipeline would have it in the end: nobody has done anything about it."""
    notice = Notice(
        id=incident.id, action=Action.UPDATE, at=at, reason=NoticeReason.ENDED, incidents=[incident]
    )
    return TrackedIncident(
        sequence=number,
        notice=notice,
        started=incident.start,
        alerted=incident.alerted,
        ended_at=(incident.end or at) if incident.ended else None,
        sent=incident.sent,
        reason=incident.reason,
    )


def _labels(evaluation: Evaluation) -> list[MemoAnswer]:
    """Return what people, or a scenario, knew, each as a mark on the timeline."""
    known = [*((found.label, "found") for found in evaluation.found)]
    known += [*((missed.label, "missed") for missed in evaluation.missed)]
    known.sort(key=lambda row: row[0].start)
    return [
        MemoAnswer(
            id=f"label-{number}",
            at=label.start,
            written=label.start,
            by="label",
            text=f"{label_text(label)} · {outcome}" + (f" · {clean(label.note)}" if label.note else ""),
        )
        for number, (label, outcome) in enumerate(known[:MARKS])
    ]


def _most(incidents: Iterable[Incident]) -> Iterator[Incident]:
    """Yield the incidents that are in the report, in their order."""
    counts = Counter[str]()
    for incident in incidents:
        counts[incident.sent] += 1
        if counts[incident.sent] <= MOST[incident.sent]:
            yield incident


def _span(about: ReportHead, incidents: Sequence[Incident]) -> tuple[int, int]:
    """Return first and last time in epoch seconds, from the head or else from the incidents."""
    starts = [incident.start for incident in incidents]
    ends = [incident.end or incident.primary.seen for incident in incidents]
    first = about.first or min(starts, default=0)
    return first, max(first, about.last or max(ends, default=0))


def _accounts(incidents: Sequence[Incident], names: Mapping[str, str]) -> list[WallAccount]:
    abouts = (incident.primary.about for incident in incidents)
    scopes = (about.target if isinstance(about, Edge) else about for about in abouts)
    return [
        WallAccount(cloud, account, names.get(account, account))
        for cloud, account in sorted({(scope.cloud, scope.account) for scope in scopes})
    ]
