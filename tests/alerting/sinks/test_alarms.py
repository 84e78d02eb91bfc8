"""Receivers that call who is on duty, through the outbox: what each is sent, and that nothing is lost."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import structlog
import trustme
from msgspec.structs import replace

from alerting.commands.command import CommandKind
from alerting.incidents.notice import Notice
from alerting.outbox.ports import Result, SubjectState
from alerting.sinks.alarm_sink import AlarmSink
from alerting.sinks.discord import DiscordSink
from alerting.sinks.email import EmailSink
from alerting.sinks.http_sink import HttpOptions
from alerting.sinks.opsgenie import OpsgenieSink
from alerting.sinks.pagerduty import PagerdutySink
from alerting.sinks.teams import TeamsSink
from config.links import Links
from config.settings import EmailSettings, LinksSettings, Settings
from detectors.model.finding import Failures
from detectors.model.measures import Measure
from streams.notify.http_sinks import http_sinks
from tests.alerting.delivery_world import PATIENT, DeliveryWorld, JointClock, Memory
from tests.alerting.given import PUT, T0, finding, incident, scope
from tests.alerting.message_makers import dispatch
from tests.alerting.notices import digest, later, notice, opened, press, resolved
from tests.alerting.sinks.alarm_standins import (
    ROUTING_KEY,
    SMTP_PASSWORD,
    AlarmStandin,
    DiscordStandin,
    EmailStandin,
    OpsgenieStandin,
    PagerdutyStandin,
    TeamsStandin,
)
from tests.alerting.slack_standin import SlackStandin

KINDS: dict[str, tuple[type[AlarmStandin], type[AlarmSink]]] = {
    "pagerduty": (PagerdutyStandin, PagerdutySink),
    "opsgenie": (OpsgenieStandin, OpsgenieSink),
    "teams": (TeamsStandin, TeamsSink),
    "discord": (DiscordStandin, DiscordSink),
    "email": (EmailStandin, EmailSink),
}
LINKS = Links(LinksSettings(board="https://uneri.example"))
SPIKE = notice(replace(incident(), id="5f1c"))
FAILING = finding(PUT, measure=Measure.ERRORS_BACKEND, failures=Failures(failed=40, requests=98, seconds=600))
HARSHER = later(SPIKE, T0 + 60, primary=FAILING)
FIGURES = {
    "Severity": "LOW · load; errors and throttling have their own messages",
    "Affected": "POST /items/{id}",
    "Now": "41 wcu/s",
    "Expected": "8.2 wcu/s (6.1 – 11)",
    "Since": "2025-10-09 08:58 UTC",
    "Where": "aws 123456789012 · ap-northeast-1",
    "Headroom": "59 % left of 100 wcu/s",
    "Data": "100 % complete",
    "Called by": "function inventory-put-item · 91 % · 4 wcu/s → 33 wcu/s · more calls\n"
    "function inventory-get-item · 9 % · 4 wcu/s → 3.2 wcu/s · more calls\n"
    "route POST /items/{id} · 90 % · 4 wcu/s → 32 wcu/s · more calls",
}
ACKNOWLEDGED = replace(press(CommandKind.ACKNOWLEDGE, "5f1c"), name="Ai")


ADDRESSES: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS} | {
    "email": {
        "server": "mail.example:587",
        "user": "uneri",
        "sender": "uneri@shop.example",
        "to": ["ai@shop.example", "bo@shop.example"],
    }
}


NAMED = {kind: {"name": "duty", **addresses} for kind, addresses in ADDRESSES.items()}


def mails(receiver: AlarmStandin, **changes: Any) -> EmailSettings:
    """Return the settings of mails to a stand-in."""
    given = {**NAMED["email"], "server": receiver.url, "tls": "none", **changes}
    return EmailSettings.model_validate(given)


class Duty(NamedTuple):
    """A daemon with one receiver that calls somebody, beside Slack."""

    world: DeliveryWorld
    receiver: Any
    sink: AlarmSink
    kind: str

    async def put(self, *notices: Notice) -> None:
        await self.world.put(*notices)
        await self.world.settle()

    async def press(self) -> None:
        await self.world.courier.command(ACKNOWLEDGED)
        await self.world.settle()


@pytest.fixture(params=KINDS)
async def duty(request: pytest.FixtureRequest) -> AsyncIterator[Duty]:
    kind, (standin, sink_of), clock = request.param, KINDS[request.param], JointClock(T0, workers=2)
    routes = [{"to": ["#uneri", f"{kind}:duty"]}]
    settings = Settings.model_validate({"notify": {"routes": routes, kind: [NAMED[kind]]}})
    async with AsyncExitStack() as stack:
        slack = await stack.enter_async_context(SlackStandin(now=clock.now))
        receiver = await stack.enter_async_context(standin(clock.now))
        options = HttpOptions(LINKS, now=clock.now)
        more: dict[str, Any] = {"settings": mails(receiver)} if kind == "email" else {}
        sink = sink_of(f"{kind}:duty", receiver.address, receiver.SECRET, options, "THE_VARIABLE", **more)
        await stack.enter_async_context(sink)
        world = DeliveryWorld(slack, clock, Memory(), settings, others={f"{kind}:duty": sink})
        yield Duty(world, receiver, sink, kind)
        await world.kill()


def only(kind: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("duty", [kind], indirect=True)


@only("pagerduty")
async def test_pagerduty_gets_an_event_with_the_figures_for_each_step_of_an_incident(duty: Duty) -> None:
    await duty.put(SPIKE)
    [event] = duty.receiver.bodies("trigger")
    links, figures = event.pop("links"), event["payload"].pop("custom_details")
    assert figures == {"Reason": SPIKE.incident.primary.sentence, **FIGURES}
    assert event == {
        "routing_key": ROUTING_KEY,
        "event_action": "trigger",
        "dedup_key": "5f1c",
        "payload": {
            "summary": "SPIKE · table items · wcu +400 %",
            "source": "aws 123456789012 · ap-northeast-1",
            "severity": "info",
            "timestamp": "2025-10-09T08:58:00Z",
            "component": "table items",
            "class": "spike",
        },
        "client": "Uneri",
        "client_url": "https://uneri.example/?incident=5f1c",
    }
    assert links[0] == {"href": "https://uneri.example/?incident=5f1c", "text": "Incident"}
    assert [link["text"] for link in links][:3] == ["Incident", "Table", "Table metrics"]
    await duty.press()
    await duty.put(HARSHER)
    await duty.put(resolved(HARSHER, T0 + 900))
    assert duty.receiver.done == ["trigger", "acknowledge", "trigger", "resolve"]
    assert duty.receiver.bodies("trigger")[1]["payload"]["severity"] == "critical"
    ends = {"routing_key": ROUTING_KEY, "dedup_key": "5f1c"}
    assert duty.receiver.bodies("acknowledge") == [{**ends, "event_action": "acknowledge"}]
    assert duty.receiver.bodies("resolve") == [{**ends, "event_action": "resolve"}]


@only("pagerduty")
async def test_a_change_calls_nobody_again_who_may_have_closed_it_there(duty: Duty) -> None:
    await duty.put(SPIKE)
    await duty.press()
    renamed = replace(SPIKE.incident.primary, scope=scope("table", "orders"))
    changed = later(SPIKE, T0 + 60, primary=renamed)
    await duty.put(changed)
    assert duty.receiver.done == ["trigger", "acknowledge"]
    await duty.put(later(changed, T0 + 120, primary=FAILING))
    assert duty.receiver.done == ["trigger", "acknowledge", "trigger"]


@only("pagerduty")
@pytest.mark.parametrize("level", [("critical", 40, 98), ("error", 40, 2000), ("warning", 40, 9000)])
async def test_pagerduty_s_severity_follows_that_of_the_incident(
    duty: Duty, level: tuple[str, int, int]
) -> None:
    severity, failed, requests = level
    failures = Failures(failed=failed, requests=requests, seconds=600)
    primary = finding(PUT, measure=Measure.ERRORS_BACKEND, failures=failures)
    await duty.put(opened("a", PUT, primary=primary))
    [event] = duty.receiver.bodies("trigger")
    assert event["payload"]["severity"] == severity


@only("opsgenie")
async def test_opsgenie_gets_an_alert_with_the_figures_and_a_note_of_each_change(duty: Duty) -> None:
    await duty.put(SPIKE)
    [alert] = duty.receiver.bodies("create")
    why, link, *_ = alert.pop("description").split("\n")
    assert why == "wcu of table items is 41/s where 8.2/s were expected; the floor of 0.2/s is passed."
    assert link == "Incident: https://uneri.example/?incident=5f1c"
    assert alert == {
        "message": "SPIKE · table items · wcu +400 %",
        "alias": "5f1c",
        "details": FIGURES,
        "entity": "table items",
        "source": "Uneri",
        "priority": "P4",
    }
    await duty.press()
    await duty.put(HARSHER)
    await duty.put(resolved(HARSHER, T0 + 900))
    assert duty.receiver.accepted[1:] == [
        ("acknowledge", {"source": "Uneri", "user": "Ai"}),
        (
            "notes",
            {
                "source": "Uneri",
                "note": "SPIKE · function inventory-put-item · 41 % of requests fail (backend errors)\n"
                "CRITICAL · 41 % of requests fail",
            },
        ),
        ("close", {"source": "Uneri", "note": duty.receiver.bodies("close")[0]["note"]}),
    ]
    assert duty.receiver.bodies("close")[0]["note"].startswith("RESOLVED")


@only("teams")
async def test_teams_gets_a_card_when_it_begins_becomes_more_severe_and_ends(duty: Duty) -> None:
    await duty.put(SPIKE)
    [message] = duty.receiver.bodies("post")
    card = message["attachments"][0]["content"]
    title, why, severity, *_ = [block["inlines"] for block in card["body"]]
    assert title == [
        {
            "type": "TextRun",
            "text": "SPIKE · table items · wcu +400 %",
            "size": "large",
            "weight": "bolder",
            "color": "attention",
        }
    ]
    assert why[0]["text"].startswith("wcu of table items is 41/s")
    assert severity == [
        {"type": "TextRun", "text": "Severity: ", "weight": "bolder"},
        {"type": "TextRun", "text": "LOW · load; errors and throttling have their own messages"},
    ]
    assert card["actions"][0] == {
        "type": "Action.OpenUrl",
        "title": "Incident",
        "url": "https://uneri.example/?incident=5f1c",
    }
    await duty.press()
    await duty.put(HARSHER)
    changed = later(HARSHER, T0 + 120, peak=99.0)
    await duty.put(changed)
    await duty.put(resolved(changed, T0 + 900))
    assert [
        body["attachments"][0]["content"]["body"][0]["inlines"][0]["text"].split(" · ")[0]
        for body in duty.receiver.bodies("post")
    ] == ["SPIKE", "SPIKE", "RESOLVED after 7 min"]


@only("discord")
async def test_discord_shows_one_message_and_edits_it_until_the_end(duty: Duty) -> None:
    await duty.put(SPIKE)
    [message] = duty.receiver.bodies("post")
    [embed] = message["embeds"]
    assert message["allowed_mentions"] == {"parse": []}
    assert "content" not in message
    assert (embed["title"], embed["color"]) == ("SPIKE · table items · wcu +400 %", 0x56B4E9)
    assert embed["description"].split("\n")[1] == "[Incident](<https://uneri.example/?incident=5f1c>)"
    assert embed["fields"][0] == {
        "name": "Severity",
        "value": "LOW · load; errors and throttling have their own messages",
        "inline": True,
    }
    assert (embed["timestamp"], embed["footer"]) == ("2025-10-09T08:58:00Z", {"text": "5f1c"})
    await duty.press()
    await duty.put(HARSHER)
    await duty.put(resolved(HARSHER, T0 + 900))
    assert duty.receiver.done == ["post", "edit", "edit", "edit"]
    assert list(duty.receiver.messages) == ["1200"]
    assert duty.receiver.messages["1200"]["embeds"][0]["title"].startswith("RESOLVED")


@only("discord")
async def test_a_message_that_somebody_deleted_is_posted_anew(duty: Duty) -> None:
    await duty.put(SPIKE)
    duty.receiver.messages.clear()
    await duty.put(HARSHER)
    assert duty.receiver.done == ["post", "post"]


@only("discord")
async def test_a_route_that_mentions_here_calls_all_who_are_there_and_a_name_from_an_event_nobody(
    duty: Duty,
) -> None:
    hostile = scope("table", "@everyone [x](https://evil.example) *b*")
    sent = dispatch(opened("a", hostile), mention="here")
    row = duty.sink.render(sent, SubjectState())
    assert row is not None
    [call] = duty.sink.calls(row, row.body or b"")
    message = json.loads(call.body)
    assert (message["content"], message["allowed_mentions"]) == ("@here", {"parse": ["everyone"]})
    [embed] = message["embeds"]
    assert embed["title"].startswith(r"SPIKE · table `@everyone` \[x\](https\://evil.example) \*b\*")


@only("email")
async def test_people_get_a_mail_when_it_begins_becomes_more_severe_and_ends_in_one_thread(
    duty: Duty,
) -> None:
    await duty.put(SPIKE)
    await duty.press()
    await duty.put(HARSHER)
    await duty.put(resolved(HARSHER, T0 + 900))
    first, _, last = duty.receiver.mails
    assert first["Subject"] == "SPIKE · table items · wcu +400 %"
    assert first["From"] == "uneri@shop.example"
    assert first["To"] == "ai@shop.example, bo@shop.example"
    assert first["Auto-Submitted"] == "auto-generated"
    assert duty.receiver.to == ["ai@shop.example", "bo@shop.example"] * 3
    assert {mail["References"] for mail in duty.receiver.mails} == {"<5f1c@shop.example>"}
    assert len({mail["Message-ID"] for mail in duty.receiver.mails}) == 3
    assert last["Subject"].startswith("RESOLVED")
    figures = "".join(f"{label}: {text}\n" for label, text in FIGURES.items())
    text = duty.receiver.bodies("mail")[0]["text"]
    assert text.startswith(f"{SPIKE.incident.primary.sentence}\n\n{figures}\n")
    assert "Incident: https://uneri.example/?incident=5f1c\n" in text


@only("email")
async def test_a_repeat_of_a_mail_has_its_id(duty: Duty) -> None:
    row = duty.sink.render(dispatch(SPIKE), SubjectState())
    assert row is not None
    for _ in range(2):
        assert (await duty.sink.deliver(row)).result is Result.SENT
    assert len({mail["Message-ID"] for mail in duty.receiver.mails}) == 1


@only("email")
@pytest.mark.parametrize(
    ("command", "reply", "result", "said"),
    [
        ("MAIL", "451 wait", Result.RETRY, "SMTP 451"),
        ("RCPT", "550 nobody", Result.ROUTE, "SMTP 550: every address is refused; check to"),
        ("RCPT", "450 grey", Result.RETRY, "SMTP 450"),
        ("MAIL", "553 who", Result.ROUTE, "SMTP 553: the server refuses mails; check sender"),
        ("DATA", "552 large", Result.REFUSED, "SMTP 552: the server refuses mails; check sender"),
        ("AUTH", "454 later", Result.RETRY, "SMTP 454"),
        ("MAIL", "garbage", Result.RETRY, "SMTP -1"),
        ("MAIL", "endless", Result.RETRY, "no answer in time"),
    ],
)
async def test_what_a_mail_server_says_is_retried_or_told(
    duty: Duty, command: str, reply: str, result: Result, said: str
) -> None:
    duty.receiver.says[command] = reply
    options = HttpOptions(LINKS, timeout=1 if reply == "endless" else PATIENT)
    async with (
        EmailSink("email:duty", "", SMTP_PASSWORD, options, settings=mails(duty.receiver)) as sink,
        asyncio.timeout(20),
    ):
        row = sink.render(dispatch(SPIKE), SubjectState())
        assert row is not None
        outcome = await sink.deliver(row)
        assert (outcome.result, outcome.error) == (result, said)


async def test_a_password_is_sent_over_tls_to_the_server_of_the_certificate_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority, tls = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    found = []
    for trusted in (trustme.CA(), authority):
        trusted.cert_pem.write_to_path(tmp_path / "ca.pem")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        async with EmailStandin(tls=tls) as receiver:
            settings = mails(receiver, tls="starttls")
            sink = EmailSink("email:duty", "", SMTP_PASSWORD, settings=settings)
            row = sink.render(dispatch(SPIKE), SubjectState())
            assert row is not None
            found.append((await sink.deliver(row)).error)
    assert found == ["cannot connect, its certificate is not valid", ""]
    async with EmailStandin() as receiver:
        sink = EmailSink("email:duty", "", SMTP_PASSWORD, settings=mails(receiver, tls="starttls"))
        assert row is not None
        assert "offers no STARTTLS" in (await sink.deliver(row)).error


async def test_only_a_page_calls_somebody_and_only_what_changes_is_told(duty: Duty) -> None:
    await duty.put(digest(T0, SPIKE.incident))
    assert duty.receiver.calls == []
    await duty.put(SPIKE)
    made = len(duty.receiver.calls)
    await duty.put(later(SPIKE, T0 + 60), later(SPIKE, T0 + 120, reopened=0))
    assert len(duty.receiver.calls) == made
    assert len(duty.receiver.paged) == 1


@pytest.mark.variants
@pytest.mark.parametrize(("fault", "seconds"), [("429", 1800), ("503", 7200), ("500", 7200)])
async def test_after_hours_of_silence_the_newest_state_is_there_at_once(
    duty: Duty, fault: str, seconds: int
) -> None:
    duty.receiver.always, duty.receiver.retry_after = fault, "30" if fault == "429" else None
    await duty.world.put(SPIKE)
    settling = asyncio.create_task(duty.world.settle())
    await duty.world.clock.until(T0 + 120)
    await duty.world.courier.command(ACKNOWLEDGED)
    await duty.world.put(HARSHER)
    await duty.world.clock.until(T0 + seconds)
    duty.receiver.always = None
    await settling
    assert len(duty.receiver.paged) == 1
    assert set(duty.receiver.alarms.values()) == {"acknowledged"}
    assert len(duty.receiver.calls) < 200
    await duty.put(resolved(HARSHER, T0 + 9000))
    assert set(duty.receiver.alarms.values()) == {"closed"}


@pytest.mark.variants
async def test_what_ended_before_it_could_be_sent_calls_nobody(duty: Duty) -> None:
    duty.receiver.always = "503"
    await duty.world.put(SPIKE, resolved(SPIKE, T0 + 900))
    settling = asyncio.create_task(duty.world.settle())
    await duty.world.clock.until(T0 + 1800)
    duty.receiver.always = None
    await settling
    assert duty.receiver.paged == []


@pytest.mark.parametrize("answered", [True, False])
async def test_what_ends_while_its_opening_is_on_its_way_in_vain_calls_nobody(
    duty: Duty, *, answered: bool
) -> None:
    duty.receiver.always = "503"
    await duty.world.put(SPIKE)
    await duty.world.attempt(f"{duty.kind}:duty", resolved(SPIKE, T0 + 900), answered=answered)
    duty.receiver.always = None
    world = duty.world if answered else await duty.world.restarted()
    await world.settle()
    again = await world.restarted()
    await again.settle()
    await again.kill()
    assert duty.receiver.paged == []
    assert "triggered" not in duty.receiver.alarms.values()


@pytest.mark.variants
async def test_what_became_the_new_level_before_it_could_be_sent_calls_people_once(duty: Duty) -> None:
    over = resolved(SPIKE, T0 + 4 * 3600)
    settled = replace(over.incident.primary, settled=True)
    duty.receiver.always = "503"
    await duty.world.put(SPIKE, replace(over, incidents=[replace(over.incident, primary=settled)]))
    settling = asyncio.create_task(duty.world.settle())
    await duty.world.clock.until(T0 + 1800)
    duty.receiver.always = None
    await settling
    await duty.press()
    assert len(duty.receiver.paged) == 1
    assert set(duty.receiver.alarms.values()) == {"triggered"}


async def test_a_refused_secret_is_told_in_one_line_and_nothing_is_lost(duty: Duty) -> None:
    duty.receiver.secret = "another".ljust(32, "x")
    with structlog.testing.capture_logs() as logs:
        await duty.put(SPIKE)
        await duty.put(opened("b", scope("table", "users")))
    [line] = [line for line in logs if line["log_level"] == "warning"]
    assert line["error"].endswith("check the secret in THE_VARIABLE")
    assert f"{duty.kind}:duty: {line['error']}" in str(duty.world.courier.not_ready())
    assert duty.receiver.SECRET not in repr(logs) + repr(duty.sink)
    assert len(duty.receiver.calls) == 1
    duty.receiver.secret = duty.receiver.SECRET
    async with asyncio.timeout(20):
        while len(duty.receiver.paged) < 2:
            await asyncio.sleep(0.002)
    assert duty.world.clock.now() > T0 + 600
    await duty.world.settle()
    assert duty.world.courier.not_ready() is None


async def test_a_restart_calls_nobody_again_and_goes_on_where_it_was(duty: Duty) -> None:
    await duty.put(SPIKE)
    again = await duty.world.restarted()
    await again.put(HARSHER, resolved(HARSHER, T0 + 900))
    await again.settle()
    assert len(duty.receiver.paged) == 1
    assert set(duty.receiver.alarms.values()) == {"closed"}
    assert not again.outbox.waiting()
    stored = repr([*duty.world.storage.rows.values()])  # type: ignore[union-attr]
    assert duty.receiver.SECRET not in stored
    await again.kill()


async def test_a_flood_calls_once(duty: Duty) -> None:
    tables = [scope("table", f"t{number}", account=f"{number:012}") for number in range(40)]
    notices = [opened(table.name, table) for table in tables]
    await duty.put(*notices)
    assert len(duty.receiver.paged) == 1
    assert "40 incidents" in json.dumps(duty.receiver.accepted[0][1])
    await duty.put(*(resolved(of, T0 + 900) for of in notices))
    assert set(duty.receiver.alarms.values()) == {"closed"}


async def test_names_from_events_are_text_and_however_long_they_are_it_is_taken(duty: Duty) -> None:
    name = "<!here> @everyone [x](https://evil.example) *b*\r\nBcc: x@evil.example \u202e" + "n" * 5000
    await duty.put(opened("a", scope("table", name)))
    assert len(duty.receiver.paged) == 1


def test_without_its_secret_a_receiver_is_not_ready_and_the_line_names_the_variable() -> None:
    settings = Settings.model_validate({"notify": {kind: [NAMED[kind]] for kind in KINDS}})
    sinks = http_sinks(settings, LINKS, {})
    assert list(sinks) == [f"{kind}:duty" for kind in KINDS]
    for name, sink in sinks.items():
        assert repr(sink).startswith(type(sink).__name__)
        assert f"{getattr(settings.notify, name.split(':')[0])[0].secret_env} is not set" in repr(sink)
