"""Acknowledgements from those who call who is on duty: ``POST /on-call``, for PagerDuty and Opsgenie.

Both post what happens to their alarms, with a token that allows ``operate`` in a header. As their references
say (support.pagerduty.com, "Webhooks"; support.atlassian.com, "Webhook integration"), PagerDuty names an
alarm by ``incident_key``, Opsgenie by ``alias``; both are the incident's id.
"""

from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import web

from alerting.commands.command import Command, CommandKind
from alerting.commands.dispatch import CommandResult
from alerting.incidents.notice import identify
from alerting.words.mrkdwn import clean
from streams.notify.command_routes import BY, CommandRoutes, answer_refusals, json_answer

_KINDS: Final = {
    "incident.acknowledged": CommandKind.ACKNOWLEDGE,
    "incident.resolved": CommandKind.ACKNOWLEDGE,  # it goes on until its figures say that it is over
    "incident.unacknowledged": CommandKind.UNACKNOWLEDGE,
    "Acknowledge": CommandKind.ACKNOWLEDGE,
    "Close": CommandKind.ACKNOWLEDGE,
    "UnAcknowledge": CommandKind.UNACKNOWLEDGE,
}


class PagerdutyAgent(msgspec.Struct, frozen=True):
    """Who did it; Uneri itself is an integration."""

    type: str = ""
    summary: str = ""


class PagerdutyIncident(msgspec.Struct, frozen=True):
    """An alarm of PagerDuty."""

    incident_key: str | None = None


class PagerdutyEvent(msgspec.Struct, frozen=True):
    """What happened to it."""

    id: str
    event_type: str
    data: PagerdutyIncident
    agent: PagerdutyAgent | None = None

    def command(self, at: int) -> Command | None:
        """Return the command of a person; None of anything else."""
        if self.agent is None or self.agent.type != "user_reference":
            return None
        return _command(
            self.event_type, self.data.incident_key, self.agent.summary, "PagerDuty", self.id, at=at
        )


class OpsgenieAlert(msgspec.Struct, frozen=True, rename="camel"):
    """An alarm of Opsgenie, and who did something to it last."""

    alias: str = ""
    username: str = ""
    updated_at: int = 0  # since the epoch, in its own unit


class OpsgenieSource(msgspec.Struct, frozen=True):
    """Where it was done: ``web``, ``mobile``; what Uneri itself did is of ``api``."""

    type: str = ""


class OnCallBody(msgspec.Struct, kw_only=True, frozen=True):
    """The body of ``POST /on-call``: ``event`` of PagerDuty, the rest of Opsgenie."""

    event: PagerdutyEvent | None = None
    action: str = ""
    alert: OpsgenieAlert = OpsgenieAlert()
    source: OpsgenieSource = OpsgenieSource()

    def command(self, at: int) -> Command | None:
        """Return the command of a person; None of anything else."""
        if self.event is not None:
            return self.event.command(at)
        if self.source.type.lower() == "api":
            return None
        alert = self.alert
        return _command(self.action, alert.alias, alert.username, "Opsgenie", str(alert.updated_at), at=at)


class OnCallAnswer(msgspec.Struct):
    """What became of it; null if no person acknowledged, closed or took back anything."""

    said: CommandResult | None = None


class OnCallRoute(CommandRoutes):
    """Serves ``/on-call``."""

    WHAT = "acknowledgements"

    def routes(self) -> list[web.RouteDef]:
        """Return the route for a web server."""
        return [web.post("/on-call", answer_refusals(self._hear))]

    async def _hear(self, request: web.Request) -> web.Response:
        body = await self.body(request, OnCallBody)
        command = body.command(int(self._now()))
        if command is None:
            return json_answer(OnCallAnswer())
        answer = await self.execute(command, lambda answer: OnCallAnswer(answer.result))
        # what is not known here is somebody else's; a webhook that is refused is soon switched off
        answer.set_status(HTTPStatus.OK)
        return answer


def _command(
    what: str, incident: str | None, by: str, service: str, which: str, *, at: int
) -> Command | None:
    kind = _KINDS.get(what)
    if kind is None or not incident:
        return None
    name = f"{clean(by)[:BY] or 'somebody'} ({service})"
    made = identify("on-call", kind, incident, which)
    return Command(id=made, kind=kind, at=at, by=name, incident=incident)
