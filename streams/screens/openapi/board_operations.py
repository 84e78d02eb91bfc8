"""The routes that people reach: the board's page; incidents, silences, memos and labels."""

from typing import Final, Literal

from alerting.commands.labels import Label
from alerting.pipeline.silences import Silence
from detectors.model.finding import Verdict
from detectors.model.scope import KINDS
from streams.notify.command_routes import MemoBody, SilenceBody
from streams.screens.board.incidents.incident_actions import ExportBody, SnoozeBody, WhoBody
from streams.screens.board.incidents.incident_routes import RANGES, STATES, ListedIncidents
from streams.screens.board.scope_pages.scope_page import FoundScopes, ScopePage
from streams.screens.board.service_map.service_map import ServiceMap
from streams.screens.board.sign_in import SignInBody
from streams.screens.board.wall.wall import Wall
from streams.screens.openapi.answers import (
    ActedAnswer,
    MemosAnswer,
    NotedAnswer,
    RefusalAnswer,
    SessionAnswer,
    SilencedAnswer,
)
from streams.screens.openapi.incident_answers import BoardIncidentAnswer, IncidentsAnswer, WholeIncidentAnswer
from streams.screens.openapi.operation import OneOf, Operation, OperationGroup, OtherBody, Parameter, named

_INCIDENT: Final = named("the id of an incident, or its first characters")
_WHICH: Final = (
    Parameter("cloud", "where several have the name"),
    Parameter("account", "where several have the name"),
    Parameter("region", "where several have the name"),
    Parameter("version", "the build of a client"),
)
_RANGE: Final = (
    Parameter("range", "how far back", Literal["4h", "1d", "1w", "5w", "13mo"]),
    Parameter("from", "epoch seconds, or a date with or without a time, of `digest.timezone`"),
    Parameter("to", "the end; of the same forms"),
)
_ACTED: Final = {200: ActedAnswer, 404: ActedAnswer, 409: ActedAnswer}
_ACTING: Final = "A browser's session shows its proof in `X-Uneri-Proof`; a token needs none."

BOARD: Final = OperationGroup(
    "board",
    "What the board shows, and what people do on it (docs/board.md).",
    (
        Operation("get", "/", "The page, without any data.", "", {200: OtherBody("text/html", "the page")}),
        Operation(
            "get",
            "/board/assets/{digest}/{name}",
            "A file of the page.",
            "",
            {200: OtherBody("*/*", "a script, a style, a picture"), 404: RefusalAnswer},
            (named("of all files", "digest"), named("of the file", "name")),
        ),
        Operation("get", "/board/wall", "All that the wall shows of the newest step.", "read", {200: Wall}),
        Operation("get", "/board/map", "Who calls whom, of five minutes.", "read", {200: ServiceMap}),
        Operation(
            "get",
            "/board/scope",
            "The page of a scope; where a name means several scopes, those.",
            "read",
            {200: OneOf((ScopePage, FoundScopes)), 400: RefusalAnswer, 404: RefusalAnswer},
            (
                Parameter("scope", "`kind:name`, as `table:items`", required=True),
                *_WHICH,
                *_RANGE,
                Parameter("points", "how many a curve has at most, 4 to 600", int),
            ),
        ),
        Operation(
            "get",
            "/board/scopes",
            "The scopes with a name like this.",
            "read",
            {200: FoundScopes},
            (Parameter("like", "a part of a name, a version, an account or a region"),),
        ),
        Operation(
            "get",
            "/board/events",
            "The wall of every step, for as long as somebody reads it.",
            "read",
            {
                200: OtherBody(
                    "text/event-stream",
                    "`step` has a wall, `incidents` those that changed since, `beat` the time, `trouble` why "
                    "there is no new wall, `signed-out` that the token is gone",
                )
            },
        ),
        Operation(
            "get",
            "/board/incidents",
            "Incidents in a line each, open and ended, the newest first.",
            "read",
            {200: ListedIncidents, 400: RefusalAnswer},
            (
                Parameter("range", "how far back", Literal[tuple(RANGES)]),
                Parameter("state", "only these", Literal[STATES]),
                Parameter("verdict", "only these", Verdict),
                Parameter("account", "only those of this one"),
                Parameter("kind", "only those of this kind of scope", Literal[KINDS]),
            ),
        ),
        Operation(
            "get",
            "/board/incidents/{id}",
            "One incident whole: its evidence, its story, its memos.",
            "read",
            {200: BoardIncidentAnswer, 404: ActedAnswer},
            (_INCIDENT,),
        ),
        Operation(
            "post",
            "/board/incidents/{id}/snooze",
            f"Snooze an incident, or all like it until a day. {_ACTING}",
            "operate",
            _ACTED,
            (_INCIDENT,),
            SnoozeBody,
        ),
        Operation(
            "post",
            "/board/incidents/{id}/export",
            f"Send an incident to a webhook of the configuration. {_ACTING}",
            "operate",
            _ACTED | {502: RefusalAnswer},
            (_INCIDENT,),
            ExportBody,
        ),
        Operation(
            "post",
            "/board/incidents/{id}/{ask}",
            f"Do what a button of Slack does. {_ACTING}",
            "operate",
            _ACTED,
            (
                _INCIDENT,
                Parameter(
                    "ask",
                    "what to do",
                    Literal["acknowledge", "expected", "not_an_anomaly", "take_back"],
                    "path",
                    True,
                ),
            ),
            WhoBody,
        ),
        Operation("post", "/board/memos", f"Note a memo. {_ACTING}", "operate", _ACTED, (), MemoBody),
        Operation(
            "delete",
            "/board/memos/{id}",
            f"Remove a memo. {_ACTING}",
            "operate",
            _ACTED,
            (named("the id of a memo"),),
            WhoBody,
        ),
        Operation(
            "delete",
            "/board/silences/{id}",
            f"End a silence or a snooze. {_ACTING}",
            "operate",
            _ACTED,
            (named("the id of a silence"),),
            WhoBody,
        ),
        Operation(
            "get",
            "/scrape",
            "The newest step of the series of `scrape`, in OpenMetrics or the older text of Prometheus.",
            "read",
            {200: OtherBody("application/openmetrics-text", "gauges; `text/plain` without such an `Accept`")},
        ),
        Operation(
            "get", "/board/session", "What this browser may do, and its proof.", "", {200: SessionAnswer}
        ),
        Operation(
            "post",
            "/board/session",
            "Show a token once; a cookie stands for it from then on.",
            "",
            {204: None, 400: RefusalAnswer, 401: RefusalAnswer},
            (),
            SignInBody,
        ),
        Operation("delete", "/board/session", "Have the browser forget its session.", "", {204: None}),
    ),
)


