"""A webhook and an Alertmanager beside Slack, through the same outbox."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest
import structlog
from msgspec.structs import replace

from alerting.commands.dispatch import Dispatch, Form
from alerting.incidents.answers import incident_entry
from alerting.incidents.incidents import Incidents
from alerting.outbox.outbox_sqlite import SqliteOutbox
from alerting.outbox.ports import SubjectState
from alerting.sinks.alertmanager import AGAIN, AlertmanagerSink
from alerting.sinks.http_sink import HttpOptions
from alerting.sinks.webhook import WebhookSink
from config.links import Links
from config.secret import SecretError
from config.settings import OWN_LABELS, Settings, WebhookSettings
from detectors.model.finding import Failures
from detectors.model.measures import Measure
from streams.notify.http_sinks import http_sinks, key_of
from tests.alerting.delivery_world import IMPATIENT, PATIENT, DeliveryWorld, JointClock, Memory
from tests.alerting.given import PUT, T0, TABLE, ended, finding, growth_finding, scope, table_finding, written
from tests.alerting.sinks.alertmanager_standin import AlertmanagerStandin
from tests.alerting.sinks.webhook_standin import KEY, SECRET, WebhookStandin
from tests.alerting.slack_standin import SlackStandin

SETTINGS = Settings.model_validate(
    {
        "notify": {
            "routes": [{"to": ["#uneri", "webhook:pager", "alertmanager:ops"]}],
            "webhooks": [{"name": "pager", "url": "http://127.0.0.1:1/hook", "secret_env": "HOOK_SECRET"}],
            "alertmanagers": [{"name": "ops", "url": "http://127.0.0.1:1", "labels": {"team": "backend"}}],
        }
    }
)
LINKS = Links(SETTINGS.links)
FIRST = table_finding(trace=None)


class Bench(NamedTuple):
    world: DeliveryWorld
    hook: WebhookStandin
    pager: AlertmanagerStandin


@pytest.fixture
def patience(request: pytest.FixtureRequest) -> float:
    """Return how many seconds a receiver may take."""
    return float(getattr(request, "param", PATIENT))


impatiently = pytest.mark.parametrize("patience", [IMPATIENT], indirect=True)


@pytest.fixture
async def bench(patience: float) -> AsyncIterator[Bench]:
    clock = JointClock(T0, workers=3)
    options = HttpOptions(LINKS, timeout=patience, now=clock.now)
    async with (
        SlackStandin(now=clock.now) as slack,
        WebhookStandin(clock.now) as hook,
        AlertmanagerStandin(clock.now) as pager,
        WebhookSink("webhook:pager", f"{hook.url}/hook", KEY, options) as webhook,
        AlertmanagerSink("alertmanager:ops", pager.url, {"team": "backend"}, options) as alertmanager,
    ):
        others = {"webhook:pager": webhook, "alertmanager:ops": alertmanager}
        world = DeliveryWorld(slack, clock, Memory(), SETTINGS, others=others)
        yield Bench(world, hook, pager)
        await world.kill()


async def test_one_incident_is_sent_everywhere_and_ends_everywhere(bench: Bench) -> None:
    world, hook, pager = bench
    incidents = Incidents(SETTINGS)
    opened = incidents.feed([FIRST], T0)
    await world.put(*opened)
    await world.settle()
    [alert] = pager.firing()
    assert set(OWN_LABELS) <= set(alert["labels"])
    assert alert["labels"] == {
        "alertname": "Uneri",
        "severity": "low",
        "incident": opened[0].incident.id,
        "verdict": "spike",
        "measure": "wcu",
        "scope": "table",
        "name": "items",
        "cloud": "aws",
        "account": "123456789012",
        "region": "ap-northeast-1",
        "team": "backend",
    }
    assert alert["generatorURL"].startswith("https://")
    await world.put(*incidents.feed([ended(FIRST, T0 + 600)], T0 + 600), *incidents.feed([], T0 + 7200))
    world.clock.time = T0 + 7200
    await world.settle()
    assert pager.firing() == []
    assert len(pager.paged) == 1
    reported = [(body["type"], body["data"]["incident"]["state"]) for body in hook.arrived.values()]
    assert reported[0] == ("incident.open", "open")
    assert ("incident.resolve", "resolved") in reported
    assert len(world.slack.parents) == 1


async def test_a_pager_sees_that_an_incident_becomes_more_severe_and_not_that_it_eases(bench: Bench) -> None:
    world, _, pager = bench
    incidents = Incidents(SETTINGS)
    counted = Failures(failed=40, requests=98, seconds=600)
    failing = finding(PUT, "errors", measure=Measure.ERRORS_BACKEND, failures=counted, touches=[TABLE])
    await world.put(*incidents.feed([FIRST], T0))
    await world.settle()
    world.clock.time = T0 + 90
    await world.put(*incidents.feed([failing], T0 + 60))
    await world.settle()
    [alert] = pager.firing()
    assert alert["labels"]["severity"] == "critical"
    severity = "CRITICAL · 41 % of requests fail (function inventory-put-item, in 10 min)"
    assert alert["annotations"]["severity"] == severity
    assert [dict(labels)["severity"] for labels in pager.paged] == ["low", "critical"]
    await world.put(*incidents.feed([ended(failing, T0 + 600)], T0 + 600))
    await world.settle()
    [alert] = pager.firing()
    assert alert["labels"]["severity"] == "critical"
    assert alert["annotations"]["severity"].startswith("LOW · ")
    await world.put(*incidents.feed([ended(FIRST, T0 + 660)], T0 + 660), *incidents.feed([], T0 + 7200))
    world.clock.time = T0 + 7200
    await world.settle()
    assert pager.firing() == []
    assert len(pager.paged) == 2


def test_a_configured_severity_replaces_ours_and_an_alert_of_an_old_outbox_keeps_its_own() -> None:
    opened = Incidents(SETTINGS).feed([FIRST], T0)[0]
    sent = Dispatch(
        id="d", destination="alertmanager:ops", form=Form.PARENT, subject="s", notice=opened, at=T0
    )
    fixed = AlertmanagerSink("a", "", {"severity": "page"}).render(sent, SubjectState())
    assert fixed is not None
    assert fixed.body is not None
    assert json.loads(fixed.body)[0]["labels"]["severity"] == "page"
    old = {"alertname": "Uneri", "severity": "page", "incident": "a"}
    kept = AlertmanagerSink("a", "", {}).render(sent, SubjectState(key=json.dumps(old)))
    assert kept is not None
    assert kept.body is not None
    [alert] = json.loads(kept.body)
    assert alert["labels"] == old


async def test_a_webhook_gets_all_of_an_incident_with_links_and_who_did_what(bench: Bench) -> None:
    world, hook, _ = bench
    [opened] = Incidents(SETTINGS).feed([table_finding()], T0)
    await world.put(opened)
    await world.settle()
    [(identity, body)] = hook.arrived.items()
    assert body["timestamp"] == "2025-10-09T09:00:00Z"
    data = body["data"]
    assert data["incident"] == {**written(incident_entry(opened.incident)), "memos": []}
    assert data["action"] == "open"
    assert data["links"]["table"].startswith("https://")
    assert len(identity) == 20


@pytest.mark.parametrize(("fault", "seconds"), [("429", 1800), ("503", 7200), ("502", 7200)])
async def test_half_an_hour_of_429_and_two_hours_of_5xx_lose_nothing_anywhere(
    bench: Bench, fault: str, seconds: int
) -> None:
    world, hook, pager = bench
    hook.always = pager.always = fault
    hook.retry_after = pager.retry_after = "30" if fault == "429" else None
    incidents = Incidents(SETTINGS)
    findings = [finding(scope("table", f"t{n}", account=f"{n:012}"), f"t{n}") for n in range(5)]
    await world.put(*incidents.feed(findings, T0), *incidents.feed([], T0 + 60))
    settling = asyncio.create_task(world.settle())
    await world.clock.until(T0 + seconds)
    hook.always = pager.always = None
    await settling
    assert len(hook.arrived) == 5
    assert hook.repeats == 0
    assert len(pager.paged) == 5
    assert len(hook.calls) < 300


@impatiently
@pytest.mark.parametrize("fault", ["drop after", "hang"])
async def test_what_was_taken_before_the_connection_died_is_recognised_as_a_repeat(
    bench: Bench, fault: str
) -> None:
    world, hook, pager = bench
    hook.faults.append(fault)
    pager.faults.append(fault)
    await world.put(*Incidents(SETTINGS).feed([FIRST], T0))
    await world.settle()
    assert (len(hook.arrived), hook.repeats) == (1, 1)
    assert len(pager.paged) == 1


async def test_an_open_incident_is_sent_again_before_an_alertmanager_forgets_it(bench: Bench) -> None:
    world, hook, pager = bench
    await world.put(*Incidents(SETTINGS).feed([FIRST], T0))
    await world.settle()
    pager.restart()
    await world.clock.until(world.clock.now() + AGAIN + 2)
    assert len(pager.firing()) == 1
    assert len(hook.arrived) == 1
    await world.clock.until(world.clock.now() + 3 * 3600)
    assert len(pager.firing()) == 1
    assert len(pager.paged) == 2  # the second time after its restart


async def test_what_ends_while_its_alert_is_on_its_way_ends_at_the_alertmanager(bench: Bench) -> None:
    world, _, pager = bench
    incidents = Incidents(SETTINGS)
    await world.put(*incidents.feed([FIRST], T0))
    over = [*incidents.feed([ended(FIRST, T0 + 600)], T0 + 600), *incidents.feed([], T0 + 7200)]
    await world.attempt("alertmanager:ops", *over)
    assert len(pager.firing()) == 1
    world.clock.time = T0 + 7200
    await world.settle()
    assert pager.firing() == []


async def test_after_a_restart_of_ours_open_incidents_are_sent_again_and_page_nobody_twice(
    bench: Bench,
) -> None:
    world, hook, pager = bench
    await world.put(*Incidents(SETTINGS).feed([FIRST], T0))
    await world.settle()
    again = await world.restarted()
    await again.settle()
    assert len([path for _, path in pager.calls if path == "/api/v2/alerts"]) >= 2
    assert len(pager.paged) == 1
    assert (len(hook.arrived), hook.repeats) == (1, 0)
    await again.kill()


@impatiently
async def test_a_receiver_that_hangs_holds_up_no_other(bench: Bench) -> None:
    world, hook, _ = bench
    hook.always = "hang"
    await world.put(*Incidents(SETTINGS).feed([FIRST], T0))
    settling = asyncio.create_task(world.settle())
    while not world.slack.messages:
        await asyncio.sleep(0.01)
    assert not settling.done()
    hook.always = None
    await settling


async def test_a_growth_or_a_line_of_a_thread_is_nothing_for_a_pager(bench: Bench) -> None:
    world, hook, pager = bench
    settings = SETTINGS
    notices = Incidents(settings).feed([growth_finding(scope("table", "users"))], T0 + 86400)
    await world.put(*notices)
    await world.settle()
    assert pager.alerts == {}
    assert [body["type"] for body in hook.arrived.values()] in ([], ["digest"])


async def test_a_signature_that_is_refused_closes_the_webhook_and_says_so_once(bench: Bench) -> None:
    world, hook, pager = bench
    hook.key = b"another"
    with structlog.testing.capture_logs() as logs:
        for number in range(3):
            first = replace(FIRST, id=f"f{number}", scope=scope("table", f"t{number}"))
            await world.put(*Incidents(SETTINGS).feed([first], T0))
            await world.settle()
    assert len(hook.calls) == 1
    assert "webhook:pager" in str(world.courier.not_ready())
    assert len([line for line in logs if line["log_level"] == "warning"]) == 1
    assert len(pager.paged) == 3


async def test_a_flood_is_one_body_that_lists_all_and_an_alert_each_for_a_pager_that_groups_them(
    bench: Bench,
) -> None:
    world, hook, pager = bench
    incidents = Incidents(SETTINGS)
    findings = [finding(scope("table", f"t{n}", account=f"{n:012}"), f"t{n}") for n in range(40)]
    notices = [*incidents.feed(findings, T0), *incidents.feed([], T0 + 60)]
    await world.put(*notices)
    await world.settle()
    assert len(pager.paged) == 40
    assert world.clock.now() - T0 < 60
    [flood] = [body for body in hook.arrived.values() if body["type"] == "flood"]
    assert {incident["id"] for incident in flood["data"]["incidents"]} == {
        notice.incident.id for notice in notices
    }


def test_a_webhook_whose_secret_is_missing_sends_nothing_unsigned() -> None:
    sinks = http_sinks(SETTINGS, LINKS, {})
    assert sorted(sinks) == ["alertmanager:ops", "webhook:pager"]
    assert "HOOK_SECRET is not set" in repr(sinks["webhook:pager"])
    webhook = WebhookSettings(name="pager", url="http://127.0.0.1/", secret_env="HOOK_SECRET")  # noqa: S106
    assert key_of(webhook, {"HOOK_SECRET": SECRET}) == KEY
    with pytest.raises(SecretError, match="is invalid") as caught:
        key_of(webhook, {"HOOK_SECRET": "whsec_canary!"})
    assert "canary" not in str(caught.value)
    with pytest.raises(SecretError, match="HOOK_SECRET: the secret contains a line break") as caught:
        key_of(webhook, {"HOOK_SECRET": "canary\n"})
    assert "canary" not in str(caught.value)


def disk_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_no_secret_is_on_disk(bench: Bench, tmp_path: Path) -> None:
    world = bench.world
    disk = SqliteOutbox(tmp_path / "outbox.db")
    kept = DeliveryWorld(world.slack, world.clock, disk, SETTINGS, others=world.others)
    await kept.put(*Incidents(SETTINGS).feed([FIRST], T0))
    await kept.settle()
    await kept.kill()
    disk.close()
    written = disk_of(tmp_path)
    assert KEY not in written
    assert SECRET.encode() not in written
