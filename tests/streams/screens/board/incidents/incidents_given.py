"""Incidents of a real pipeline, all invented: open ones, ended ones, memos, a deployment."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from alerting.commands.command import Command, CommandKind
from alerting.commands.dispatch import Answer, CommandResult
from alerting.incidents.incident import Incident
from alerting.incidents.notice import Action, Notice, identify
from alerting.messages import examples
from alerting.messages.incident_answer import IncidentAnswer
from alerting.messages.incident_markdown import IncidentMarkdown
from alerting.pipeline.pipeline import Pipeline
from alerting.words.locales import ENGLISH
from config.links import Links
from config.settings import LinksSettings, Settings
from detectors.model.scope import Scope
from detectors.model.stated import StatedChange
from streams.notify.incidents_route import ongoing_incidents
from streams.screens.board.incidents.incident_service import IncidentService
from tests.streams.screens.board.wall_given import ZONE

DAY = 86_400
PUT = Scope("function", "aws", "123456789012", "ap-northeast-1", "inventory-put-item")


class GivenIncidents(IncidentService):
    """Incidents whose pipeline a test feeds; ``changed`` is called when they have changed."""

    def __init__(self, notices: list[Notice], at: int, *, settings: Settings | None = None) -> None:
        self.pipeline = Pipeline(settings or Settings())
        self.pipeline.feed(notices, at)
        self.given: list[Command] = []
        self.changes: list[StatedChange] = []
        self.changed: Callable[[], None] = lambda: None
        links = Links(LinksSettings())
        super().__init__(
            lambda: self.pipeline,
            self.execute,
            lambda: IncidentMarkdown(links, ENGLISH, ZONE),
            lambda: self.changes,
            lambda: settings or Settings(),
        )

    async def execute(self, command: Command) -> Answer:
        """Carry out a command, as the daemon does."""
        answer = self.pipeline.command(command)
        self.given.append(command)
        if answer.result is CommandResult.DONE:
            self.changed()
        return answer

    def shown(self) -> list[IncidentAnswer]:
        """Return the open incidents as the wall has them."""
        return ongoing_incidents(self.pipeline, Links(LinksSettings()))


def notice_of(name: str, at: int, identity: str = "", **changes: Any) -> Notice:
    """Return the notice of an invented incident of this kind at ``at``, epoch seconds."""
    [found] = [example.dispatch.notice for example in examples.examples(at) if example.name == name]
    incident: Incident = replace(
        found.incidents[0], id=identity or name, sent="page", fingerprint=name, **changes
    )
    key = identify(name, at, identity)
    return replace(found, id=key, incidents=[incident], milestones=[])


def failures_of_callers(at: int) -> Notice:
    """Return the notice of failures that callers have a share of."""
    failing, spike = (notice_of(name, at).incident.primary for name in ("errors", "spike"))
    return notice_of("errors", at, primary=replace(failing, callers=spike.callers))


def ended(name: str, at: int, identity: str, lasted: int = 3600) -> list[Notice]:
    """Return the notices of an incident that began before ``at`` and ended then."""
    begun = notice_of(name, at - lasted, identity)
    incident = replace(begun.incident, state="resolved", end=at, revision=begun.incident.revision + 1)
    return [
        begun,
        replace(begun, id=identify("end", identity), at=at, action=Action.RESOLVE, incidents=[incident]),
    ]


def busy_incidents(now: int, settings: Settings | None = None) -> GivenIncidents:
    """Return the incidents of a bad week: three open ones, ended ones, memos, a deploy."""
    at = now - now % 60
    notices = [
        *ended("spike", at - 6 * DAY, "spike-last-week", 5400),
        *ended("errors", at - 2 * DAY, "errors-ended"),
        *ended("fatal", at - DAY + 3600, "fatal-ended", 1800),
        notice_of("spike", at),
        notice_of("fatal", at),
        notice_of("absence", at),
    ]
    service = GivenIncidents(sorted(notices, key=lambda notice: notice.at), at, settings=settings)
    for number, (when, by, text, incident, scope) in enumerate(
        [
            (
                at - 6 * DAY + 600,
                "mika",
                "ios 3.2.1 retries without backoff;\nrolled back.",
                "spike-last-week",
                "",
            ),
            (at - 3 * DAY, "jun", "The campaign *summer* begins.", None, "service:inventory"),
            (at - 3600, "aoi", "Load test until noon, see https://wiki.example.com/load", None, ""),
        ]
    ):
        service.pipeline.command(
            Command(
                id=f"memo-{number}",
                kind=CommandKind.NOTE,
                at=when,
                by=by,
                why=text,
                incident=incident,
                moment=None if incident else when,
                scope=scope,
            )
        )
    service.changes = [
        StatedChange(at - 4 * DAY, PUT, "deploy", "41", "ci", "https://ci.example.com/41"),
        StatedChange(at - 1560, PUT, "deploy", "42", "ci", "https://ci.example.com/42"),
    ]
    return service
