"""The routes for scripts and for the commands of ``uneri``: incidents, silences, memos, labels."""

from typing import Final

from alerting.commands.labels import Label
from alerting.pipeline.silences import Silence
from streams.notify.memo_routes import MemoBody
from streams.notify.silence_routes import SilenceBody
from streams.screens.openapi.answers import (
    ActedAnswer,
    MemosAnswer,
    NotedAnswer,
    RefusalAnswer,
    SilencedAnswer,
)
from streams.screens.openapi.incident_answers import IncidentsAnswer, WholeIncidentAnswer
from streams.screens.openapi.operation import Operation, OperationGroup, Parameter, named

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
