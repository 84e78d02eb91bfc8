"""Laws of every sink, whatever its protocol."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, Protocol

import pytest
import structlog
from aiohttp import ClientConnectionError
from msgspec.structs import asdict, replace

from alerting.commands.dispatch import Dispatch, Form
from alerting.incidents.notice import identify
from alerting.outbox.ports import DeliveryOutcome, Result, Sink, SubjectState
from alerting.outbox.row import OutboxRow
from alerting.sinks.alarm_sink import AlarmSink
from alerting.sinks.alertmanager import AlertmanagerSink
from alerting.sinks.discord import DiscordSink
from alerting.sinks.http_sink import HttpOptions, outcome_of_failure
from alerting.sinks.opsgenie import OpsgenieSink
from alerting.sinks.pagerduty import PagerdutySink
from alerting.sinks.slack import SlackSink
from alerting.sinks.teams import TeamsSink
from alerting.sinks.webhook import WebhookSink, signing_key
from config.links import Links
from config.settings import Settings
from tests.alerting.delivery_world import render
from tests.alerting.given import T0, finding, notices_of, scope, table_finding
from tests.alerting.sinks.alarm_standins import (
    ALARM_SECRETS,
    AlarmStandin,
    DiscordStandin,
    OpsgenieStandin,
    PagerdutyStandin,
    TeamsStandin,
)
from tests.alerting.sinks.alertmanager_standin import AlertmanagerStandin
from tests.alerting.sinks.webhook_standin import SECRET, WebhookStandin
from tests.alerting.slack_standin import TOKEN, SlackStandin

PASSWORD = "password-canary-1618033988"  # noqa: S105  made up
LINKS = Links(Settings().links)
TIMEOUT = 2.0  # a busy machine takes its time to answer
OPTIONS = HttpOptions(LINKS, timeout=TIMEOUT, now=lambda: T0)


class Standin(Protocol):
    faults: Any


class Case(NamedTuple):
    """One sink with what it speaks to; ``keys`` are those by which the receiver knows what arrived."""

    sink: Sink
    standin: Any
    keys: Callable[[], list[str]]
    again: bool  # a repeat does no harm: the receiver recognises it
    refusals: tuple[str, ...] = ("401", "307", "400")


@asynccontextmanager
async def slack(url: str | None = None) -> AsyncIterator[Case]:
    async with SlackStandin() as standin, SlackSink(TOKEN, url or standin.base_url, render, TIMEOUT) as sink:
        yield Case(
            sink,
            standin,
            lambda: [message.id for message in standin.messages],
            False,
            ("invalid_auth", "is_archived", "never_heard_of"),
        )


@asynccontextmanager
async def webhook(url: str | None = None) -> AsyncIterator[Case]:
    async with WebhookStandin(now=lambda: T0) as standin:
        address = (url or standin.url).replace("http://", f"http://u:{PASSWORD}@") + f"/hook/{PASSWORD}"
        key = signing_key(SECRET)
        async with WebhookSink("webhook:pager", address, key, OPTIONS) as sink:
            yield Case(sink, standin, lambda: list(standin.arrived), True)


@asynccontextmanager
async def alertmanager(url: str | None = None) -> AsyncIterator[Case]:
    async with AlertmanagerStandin(now=lambda: T0) as standin:
        address = (url or standin.url).replace("http://", f"http://u:{PASSWORD}@")
        async with AlertmanagerSink("alertmanager:ops", address, {"team": "backend"}, OPTIONS) as sink:
            yield Case(
                sink,
                standin,
                lambda: [str(sorted(labels)) for labels in standin.alerts],
                True,
            )


def alarms(standin_of: type[AlarmStandin], sink_of: type[AlarmSink]) -> Any:
    @asynccontextmanager
    async def made(url: str | None = None) -> AsyncIterator[Case]:
        async with standin_of(now=lambda: T0) as standin:
            address = standin.address if url is None else url + standin.PATH
            async with sink_of("x:duty", address, standin.SECRET, OPTIONS, "VARIABLE") as sink:
                yield Case(sink, standin, lambda: list(standin.alarms), True)

    return made


pagerduty = alarms(PagerdutyStandin, PagerdutySink)
opsgenie = alarms(OpsgenieStandin, OpsgenieSink)
teams = alarms(TeamsStandin, TeamsSink)
discord = alarms(DiscordStandin, DiscordSink)
OVER_HTTP = (webhook, alertmanager, pagerduty, opsgenie, teams, discord)
SINKS = pytest.mark.parametrize("sink", [slack, *OVER_HTTP])


def dispatch(name: str = "items") -> Dispatch:
    notice = notices_of(table_finding(id=name, scope=scope("table", name)))[0]
    to = "x"
    return Dispatch(
        id=identify(notice.id, to),
        destination=to,
        form=Form.PARENT,
        subject=notice.incident.id,
        notice=notice,
        at=T0,
    )


def row(case: Case, of: Dispatch) -> OutboxRow:
    rendered = case.sink.render(of, SubjectState())
    assert rendered is not None
    return replace(rendered, id=of.id, destination="slack:#uneri", created=T0)


async def outcome(case: Case, *faults: str) -> DeliveryOutcome:
    case.standin.faults.extend(faults)
    return await case.sink.deliver(row(case, dispatch()))


@SINKS
async def test_what_is_taken_is_sent(sink: Any) -> None:
    async with sink() as case:
        assert (await outcome(case)).result is Result.SENT
        assert len(case.keys()) == 1


@SINKS
async def test_a_receiver_that_is_busy_says_how_long_to_wait(sink: Any) -> None:
    async with sink() as case:
        found = await outcome(case, "429")
        assert (found.result, found.retry_after) == (Result.RETRY, 3.0)


@SINKS
@pytest.mark.parametrize("fault", ["500", "502", "503", "hang", "drop before", "drop after"])
async def test_what_may_pass_is_never_permanent_and_only_unknown_where_a_repeat_would_show(
    sink: Any, fault: str
) -> None:
    async with sink() as case:
        found = await outcome(case, fault)
        certain = case.again or fault == "503"
        assert found.result is (Result.RETRY if certain else Result.UNKNOWN)
        assert found.error


@SINKS
async def test_a_receiver_that_is_not_there_is_tried_again(sink: Any, closed_port: int) -> None:
    async with sink(url=f"http://127.0.0.1:{closed_port}") as case:
        found = await case.sink.deliver(row(case, dispatch()))
        assert found.result is Result.RETRY
        assert found.error.startswith("cannot connect")


@pytest.mark.parametrize(
    ("sink", "fault", "result"),
    [
        (slack, "token_revoked", Result.TOKEN),
        (slack, "is_archived", Result.ROUTE),
        (slack, "invalid_blocks", Result.RENDERING),
        (slack, "never_heard_of", Result.REFUSED),
        *[
            (standin, fault, result)
            for standin in OVER_HTTP
            for fault, result in (
                ("401", Result.ROUTE),
                ("404", Result.ROUTE),
                ("410", Result.ROUTE),
                ("301", Result.ROUTE),
                ("307", Result.ROUTE),
                ("400", Result.REFUSED),
                ("413", Result.REFUSED),
            )
        ],
    ],
)
async def test_what_will_never_be_taken_is_not_tried_again(sink: Any, fault: str, result: Result) -> None:
    async with sink() as case:
        assert (await outcome(case, fault)).result is result
        assert len(case.standin.calls) == 1  # nor is a redirect followed


@SINKS
async def test_the_same_row_has_the_same_key_however_often_it_is_sent_and_another_has_another(
    sink: Any,
) -> None:
    async with sink() as case:
        for name in ("items", "items", "users"):
            assert (await case.sink.deliver(row(case, dispatch(name)))).result is Result.SENT
        keys = case.keys()
        assert len(set(keys)) == 2
        assert len(keys) == (2 if case.again else 3)


@SINKS
async def test_no_secret_is_in_what_a_sink_shows_says_or_logs(
    sink: Any, caplog: pytest.LogCaptureFixture, closed_port: int
) -> None:
    caplog.set_level(logging.DEBUG)
    shown: list[object] = []
    with structlog.testing.capture_logs() as logs:
        async with sink() as case:
            faults = ("429", "503", "hang", "drop before", "drop after", *case.refusals)
            shown += [await outcome(case, fault) for fault in faults]
            shown += [repr(case.sink), str(case.sink), repr(row(case, dispatch()))]
        async with sink(url=f"http://127.0.0.1:{closed_port}") as case:
            shown.append(await outcome(case))
    said = repr(shown) + repr(logs) + caplog.text
    for secret in (TOKEN, *ALARM_SECRETS, PASSWORD, SECRET, signing_key(SECRET).decode()):
        assert secret not in said


def test_an_error_of_a_connection_is_said_without_its_words() -> None:
    said = outcome_of_failure(ClientConnectionError(f"http://u:{PASSWORD}@host"))
    assert PASSWORD not in said.error


@SINKS
async def test_what_a_sink_says_of_an_incident_does_not_depend_on_when_it_is_asked(sink: Any) -> None:
    async with sink() as case:
        first, second = (case.sink.render(dispatch(), SubjectState()) for _ in range(2))
        assert first is not None
        assert second is not None
        assert asdict(first) == asdict(second)


async def test_an_alert_keeps_its_labels_when_its_incident_turns_into_something_else() -> None:
    render = AlertmanagerSink("a", "", {}, OPTIONS).render
    first = render(dispatch(), SubjectState())
    assert first is not None
    deeper = notices_of(finding(scope("function", "put"), "other"))[0]
    second = render(
        Dispatch(id="2", destination="x", form=Form.PARENT, subject="s", notice=deeper, at=T0),
        SubjectState(key=first.key),
    )
    assert second is not None
    assert second.key == first.key
