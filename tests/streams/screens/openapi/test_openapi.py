"""The description of the web server is OpenAPI, has every route, and fits real answers."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

import aiohttp
import msgspec
import pytest
from aiohttp import web

from config.links import Links
from config.settings import (
    HistorySettings,
    KafkaSettings,
    LinksSettings,
    LocalSettings,
    NotifySettings,
    Settings,
    WebhookSettings,
    WebSettings,
)
from streams.drivers.kafka.daemon import KafkaDaemon
from streams.drivers.kafka.roles import KNOWN_ROLES
from streams.drivers.local.daemon import LocalDaemon
from streams.notify.command_routes import MemoRoutes, SilenceRoutes
from streams.notify.incidents_route import incident_route, incidents_route, labels_route
from streams.notify.on_call_route import OnCallRoute
from streams.process.watchdog import Watchdog
from streams.process.web.access import Access
from streams.process.web.http_server import HttpServer
from streams.record.history.segments import Segments
from streams.screens.board.board_data import incidents_of
from streams.screens.board.board_routes import BoardRoutes
from streams.screens.board.scope_pages.scope_events import BoardPast
from streams.screens.openapi.document import document, encoded_document, main
from streams.screens.openapi.operations import JSON
from tests.alerting.sinks.webhook_standin import WebhookStandin
from tests.streams.record.history.backend import START, Backend, requests
from tests.streams.screens.board.incidents.incident_with_everything import incidents_with_everything
from tests.streams.screens.board.incidents.incidents_given import GivenIncidents, busy_incidents
from tests.streams.screens.board.judged_week import PER_MINUTE, SETTINGS, board_of
from tests.streams.screens.filled_fields import lacked

DOCUMENT: Final = document()
MINUTES: Final = 180
OF_OTHERS: Final = {"/slack/actions", "/slack/commands"}
"""Requests of Slack are described by Slack, and only it can send them."""

ELSEWHERE: Final = {
    *(("POST", path) for path in ("/pubsub", "/backfill")),
    *(("POST", f"/api/v1/{name}") for name in ("query", "query_range", "labels", "series")),
    ("GET", "/openapi.json"),
}
"""Answers that need a key of Google, learnt history, or a form; and the description itself."""


OF_SETTINGS: Final = {
    *(f"BoardIncidentAnswer.{field}" for field in ("account_name", "exports", "runbook")),
    "ExampleAnswer.links",
}
"""What an incident has of the configuration."""

NEVER: Final = {"CauseAnswer.from", "CauseAnswer.to", "MemoAnswer.scope"}
"""No edge is a cause, and only memos of the timeline name a scope."""


class Call(NamedTuple):
    method: str
    route: str
    path: str = ""
    body: object = None
    query: str = ""


BOARD: Final = [
    Call("GET", "/board/wall"),
    Call("GET", "/board/map"),
    Call("GET", "/board/scope", query="scope=table:items&range=1d"),
    Call("GET", "/board/scopes", query="like=i"),
    Call("GET", "/board/incidents"),
    Call("GET", "/board/incidents/{id}", "/board/incidents/spike"),
    Call("GET", "/board/session"),
    Call("POST", "/board/incidents/{id}/{ask}", "/board/incidents/spike/acknowledge", {"by": "mika"}),
    Call("POST", "/board/incidents/{id}/snooze", "/board/incidents/fatal/snooze", {"for": "1h"}),
    Call("POST", "/board/incidents/{id}/export", "/board/incidents/spike/export", {"to": "webhook:pager"}),
    Call("POST", "/board/memos", "", {"text": "rolled back", "incident": "spike"}),
    Call("GET", "/incidents"),
    Call("GET", "/incidents/{id}", "/incidents/spike"),
    Call("GET", "/labels"),
    Call("GET", "/silences"),
    Call("GET", "/memos"),
    Call("POST", "/memos", "", {"text": "a load test", "at": int(time.time())}),
    Call("POST", "/on-call", "", {"action": "Acknowledge", "alert": {"alias": "?", "username": "ai"}}),
    Call("POST", "/silences", "", {"matching": {"scopes": ["table:items"]}, "seconds": 3600}),
    Call("DELETE", "/silences/{id}", "/silences/none"),
    Call("DELETE", "/memos/{id}", "/memos/memo-0"),
    Call("DELETE", "/board/memos/{id}", "/board/memos/memo-1", {}),
    Call("DELETE", "/board/silences/{id}", "/board/silences/none", {}),
]
DAEMON: Final = [
    Call("GET", "/healthz"),
    Call("GET", "/readyz"),
    Call("GET", "/status"),
    Call("GET", "/backfill"),
    Call("POST", "/reload", "", {}),
    Call("POST", "/events", "", {"ts": time.time(), "service": "inventory"}),
    Call(
        "POST", "/changes", "", {"kind": "change", "ts": time.time(), "of": {"kind": "function", "name": "f"}}
    ),
    Call("GET", "/api/v1/query", query="query=1%2B1"),
    Call("GET", "/api/v1/query_range", query="query=1&start=0&end=60&step=60"),
    Call("GET", "/api/v1/labels"),
    Call("GET", "/api/v1/series", query="match[]=uneri_observed"),
    Call("GET", "/api/v1/label/{name}/values", "/api/v1/label/kind/values"),
    Call("GET", "/api/v1/metadata"),
    Call("GET", "/api/v1/status/buildinfo"),
    Call("POST", "/v1/traces", "", {}),
    Call("POST", "/v1/logs", "", {}),
    Call("POST", "/v1/metrics", "", {}),
    Call("POST", "/firehose", "", {"requestId": "1", "timestamp": 1, "records": []}),
]


def closed() -> dict[str, Any]:
    """Return the description with types that hold nothing else than what is said of them."""
    described = document()
    for schema in described["components"]["schemas"].values():
        if "properties" in schema:
            schema["additionalProperties"] = False
    return described


CLOSED: Final = closed()


def wrong_in(call: Call, status: int, found: object) -> list[str]:
    """Return the differences of a request or its answer from their description."""
    operation = CLOSED["paths"][call.route][call.method.lower()]
    answers = operation["responses"]
    wrong = invalid(found, answers.get(str(status), answers["default"]))
    if JSON in operation.get("requestBody", {}).get("content", {}):
        wrong += invalid(call.body, operation["requestBody"])
    accepted = {
        parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "query"
    }
    wrong += [f"{name} is no parameter" for name in dict(parse_qsl(call.query)).keys() - accepted]
    return [f"{call.method} {call.route}: {text}" for text in wrong]


def invalid(found: object, described: dict[str, Any]) -> list[str]:
    from jsonschema import Draft202012Validator

    schema = {**described["content"][JSON]["schema"], "components": CLOSED["components"]}
    return [
        f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(found)
    ]


def routes_of(server: HttpServer) -> set[tuple[str, str]]:
    routes = server._runner.app.router.routes()
    found = {(route.method, route.resource.canonical) for route in routes if route.resource is not None}
    return {(method, path) for method, path in found if method != "HEAD" and path not in OF_OTHERS}


def described() -> set[tuple[str, str]]:
    return {(method.upper(), path) for path, described in DOCUMENT["paths"].items() for method in described}


def answering_json() -> set[tuple[str, str]]:
    return {
        (method.upper(), path)
        for path, described in DOCUMENT["paths"].items()
        for method, operation in described.items()
        if any(
            JSON in answer.get("content", {})
            for status, answer in operation["responses"].items()
            if status.startswith("2")
        )
    }


def local(folder: Path) -> LocalDaemon:
    return LocalDaemon(
        Settings(
            local=LocalSettings(listen="127.0.0.1:0", state=str(folder / "state")),
            notify=NotifySettings(since="2020-01-01"),
        )
    )


def test_the_description_is_openapi() -> None:
    from openapi_spec_validator import validate

    validate(DOCUMENT)


def test_the_page_of_the_docs_is_what_the_routes_say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = Path(__file__).parents[4] / "docs" / "openapi.json"
    assert kept.read_bytes() == encoded_document()
    file = tmp_path / "openapi.json"
    assert main(["--check", str(file)]) == 1
    assert "make docs" in capsys.readouterr().err
    assert main([str(file)]) == main(["--check", str(file)]) == 0


def test_every_route_of_both_daemons_is_described_and_no_other(tmp_path: Path) -> None:
    settings = Settings(
        kafka=KafkaSettings(brokers=["127.0.0.1:9"]),
        web=WebSettings(listen="127.0.0.1:0"),
        history=HistorySettings(place=str(tmp_path / "history")),
    )
    assert settings.kafka is not None
    kafka = KafkaDaemon(settings, settings.kafka, KNOWN_ROLES, Watchdog())
    embedded = routes_of(local(tmp_path)._web)
    assert embedded | routes_of(kafka._web) == described()
    assert described() - routes_of(kafka._web) == {
        ("GET", "/backfill"),
        ("POST", "/backfill"),
        ("POST", "/state"),
    }


def test_every_json_answer_is_looked_at() -> None:
    assert {(call.method, call.route) for call in [*BOARD, *DAEMON]} | ELSEWHERE == answering_json()


async def wrong_answers(url: str, calls: list[Call], headers: dict[str, str]) -> list[str]:
    wrong = []
    async with aiohttp.ClientSession(headers=headers) as session:
        for call in calls:
            address = f"{url}{call.path or call.route}?{call.query}"
            async with session.request(call.method, address, data=json.dumps(call.body or {})) as answer:
                found = await answer.json()
                if answer.status >= 300 and not call.path.endswith("/none"):
                    wrong.append(f"{call}: {answer.status} {found}")
                wrong += wrong_in(call, answer.status, found)
    return wrong


def past_of(service: GivenIncidents) -> BoardPast:
    return BoardPast.of(service.pipeline, Links(LinksSettings()), service.changes)


def notify_routes(service: GivenIncidents) -> list[web.RouteDef]:
    links = Links(LinksSettings())
    return [
        incidents_route(lambda: service.pipeline, lambda: links),
        incident_route(lambda: service.pipeline, service._documents),
        labels_route(lambda: service.pipeline.labels),
        *SilenceRoutes(lambda: service.pipeline, service.execute).routes(),
        *MemoRoutes(lambda: service.pipeline, service.execute).routes(),
        *OnCallRoute(lambda: service.pipeline, service.execute).routes(),
    ]


async def test_what_a_board_answers_is_as_described(tmp_path: Path) -> None:
    backend, held = Backend(settings=SETTINGS), Segments(1)
    held.feed(backend.feed(requests(MINUTES, per_minute=PER_MINUTE, late=False)))
    held.feed(backend.finish())
    at = START + 60 * MINUTES
    async with WebhookStandin(key=None) as pager:
        webhooks = [WebhookSettings(name="pager", url=pager.url)]
        service = busy_incidents(at, Settings(notify=NotifySettings(webhooks=webhooks)))
        incidents = incidents_of(service.pipeline, Links(LinksSettings()))
        data = board_of(tmp_path, held, at, incidents, past_of(service))
        access = Access("127.0.0.1:0")
        routes = [*BoardRoutes(data, access, service).routes(), *notify_routes(service)]
        server = HttpServer("127.0.0.1:0", routes, access=access)
        url = f"http://127.0.0.1:{await server.start()}"
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{url}/board/session") as answer:
                proof = (await answer.json())["proof"]
            headers = {"Content-Type": JSON, "X-Uneri-Proof": proof, "Origin": url}
            assert await wrong_answers(url, BOARD, headers) == []
        finally:
            await server.stop()


async def test_an_incident_that_has_everything_is_as_described() -> None:
    service = incidents_with_everything(START)
    [shown] = msgspec.json.decode(msgspec.json.encode(service.shown()))
    assert wrong_in(Call("GET", "/incidents"), 200, {"incidents": [shown]}) == []
    whole = msgspec.json.decode(msgspec.json.encode(await service.whole("whole")))
    assert wrong_in(Call("GET", "/board/incidents/{id}"), 200, whole) == []
    assert lacked(whole, "BoardIncidentAnswer", CLOSED["components"]["schemas"]) == OF_SETTINGS | NEVER


async def test_what_a_daemon_answers_is_as_described(tmp_path: Path) -> None:
    daemon = local(tmp_path)
    running = asyncio.create_task(daemon.run())
    try:
        async with asyncio.timeout(60):
            while not daemon.port:
                await asyncio.sleep(0.01)
        url = f"http://127.0.0.1:{daemon.port}"
        assert await wrong_answers(url, DAEMON, {"Content-Type": JSON}) == []
        async with aiohttp.ClientSession() as session, session.get(f"{url}/openapi.json") as answer:
            assert answer.content_type == JSON
            assert await answer.read() == encoded_document()
    finally:
        daemon.stop()
        await running
