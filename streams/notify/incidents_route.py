"""``GET /incidents`` and ``/incidents/ID``: incidents in the form of webhooks, for scripts and exports."""

from collections.abc import Callable

from aiohttp import web

from alerting.commands.command import Command, CommandKind, mark_of
from alerting.commands.labels import LABEL_KINDS
from alerting.messages.incident_markdown import IncidentMarkdown, KnownIncident
from alerting.messages.request_lines import incident_to_json
from alerting.pipeline.incident_registry import TrackedIncident
from alerting.pipeline.pipeline import Pipeline
from alerting.sinks.webhook import incident_data
from config.links import Links
from streams.notify.command_routes import ELSEWHERE, UNKNOWN, json_answer


def incidents_route(pipeline: Callable[[], Pipeline | None], links: Callable[[], Links]) -> web.RouteDef:
    """Return the route of reported and held incidents, oldest first.

    503 if there is no pipeline, because another process notifies.
    """

    async def show(_: web.Request) -> web.Response:
        present = pipeline()
        if present is None:
            return json_answer(ELSEWHERE, 503)
        return json_answer({"incidents": ongoing_to_json(present, links())})

    return web.get("/incidents", show)


def ongoing_to_json(pipeline: Pipeline, links: Links) -> list[dict[str, object]]:
    """Return the incidents that have not ended, with the state of their messages, oldest first."""
    return [
        _sent(incident, incident_to_json(incident.incident, links, pipeline.memos_of(incident.incident)))
        for incident in pipeline.ongoing()
    ]


def last_to_json(pipeline: Pipeline, links: Links) -> dict[str, object] | None:
    """Return the page that ended last, in the form of ``ongoing_to_json``; None without one."""
    ended = [
        incident
        for incident in pipeline.tracked()
        if incident.ended_at is not None and incident.sent == "page"
    ]
    last = max(ended, key=lambda incident: (incident.ended_at, incident.sequence), default=None)
    if last is None:
        return None
    return _sent(last, incident_to_json(last.incident, links, pipeline.memos_of(last.incident)))


def incident_route(
    pipeline: Callable[[], Pipeline | None], documents: Callable[[], IncidentMarkdown]
) -> web.RouteDef:
    """Return the route of one incident, open or ended, by its id or the first characters of it.

    The answer has the fields that a webhook receives, a ``title`` and the whole as ``markdown``. 404 if no
    incident has this id, or several begin so; 503 as for all incidents.
    """

    async def show(request: web.Request) -> web.Response:
        present = pipeline()
        if present is None:
            return json_answer(ELSEWHERE, 503)
        tracked = present.named(request.match_info["id"])
        if tracked is None:
            return json_answer(UNKNOWN, 404)
        return json_answer(whole_to_json(present, tracked, documents()))

    return web.get("/incidents/{id}", show)


def whole_to_json(pipeline: Pipeline, tracked: TrackedIncident, write: IncidentMarkdown) -> dict[str, object]:
    """Return all data of an incident, and a document about it."""
    incident = tracked.incident
    memos = pipeline.memos_of(incident)
    known = KnownIncident(incident, tracked.notice.at, tracked.commands, memos)
    document = write.document(known)
    answer = incident_data(
        incident, write.links, write.words, at=known.at, commands=known.commands, memos=memos
    )
    answer["incident"] = _sent(tracked, incident_to_json(incident, write.links, memos))
    return {**answer, "title": document.title, "markdown": document.markdown}


def done_to_json(tracked: TrackedIncident) -> dict[str, object]:
    """Return the actions of people on an incident: its acknowledgement and its label."""
    found: dict[str, object] = {}
    commands = tracked.commands
    first = next((command for command in commands if command.kind is CommandKind.ACKNOWLEDGE), None)
    label = mark_of(commands)
    if first is not None:
        found["acknowledged"] = _person(first)
    if label is not None:
        found["labelled"] = {**_person(label), "as": LABEL_KINDS[label.kind].value}
    return found


def _person(command: Command) -> dict[str, object]:
    return {"by": command.who, "at": command.at}


def _sent(tracked: TrackedIncident, line: dict[str, object]) -> dict[str, object]:
    """Return an incident with the form in which it was sent, or the reason why it was not."""
    return {**line, "sent": tracked.sent, "reason": tracked.reason, **done_to_json(tracked)}
