"""The report: one HTML file with every incident, its message and its chart, that opens offline."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from alerting.incident import Incident
from alerting.mrkdwn import clean
from alerting.notice import Action, Notice
from alerting.preview import environment, fragment, stylesheet
from alerting.render import Renderer

SHOWN: Final = 20  # pages with their charts; more would make a file nobody opens


def write_report(
    path: Path,
    incidents: Sequence[Incident],
    notices: Sequence[Notice],
    renderer: Renderer,
    zone: ZoneInfo,
    *,
    title: str = "What Uneri found",
) -> None:
    """Write the report of a stretch of time.

    Parameters
    ----------
    path
        The HTML file; its folder exists.
    incidents
        All that are known, in their last state (``Incidents.known``).
    notices
        All that were told (``Incidents.feed``): pages with their charts and the last digest are shown.
    renderer
        Made the messages.
    zone
        Times are shown in this zone.
    """
    opened = [notice for notice in notices if notice.action is Action.OPEN]
    latest: dict[str, Notice] = {}
    for notice in notices:
        if notice.action is not Action.DIGEST and notice.incident.primary.trace is not None:
            latest[notice.incident.id] = notice
    digests = [notice for notice in notices if notice.action is Action.DIGEST]
    shown = [latest.get(notice.incident.id, notice) for notice in opened[:SHOWN]]
    html = (
        environment()
        .get_template("report.html.j2")
        .render(
            title=title,
            css=stylesheet(),
            span=_span(incidents, zone, renderer),
            figures=_figures(incidents, digests),
            rows=[
                _row(incident, zone, renderer, {notice.incident.id for notice in shown})
                for incident in incidents
            ],
            pages=[_page(notice, renderer, zone) for notice in shown],
            omitted=len(opened) - len(shown),
            digest=fragment(renderer(digests[-1]), zone, at=digests[-1].at, words=renderer.words)
            if digests
            else None,
        )
    )
    path.write_text(html, encoding="utf-8")


def _span(incidents: Sequence[Incident], zone: ZoneInfo, renderer: Renderer) -> str:
    if not incidents:
        return f"Times in {zone.key}"
    ends = max(incident.end or incident.primary.seen for incident in incidents)
    first, last = (renderer.words.clock(each, zone) for each in (incidents[0].start, ends))
    return f"{first} to {last}, times in {zone.key}"


def _figures(incidents: Sequence[Incident], digests: Sequence[Notice]) -> list[dict[str, object]]:
    sent = Counter(incident.sent for incident in incidents)
    still = sum(incident.end is None and incident.sent == "page" for incident in incidents)
    findings = sum(1 + len(incident.members) for incident in incidents)
    return [
        {"name": "pages", "value": sent["page"]},
        {"name": "of them still open", "value": still},
        {"name": "series that grow", "value": sent["digest"]},
        {"name": "digests", "value": len(digests)},
        {"name": "findings", "value": findings},
    ]


def _row(incident: Incident, zone: ZoneInfo, renderer: Renderer, shown: set[str]) -> dict[str, object]:
    primary, words = incident.primary, renderer.words
    begun, ended = incident.own
    lasted = "open" if ended is None else words.duration(max(0, ended - begun))
    return {
        "start": words.clock(incident.start, zone),
        "lasted": lasted,
        "verdict": incident.verdict.value,
        "what": clean(f"{words.about(primary.about)} · {words.size(primary, incident.peak)}"),
        "sent": incident.sent,
        "reason": incident.reason,
        "anchor": incident.id if incident.id in shown else None,
    }


def _page(notice: Notice, renderer: Renderer, zone: ZoneInfo) -> dict[str, object]:
    incident = notice.incident
    return {
        "anchor": incident.id,
        "fragment": fragment(renderer(notice), zone, at=notice.at, incident=incident, words=renderer.words),
    }
