"""The routes of the web server as data: parameters, bodies and answers, which are the types that are sent."""

from typing import Any, Final, Literal, NamedTuple

from prometheus_client import CONTENT_TYPE_LATEST

from alerting.commands.labels import Label
from alerting.messages.incident_answer import WholeIncidentAnswer
from alerting.pipeline.silences import Silence
from detectors.model.finding import Verdict
from detectors.model.scope import KINDS
from streams.ingest.receivers.events_receiver import ReceiptAnswer
from streams.ingest.receivers.ingest_handler import NotStoredAnswer
from streams.notify.command_routes import MemoBody, MemosAnswer, NotedAnswer, SilenceBody, SilencedAnswer
from streams.notify.incidents_route import IncidentsAnswer
from streams.notify.on_call_route import OnCallAnswer, OnCallBody
from streams.process.reloading import ReloadAnswer
from streams.process.web.answer_forms import (
    FirehoseAnswer,
    QueryRefusal,
    RefusalAnswer,
    TakeoverAnswer,
    TakingUpAnswer,
)
from streams.process.web.http_server import HealthAnswer, ReadyAnswer
from streams.record.query.query_answers import (
    BuildAnswer,
    MetadataAnswer,
    QueryAnswer,
    SeriesAnswer,
    TextsAnswer,
)
from streams.screens.board.incidents.incident_actions import ActedAnswer, ExportBody, SnoozeBody, WhoBody
from streams.screens.board.incidents.incident_routes import RANGES, STATES, ListedIncidents
from streams.screens.board.incidents.incident_service import BoardIncidentAnswer
from streams.screens.board.scope_pages.scope_page import FoundScopes, ScopePage
from streams.screens.board.service_map.service_map import ServiceMap
from streams.screens.board.sign_in import SessionAnswer, SignInBody
from streams.screens.board.wall.wall import Wall

Method = Literal["get", "post", "delete"]
Needs = Literal["", "intake", "read", "operate"]

JSON: Final = "application/json"


class Parameter(NamedTuple):
    """A part of the path, or of the query: ``kind`` is a type that msgspec knows."""

    name: str
    about: str
    kind: Any = str
    where: Literal["query", "path"] = "query"
    required: bool = False


class OtherBody(NamedTuple):
    """A body that is no JSON, or JSON that others describe."""

    media: str
    about: str


class OneOf(NamedTuple):
    """JSON of one of several types."""

    kinds: tuple[Any, ...]


class Operation(NamedTuple):
    """One route. ``answers`` are types by status, or an ``OtherBody``; None has no body.

    ``needs`` is the scope of the token, empty for what is open to everyone.
    """

    method: Method
    path: str
    about: str
    needs: Needs
    answers: dict[int, Any]
    parameters: tuple[Parameter, ...] = ()
    body: Any = None


class OperationGroup(NamedTuple):
    """Routes that belong together; ``refusal`` is their answer without permission."""

    name: str
    about: str
    operations: tuple[Operation, ...]
    refusal: type = RefusalAnswer


def _named(about: str, name: str = "id") -> Parameter:
    return Parameter(name, about, where="path", required=True)


def _get(
    path: str, about: str, answer: Any, *parameters: Parameter, refusals: Any = None, needs: Needs = "read"
) -> Operation:
    return Operation("get", path, about, needs, {200: answer, **(refusals or {})}, parameters)


def _with_status(answer: Any, *statuses: int) -> dict[int, Any]:
    return dict.fromkeys(statuses, answer)