_BY: Final = Parameter("by", "the name of who does it")
_SILENCED: Final = {200: SilencedAnswer, 404: SilencedAnswer, 409: SilencedAnswer}
_NOTED: Final = {200: NotedAnswer, 404: NotedAnswer, 409: NotedAnswer}

NOTIFY: Final = OperationGroup(
    "incidents",
    "Incidents and what people say about them (docs/alerts.md). With Kafka, processes with the role `notify` "
    "or `board` answer.",
    (
        Operation(
            "get",
            "/incidents",
            "The incidents that have not ended, oldest first.",
            "read",
            {200: IncidentsAnswer},
        ),
        Operation(
            "get",
            "/incidents/{id}",
            "One incident, as a webhook has it, and as Markdown.",
            "read",
            {200: WholeIncidentAnswer, 404: ActedAnswer},
            (named("the id of an incident, or its first characters"),),
        ),
        Operation(
            "get", "/labels", "What people said of incidents, oldest first.", "read", {200: list[Label]}
        ),
        Operation("get", "/silences", "The silences that hold messages.", "read", {200: list[Silence]}),
        Operation(
            "post",
            "/silences",
            "Hold messages about all that match.",
            "operate",
            _SILENCED | {400: RefusalAnswer},
            (),
            SilenceBody,
        ),
        Operation(
            "delete",
            "/silences/{id}",
            "End a silence. Comes as `application/json`, without a body.",
            "operate",
            _SILENCED,
            (named("the id of a silence"), _BY),
        ),
        Operation(
            "get",
            "/memos",
            "What people noted, oldest first.",
            "read",
            {200: MemosAnswer, 404: ActedAnswer},
            (Parameter("incident", "only those about the same thing as this one"),),
        ),
        Operation(
            "post",
            "/memos",
            "Note a memo, of an incident or of a moment.",
            "operate",
            _NOTED | {400: RefusalAnswer},
            (),
            MemoBody,
        ),
        Operation(
            "delete",
            "/memos/{id}",
            "Remove a memo. Comes as `application/json`, without a body.",
            "operate",
            _NOTED,
            (named("the id of a memo, or its first characters"), _BY),
        ),
    ),
)
