"""``GET /incidents`` and ``/incidents/ID``: incidents in the form of webhooks, for scripts and exports.

``GET /labels``: what people said of them, for replay and tune.
"""

from collections.abc import Callable, Sequence

import msgspec
from aiohttp import web
from msgspec import UNSET
from msgspec.structs import replace

from alerting.commands.labels import Label
from alerting.incidents.correlation import GROWTH, direction
from alerting.incidents.growth import together
from alerting.incidents.incident import Incident
from alerting.messages.incident_answer import (
    IncidentAnswer,
    KnownIncident,
    WholeIncidentAnswer,
    acknowledgement,
    incident_answer,
    incident_data,
    label_of,
)
from alerting.messages.incident_markdown import IncidentMarkdown
from alerting.pipeline.incident_registry import TrackedIncident
from alerting.pipeline.pipeline import Pipeline
from alerting.words.locales import translated_sentences
from config.links import Links
from detectors.model.copy_fields import copy_fields
from streams.notify.command_routes import ELSEWHERE, UNKNOWN, json_answer, refused


class IncidentsAnswer(msgspec.Struct):
    """The incidents that have not ended, oldest first."""

    incidents: list[IncidentAnswer]


def incidents_route(pipeline: Callable[[], Pipeline | None], links: Callable[[], Links]) -> web.RouteDef:
    """Return the route of reported and held incidents, oldest first.

    503 if there is no pipeline, because another process notifies.
    """

    async def show(_: web.Request) -> web.Response:
        present = pipeline()
        if present is None:
            return refused(ELSEWHERE, 503)
        return json_answer(IncidentsAnswer(ongoing_incidents(present, links())))

    return web.get("/incidents", show)


def labels_route(labels: Callable[[], Sequence[Label] | None]) -> web.RouteDef:
    """Return the route of all labels that people gave by buttons, oldest first.

    503 if they are None, because another process notifies.
    """

    async def show(_: web.Request) -> web.Response:
        known = labels()
        if known is None:
            return web.Response(status=503, reason="it does not notify; ask the process with the role notify")
        return json_answer(known)

    return web.get("/labels", show)


def ongoing_incidents(pipeline: Pipeline, links: Links) -> list[IncidentAnswer]:
    """Return the incidents that have not ended, with the state of their messages, oldest first.

    Of series that grow together, one is there, with the others as its members.
    """
    ongoing = {tracked.incident.id: tracked for tracked in pipeline.ongoing()}
    shown = together(tracked.incident for tracked in ongoing.values())
    return [_tracked_answer(pipeline, ongoing[incident.id], incident, links) for incident in shown]


def last_ended_page(pipeline: Pipeline, links: Links) -> IncidentAnswer | None:
    """Return the page that ended last, in the form of ``ongoing_incidents``; None without one."""
    ended = [
        incident
        for incident in pipeline.tracked()
        if incident.ended_at is not None and incident.sent == "page"
    ]
    last = max(ended, key=lambda incident: (incident.ended_at, incident.sequence), default=None)
    return None if last is None else _tracked_answer(pipeline, last, last.incident, links)


def incident_route(
    pipeline: Callable[[], Pipeline | None], documents: Callable[[], IncidentMarkdown]
) -> web.RouteDef:
    """Return the route of one incident, open or ended, by its id or the first characters of it.

    404 if no incident has this id, or several begin so; 503 as for all incidents.
    """

    async def show(request: web.Request) -> web.Response:
        present = pipeline()
        if present is None:
            return refused(ELSEWHERE, 503)
        tracked = present.named(request.match_info["id"])
        if tracked is None:
            return json_answer(UNKNOWN, 404)
        return json_answer(whole_incident(present, tracked, documents()))

    return web.get("/incidents/{id}", show)


def whole_incident(
    pipeline: Pipeline, tracked: TrackedIncident, write: IncidentMarkdown
) -> WholeIncidentAnswer:
    """Return all data of an incident, and a document about it."""
    incident = tracked.incident
    if direction(incident.primary) == GROWTH and tracked.ended_at is None:
        shown = together(other.incident for other in pipeline.ongoing())
        incident = next((other for other in shown if other.id == incident.id), incident)
    memos = pipeline.memos_of(incident)
    known = KnownIncident(incident, tracked.notice.at, tracked.commands, memos)
    document = write.document(known)
    found = incident_data(known, write.links, write.words)
    found = replace(found, incident=_with_messages(tracked, found.incident))
    return copy_fields(WholeIncidentAnswer, found, document)


def _tracked_answer(
    pipeline: Pipeline, tracked: TrackedIncident, incident: Incident, links: Links
) -> IncidentAnswer:
    return _with_messages(tracked, incident_answer(incident, links, pipeline.memos_of(incident)))


def _with_messages(tracked: TrackedIncident, answer: IncidentAnswer) -> IncidentAnswer:
    """Return an incident with how it was sent, or the reason why it was not, and what people did."""
    return replace(
        answer,
        sentences=translated_sentences(tracked.incident),
        sent=tracked.sent,
        reason=tracked.reason,
        acknowledged=acknowledgement(tracked.commands) or UNSET,
        labelled=label_of(tracked.commands) or UNSET,
    )