_NOT_VALID: Final[dict[int, Any]] = {400: RefusalAnswer}
_ACTED: Final = _with_status(ActedAnswer, 200, 404, 409)
_UNKNOWN: Final[dict[int, Any]] = {404: ActedAnswer}
_PROVEN: Final = "A browser's session shows its proof in `X-Uneri-Proof`; a token needs none."
_INCIDENT: Final = _named("the id of an incident, or its first characters")
_BUTTON: Final = Literal["acknowledge", "unacknowledge", "expected", "not_an_anomaly", "take_back"]
_SCOPE: Final = (
    Parameter("scope", "`kind:name`, as `table:items`", required=True),
    Parameter("cloud", "where several have the name"),
    Parameter("account", "where several have the name"),
    Parameter("region", "where several have the name"),
    Parameter("version", "the build of a client"),
    Parameter("range", "how far back", Literal["4h", "1d", "1w", "5w", "13mo"]),
    Parameter("from", "epoch seconds, or a date with or without a time, of `digest.timezone`"),
    Parameter("to", "the end; of the same forms"),
    Parameter("points", "how many a curve has at most, 4 to 600", int),
)
_LISTED: Final = (
    Parameter("range", "how far back", Literal[tuple(RANGES)]),
    Parameter("state", "only these", Literal[STATES]),
    Parameter("verdict", "only these", Verdict),
    Parameter("account", "only those of this one"),
    Parameter("kind", "only those of this kind of scope", Literal[KINDS]),
)
_EVENTS: Final = OtherBody(
    "text/event-stream",
    "`step` has a wall, `incidents` those that changed since, `beat` the time, `trouble` why there is no new "
    "wall, `signed-out` that the token is gone",
)
_SCRAPED: Final = OtherBody("application/openmetrics-text", "gauges; `text/plain` without such an `Accept`")


def _act(method: Method, path: str, about: str, body: Any, *parameters: Parameter) -> Operation:
    return Operation(method, path, f"{about} {_PROVEN}", "operate", _ACTED, parameters, body)


