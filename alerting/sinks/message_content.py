"""The row of a dispatch for Slack and the terminal: a message with its chart, or the CSV of a flood."""

import csv
import io
import zlib
from collections.abc import Iterable
from typing import Final

from msgspec import structs

from alerting.commands.dispatch import Dispatch, Form
from alerting.commands.local_time import rfc3339
from alerting.incidents.incident import Incident
from alerting.messages.render import Renderer
from alerting.outbox.ports import SubjectState
from alerting.outbox.row import OutboxRow
from alerting.words.csv_cells import csv_cell
from detectors.model.finding import Finding
from detectors.model.scope import Edge


class MessageSink:
    """The base of sinks of messages: renders messages, charts, and the files of floods."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    def render(self, dispatch: Dispatch, known: SubjectState) -> OutboxRow:
        """Return the message of a dispatch with its chart, or the CSV of a flood."""
        if dispatch.form is Form.FILE:
            return OutboxRow.of(dispatch, body=zlib.compress(flood_file(dispatch.notice.incidents).encode()))
        message = self._renderer(dispatch, known.link)
        if dispatch.form is not Form.PARENT:
            return OutboxRow.of(dispatch, message=message)
        incident = dispatch.notice.incident
        chart = None if incident.primary.trace is None else structs.replace(incident, members=[])
        return OutboxRow.of(dispatch, message=message, incident=chart)


_COLUMNS: Final = (
    "incident", "state", "finding", "verdict", "measure", "kind", "name", "account", "region",
    "start", "end", "observed", "expected", "sentence",
)  # fmt: skip


def flood_file(incidents: Iterable[Incident]) -> str:
    """Return CSV with a line for each finding of ``incidents``; times are ISO 8601 in UTC."""
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\n")
    table.writerow(_COLUMNS)
    for incident in incidents:
        for finding in (incident.primary, *incident.members):
            table.writerow(_line(incident, finding))
    return written.getvalue()


def _line(incident: Incident, finding: Finding) -> list[object]:
    about = finding.about
    scope = about.target if isinstance(about, Edge) else about
    name = f"{about.source.label} > {about.target.label}" if isinstance(about, Edge) else about.label
    return [
        incident.id,
        incident.state,
        finding.id,
        finding.verdict.value,
        finding.measure.value,
        "edge" if isinstance(about, Edge) else about.kind,
        csv_cell(name),
        csv_cell(scope.account),
        csv_cell(scope.region),
        rfc3339(finding.start),
        "" if finding.end is None else rfc3339(finding.end),
        f"{finding.observed:.6g}",
        f"{finding.expected:.6g}",
        csv_cell(finding.sentence),
    ]
