"""``uneri incidents``: those of a running daemon in a line each."""

from collections.abc import Iterator
from typing import Final

from alerting.words.mrkdwn import clean
from detectors.model.finding import Verdict
from streams.cli.daemon_call import DaemonCommand
from streams.process.times import utc
from streams.screens.board.incidents.incident_routes import ListedIncident, ListedIncidents
from streams.screens.mcp.tool_figures import amount, duration, measure_in_words


def incident_lines(found: ListedIncidents) -> list[str]:
    """Render them, the newest first."""
    lines = ["  ".join(_facts(incident, found.at)) for incident in found.incidents]
    if found.left_out:
        lines.append(f"and {found.left_out} older ones; a shorter --range or another filter shows all")
    return lines or ["none"]


def _facts(incident: ListedIncident, at: int) -> Iterator[str]:
    scope = incident.scope
    name = scope.name or f"{scope.source or ''} → {scope.target or ''}"
    where = " ".join(part for part in (scope.version or "", scope.cloud, scope.account, scope.region) if part)
    yield f"{incident.id}  {incident.severity.level:<8}"
    measure = measure_in_words(incident.measure, scope.kind)
    what = "" if incident.verdict is Verdict.FATAL else f"{incident.verdict.value} of "
    yield clean(f"{what}{measure} at {scope.kind} {name}{where and f' ({where})'}")
    if incident.state != "withdrawn":
        yield _figures(incident)
    end = at if incident.end is None else incident.end
    yield f"since {utc(incident.start)}, for {duration(end - incident.start)}"
    yield "open" if incident.end is None else incident.state
    yield {"page": "paged", "digest": "in the digest"}.get(incident.sent, "held back")
    if incident.acknowledged is not None:
        yield f"acknowledged by {clean(incident.acknowledged.by)}"
    if incident.labelled is not None:
        yield f"labelled {incident.labelled.label.value}"
    if incident.memos:
        yield "1 memo" if incident.memos == 1 else f"{incident.memos} memos"


def _figures(incident: ListedIncident) -> str:
    mean = incident.added_up
    observed, expected = (
        clean(amount(value, incident.measure, incident.scope.kind))
        for value in ((mean.observed, mean.expected) if mean else (incident.observed, incident.expected))
    )
    if mean:
        return f"{observed} over {duration(mean.seconds)}, expected {expected}"
    if incident.verdict is Verdict.FATAL:
        return f"{observed} on average"
    last = "the last minutes" if incident.verdict is Verdict.LIMIT else "its last minute"
    return f"{observed} in {last}, expected {expected}"


INCIDENTS: Final = DaemonCommand("GET", "/board/incidents", ListedIncidents, incident_lines)
