"""The incidents of a pipeline in this process."""

import os
from collections.abc import Awaitable, Callable, Sequence

from alerting.commands.answer import Answer
from alerting.commands.command import Command
from alerting.commands.destination import WEBHOOK, Destination
from alerting.incidents.incident import Incident
from alerting.messages.incident_markdown import IncidentMarkdown
from alerting.pipeline.pipeline import Pipeline
from alerting.pipeline.tracked_incident import TrackedIncident
from config.secret import SecretError
from config.settings import DigestSettings, Settings
from detectors.model.stated import StatedChange
from streams.notify.command_routes import ELSEWHERE
from streams.notify.http_receivers import key_of
from streams.notify.incident_export import ExportError, export_to_webhook
from streams.notify.incidents_route import whole_to_json
from streams.screens.board.board_data import BoardDataError
from streams.screens.board.incidents.incident_service import KnownIncidents
from streams.screens.board.incidents.incident_story import story


class PipelineIncidents:
    """An ``IncidentService`` beside its pipeline.

    Parameters
    ----------
    pipeline
        Returns the pipeline, None while another process has it.
    execute
        Makes a command durable and executes it; None if nothing delivers here.
    documents
        Returns what writes an incident as a document.
    changes
        Returns what was deployed in the last days.
    settings
        Returns the configuration in force.
    """

    def __init__(
        self,
        pipeline: Callable[[], Pipeline | None],
        execute: Callable[[Command], Awaitable[Answer | None]],
        documents: Callable[[], IncidentMarkdown],
        changes: Callable[[], Sequence[StatedChange]],
        settings: Callable[[], Settings],
    ) -> None:
        self._pipeline = pipeline
        self._execute = execute
        self._documents = documents
        self._changes = changes
        self._settings = settings

    @property
    def digest(self) -> DigestSettings:
        """When a snooze *until tomorrow* ends."""
        return self._settings().digest

    async def known(self) -> KnownIncidents:
        """Return all incidents that are remembered, open and ended, and what else is on their timeline."""
        pipeline = self._present()
        return KnownIncidents(pipeline.watermark, pipeline.tracked(), pipeline.memos, self._changes())

    async def whole(self, name: str) -> dict[str, object] | None:
        """Return all that is known of one incident."""
        pipeline = self._present()
        tracked = pipeline.named(name)
        if tracked is None:
            return None
        return {
            **whole_to_json(pipeline, tracked, self._documents()),
            "at": pipeline.watermark,
            "story": story(tracked, pipeline.memos_of(tracked.incident)),
            "silences": _silences(pipeline, tracked),
            "exports": self.exports,
        }

    async def find(self, name: str) -> Incident | None:
        """Return one incident by its id."""
        tracked = self._present().find(name)
        return None if tracked is None else tracked.incident

    @property
    def exports(self) -> list[str]:
        """Where an incident can be sent: the webhooks of the configuration, and no address that is given."""
        return [str(Destination(WEBHOOK, webhook.name)) for webhook in self._settings().notify.webhooks]

    async def export(self, name: str, to: str) -> str | None:
        """Send one incident to a webhook."""
        pipeline = self._present()
        tracked = pipeline.named(name)
        if tracked is None:
            return None
        webhooks = {
            str(Destination(WEBHOOK, webhook.name)): webhook for webhook in self._settings().notify.webhooks
        }
        try:
            key = key_of(webhooks[to], os.environ)
        except SecretError as error:
            raise ExportError(str(error)) from None
        whole = whole_to_json(pipeline, tracked, self._documents())
        return await export_to_webhook(to, webhooks[to].url, key, whole)

    async def act(self, command: Command) -> Answer:
        """Carry out a person's command."""
        answer = await self._execute(command)
        if answer is None:
            raise BoardDataError(ELSEWHERE["error"])
        return answer

    def _present(self) -> Pipeline:
        pipeline = self._pipeline()
        if pipeline is None:
            raise BoardDataError(ELSEWHERE["error"])
        return pipeline


def _silences(pipeline: Pipeline, tracked: TrackedIncident) -> list[dict[str, object]]:
    """Return what people did that holds an incident, and until when; the configuration's are not theirs."""
    names = {command.id: command.who for command in tracked.commands}
    return [
        {
            "id": silence.id,
            "ask": "raised" if silence.fingerprint else silence.kind.value,
            "by": names.get(silence.id, silence.by),
            "until": silence.until,
            "why": silence.why,
        }
        for silence in pipeline.silences()
        if (silence.incident == tracked.incident.id or silence.matches(tracked))
        and not silence.id.startswith("config/")
    ]