BOARD: Final = OperationGroup(
    "board",
    "What the board shows, and what people do on it (docs/board.md).",
    (
        _get("/", "The page, without any data.", OtherBody("text/html", "the page"), needs=""),
        _get(
            "/board/assets/{digest}/{name}",
            "A file of the page.",
            OtherBody("*/*", "a script, a style, a picture"),
            _named("of all files", "digest"),
            _named("of the file", "name"),
            refusals={404: RefusalAnswer},
            needs="",
        ),
        _get("/board/wall", "All that the wall shows of the newest step.", Wall),
        _get("/board/map", "Who calls whom, of five minutes.", ServiceMap),
        _get(
            "/board/scope",
            "The page of a scope; where a name means several scopes, those.",
            OneOf((ScopePage, FoundScopes)),
            *_SCOPE,
            refusals=_with_status(RefusalAnswer, 400, 404),
        ),
        _get(
            "/board/scopes",
            "The scopes with a name like this.",
            FoundScopes,
            Parameter("like", "a part of a name, a version, an account or a region"),
        ),
        _get("/board/events", "The wall of every step, for as long as somebody reads it.", _EVENTS),
        _get(
            "/board/incidents",
            "Incidents in a line each, open and ended, the newest first.",
            ListedIncidents,
            *_LISTED,
            refusals=_NOT_VALID,
        ),
        _get(
            "/board/incidents/{id}",
            "One incident whole: its evidence, its story, its memos.",
            BoardIncidentAnswer,
            _INCIDENT,
            refusals=_UNKNOWN,
        ),
        _act(
            "post",
            "/board/incidents/{id}/snooze",
            "Snooze an incident, or all like it until a day.",
            SnoozeBody,
            _INCIDENT,
        ),
        _act(
            "post",
            "/board/incidents/{id}/export",
            "Send an incident to a webhook of the configuration.",
            ExportBody,
            _INCIDENT,
        )._replace(answers=_ACTED | {502: RefusalAnswer}),
        _act(
            "post",
            "/board/incidents/{id}/{ask}",
            "Do what a button of Slack does.",
            WhoBody,
            _INCIDENT,
            Parameter("ask", "what to do", _BUTTON, "path", required=True),
        ),
        _act("post", "/board/memos", "Note a memo.", MemoBody),
        _act("delete", "/board/memos/{id}", "Remove a memo.", WhoBody, _named("the id of a memo")),
        _act(
            "delete",
            "/board/silences/{id}",
            "End a silence or a snooze.",
            WhoBody,
            _named("the id of a silence"),
        ),
        _get(
            "/scrape",
            "The newest step of the series of `scrape`, in OpenMetrics or the older text of Prometheus.",
            _SCRAPED,
        ),
        _get("/board/session", "What this browser may do, and its proof.", SessionAnswer, needs=""),
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
_SILENCED: Final = _with_status(SilencedAnswer, 200, 404, 409)
_NOTED: Final = _with_status(NotedAnswer, 200, 404, 409)

NOTIFY: Final = OperationGroup(
    "incidents",
    "Incidents and what people say about them (docs/alerts.md). With Kafka, processes with the role `notify` "
    "or `board` answer.",
    (
        _get("/incidents", "The incidents that have not ended, oldest first.", IncidentsAnswer),
        _get(
            "/incidents/{id}",
            "One incident, as a webhook has it, and as Markdown.",
            WholeIncidentAnswer,
            _INCIDENT,
            refusals=_UNKNOWN,
        ),
        _get("/labels", "What people said of incidents, oldest first.", list[Label]),
        _get("/silences", "The silences that hold messages.", list[Silence]),
        Operation(
            "post",
            "/silences",
            "Hold messages about all that match.",
            "operate",
            _SILENCED | _NOT_VALID,
            (),
            SilenceBody,
        ),
        Operation(
            "delete",
            "/silences/{id}",
            "End a silence. Comes as `application/json`, without a body.",
            "operate",
            _SILENCED,
            (_named("the id of a silence"), _BY),
        ),
        _get(
            "/memos",
            "What people noted, oldest first.",
            MemosAnswer,
            Parameter("incident", "only those about the same thing as this one"),
            refusals=_UNKNOWN,
        ),
        Operation(
            "post",
            "/memos",
            "Note a memo, of an incident or of a moment.",
            "operate",
            _NOTED | _NOT_VALID,
            (),
            MemoBody,
        ),
        Operation(
            "delete",
            "/memos/{id}",
            "Remove a memo. Comes as `application/json`, without a body.",
            "operate",
            _NOTED,
            (_named("the id of a memo, or its first characters"), _BY),
        ),
        Operation(
            "post",
            "/on-call",
            "Acknowledge what somebody acknowledged or closed in PagerDuty or Opsgenie, which post this.",
            "operate",
            {200: OnCallAnswer} | _NOT_VALID,
            (),
            OnCallBody,
        ),
    ),
)

_FORM: Final = OtherBody("application/x-www-form-urlencoded", "the same parameters, where they are long")
_QUERY: Final = Parameter("query", "PromQL, as far as docs/query.md lists it", required=True)
_TIMEOUT: Final = Parameter("timeout", "how long the answer may take, 10 seconds at most")
_TIME: Final = "epoch seconds, or RFC 3339"
_OF_SERIES: Final = (
    Parameter("match[]", "a selector; may be given several times"),
    Parameter("start", f"{_TIME}; not looked at"),
    Parameter("end", f"{_TIME}; not looked at"),
    Parameter("limit", "how much is wanted", int),
)
_REFUSED: Final = _with_status(QueryRefusal, 400, 422, 503)


def _ask(path: str, about: str, answer: type, *parameters: Parameter) -> tuple[Operation, Operation]:
    """Return a question of the read API: with its parameters in the address, or in a form."""
    asked = _get(path, about, answer, *parameters, refusals=_REFUSED)
    return asked, asked._replace(method="post", parameters=(), body=_FORM)


QUERIES: Final = OperationGroup(
    "query",
    "The read API: Prometheus' own, over the history (docs/query.md).",
    (
        *_ask(
            "/api/v1/query",
            "The value of a query at one time.",
            QueryAnswer,
            _QUERY,
            Parameter("time", f"{_TIME}; now without it"),
            _TIMEOUT,
        ),
        *_ask(
            "/api/v1/query_range",
            "The values of a query over a range of time.",
            QueryAnswer,
            _QUERY,
            Parameter("start", _TIME, required=True),
            Parameter("end", _TIME, required=True),
            Parameter("step", "seconds, or a duration such as 5m", required=True),
            _TIMEOUT,
        ),
        *_ask("/api/v1/labels", "The names of labels.", TextsAnswer, *_OF_SERIES),
        *_ask("/api/v1/series", "The labels of series.", SeriesAnswer, *_OF_SERIES),
        _get(
            "/api/v1/label/{name}/values",
            "The values of a label.",
            TextsAnswer,
            _named("of a label", "name"),
            *_OF_SERIES,
            refusals=_REFUSED,
        ),
        _get(
            "/api/v1/metadata", "What the metrics mean.", MetadataAnswer, Parameter("metric", "only this one")
        ),
        _get(
            "/api/v1/status/buildinfo", "The version of Prometheus whose language is understood.", BuildAnswer
        ),
    ),
    refusal=QueryRefusal,
)

_NOTHING: Final = OtherBody(JSON, "nothing; the type says that no web page sends it")
_METRICS: Final = OtherBody(CONTENT_TYPE_LATEST.partition(";")[0], "in the text format of Prometheus")
_BACKUP: Final = OtherBody("application/zstd", "what `uneri state import` reads")


def _order(path: str, about: str, answers: dict[int, Any]) -> Operation:
    return Operation("post", path, about, "operate", answers, (), _NOTHING)


DAEMON: Final = OperationGroup(
    "daemon",
    "Health, state and configuration of the process (docs/operate.md, docs/metrics.md).",
    (
        Operation("get", "/healthz", "Whether the process works.", "", _with_status(HealthAnswer, 200, 503)),
        Operation("get", "/readyz", "Whether it is ready.", "", _with_status(ReadyAnswer, 200, 503)),
        _get("/status", "What `uneri status` shows.", dict[str, Any]),
        _get("/metrics", "The metrics of the daemon (docs/metrics.md).", _METRICS),
        _get("/openapi.json", "This description.", OtherBody(JSON, "OpenAPI 3.1")),
        _order("/reload", "Take the configuration up anew.", {200: ReloadAnswer, 422: RefusalAnswer}),
        _get("/backfill", "What the embedded daemon can take up of learnt history.", TakeoverAnswer),
        _order(
            "/backfill",
            "Have the embedded daemon take up what `uneri backfill` learnt.",
            {202: TakingUpAnswer, 409: RefusalAnswer},
        ),
        _order("/state", "A backup of the state of the embedded daemon.", {200: _BACKUP, 409: RefusalAnswer}),
    ),
)

_SOURCE: Final = Parameter("source", "an input of `sources.inputs`")
_FORMAT: Final = Parameter("format", "a format of docs/formats.md, or `auto`")
_OTLP: Final = OtherBody(
    JSON, "OTLP in JSON, or as `application/x-protobuf`; what is answered has the same encoding"
)
_RECEIPT: Final[dict[int, Any]] = {202: ReceiptAnswer, 400: NotStoredAnswer}


def _send(path: str, about: str, answers: dict[int, Any], body: OtherBody, *more: Parameter) -> Operation:
    return Operation("post", path, about, "intake", answers, (_SOURCE, *more), body)


SENDERS: Final = OperationGroup(
    "senders",
    "What senders reach (docs/access.md); with Kafka, in processes with the role `intake`.",
    (
        _send(
            "/events",
            "Have records stored: what is answered with 202 is durable.",
            _RECEIPT,
            OtherBody("application/x-ndjson", "one JSON object a line (docs/event.md), or another format"),
            _FORMAT,
        ),
        _send(
            "/changes",
            "Tell what was deployed or configured; GitHub's signature may stand for a token.",
            _RECEIPT,
            OtherBody(JSON, "change records, events of EventBridge and CloudTrail, webhooks of GitHub"),
            _FORMAT,
        ),
        *(
            _send(f"/v1/{what.lower()}", f"{what} of OpenTelemetry.", {200: dict[str, Any]}, _OTLP)
            for what in ("Traces", "Logs", "Metrics")
        ),
        _send(
            "/firehose",
            "Deliveries of Amazon Data Firehose.",
            {200: FirehoseAnswer},
            OtherBody(JSON, "what Firehose sends to HTTP endpoints"),
        ),
        _send(
            "/pubsub",
            "Pushes of Google Cloud Pub/Sub, with a token that Google signed.",
            _RECEIPT,
            OtherBody(JSON, "what push subscriptions send"),
        )._replace(needs=""),
    ),
)

GROUPS: Final[tuple[OperationGroup, ...]] = (BOARD, QUERIES, NOTIFY, DAEMON, SENDERS)
