"""What somebody acknowledges in PagerDuty or Opsgenie, as they post it (their references' own examples)."""

from typing import Any

import pytest

from alerting.commands.command import acknowledgement_of
from tests.alerting.given import T0
from tests.alerting.notices import incident, notice
from tests.streams.cli.command_line import GivenDaemon, serving

OWN = incident().id


def of_pagerduty(
    what: str, key: str = OWN, *, by: str = "user_reference", event: str = "01"
) -> dict[str, Any]:
    return {
        "event": {
            "id": event,
            "event_type": f"incident.{what}",
            "resource_type": "incident",
            "occurred_at": "2025-10-09T09:01:00Z",
            "agent": {"id": "PXPGF42", "summary": "Ai <b>", "type": by, "self": None},
            "client": None,
            "data": {
                "id": "PT4KHLK",
                "type": "incident",
                "number": 12,
                "incident_key": key,
                "priority": None,
            },
        }
    }


def of_opsgenie(what: str, alias: str = OWN, *, by: str = "web", at: int = 1) -> dict[str, Any]:
    alert = {"alertId": "44f7", "alias": alias, "username": "ai@shop.example", "updatedAt": at, "tags": []}
    return {
        "action": what,
        "alert": alert,
        "source": {"name": "", "type": by},
        "integrationName": "uneri",
    }


async def heard(*bodies: dict[str, Any]) -> tuple[list[Any], str | None]:
    """Return what is answered to bodies that are posted one after the other, and who deals with it then."""
    daemon = GivenDaemon()
    pipeline = daemon.pipeline
    assert pipeline is not None
    pipeline.feed([notice(incident())], T0)
    said = []
    async with serving(daemon):
        for body in bodies:
            status, answer = await daemon.post("/on-call", body)
            assert status == 200, answer
            said.append(answer["said"])
    [tracked] = pipeline.tracked()
    known = acknowledgement_of(tracked.commands)
    return said, None if known is None else known.by


@pytest.mark.parametrize(
    ("body", "by"),
    [
        (of_pagerduty("acknowledged"), "Ai <b> (PagerDuty)"),
        (of_pagerduty("resolved"), "Ai <b> (PagerDuty)"),
        (of_opsgenie("Acknowledge"), "ai@shop.example (Opsgenie)"),
        (of_opsgenie("Close"), "ai@shop.example (Opsgenie)"),
    ],
)
async def test_who_acknowledges_or_closes_an_alarm_deals_with_the_incident(
    body: dict[str, Any], by: str
) -> None:
    assert await heard(body) == (["done"], by)
    assert await heard(body, body) == (["done", "repeated"], by)


async def test_who_takes_it_back_does_not() -> None:
    assert await heard(of_pagerduty("acknowledged"), of_pagerduty("unacknowledged", event="02")) == (
        ["done", "done"],
        None,
    )
    assert await heard(of_opsgenie("Acknowledge"), of_opsgenie("UnAcknowledge", at=2)) == (
        ["done", "done"],
        None,
    )


@pytest.mark.parametrize(
    "body",
    [
        of_pagerduty("acknowledged", by="events_api_v2_inbound_integration_reference"),
        of_opsgenie("Acknowledge", by="API"),
        of_pagerduty("annotated"),
        of_opsgenie("AddNote"),
        {
            "event": {
                "id": "1",
                "event_type": "pagey.ping",
                "data": {"message": "Hello from your friend Pagey!"},
            }
        },
    ],
)
async def test_what_uneri_did_there_itself_and_what_is_no_acknowledgement_changes_nothing(
    body: dict[str, Any],
) -> None:
    assert await heard(body) == ([None], None)


async def test_alarms_of_others_are_answered_too_so_that_the_webhook_stays_on() -> None:
    assert await heard(of_pagerduty("acknowledged", "their-own-key")) == (["unknown"], None)


async def test_only_a_token_that_may_operate_acknowledges() -> None:
    daemon = GivenDaemon()
    async with serving(daemon, {"read": "r" * 40, "operate": "o" * 40}):
        for token, status in (("r" * 40, 403), ("x" * 40, 401), ("o" * 40, 200)):
            headers = {"Authorization": f"Bearer {token}"}
            assert (await daemon.post("/on-call", of_pagerduty("acknowledged"), headers))[0] == status
