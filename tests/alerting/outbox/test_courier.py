"""The courier: its clock, and messages that cannot be made."""

import time
from unittest.mock import patch

from structlog.testing import capture_logs

from alerting.commands.dispatch import Dispatch
from alerting.outbox.courier import SystemClock
from alerting.outbox.ports import SubjectState
from alerting.outbox.row import OutboxRow
from tests.alerting.delivery_world import DeliveryWorld, FakeClock, Memory
from tests.alerting.given import T0
from tests.alerting.notices import opened
from tests.alerting.slack_standin import SlackStandin


def test_a_clock_that_is_set_holds_no_message_back() -> None:
    clock = SystemClock()
    began = clock.now()
    assert abs(began - time.time()) < 5
    with patch.object(time, "time", lambda: began - 3600):
        assert 0 <= clock.now() - began < 60


async def test_a_message_that_cannot_be_made_is_left_out_and_others_are_sent() -> None:
    clock = FakeClock(T0)
    async with SlackStandin(now=clock.now) as slack:
        world = DeliveryWorld(slack, clock, Memory())
        made = world.sink.render

        def fail(dispatch: Dispatch, known: SubjectState) -> OutboxRow:
            if dispatch.subject == "odd":
                raise OverflowError("rounded value too large to represent")
            return made(dispatch, known)

        with patch.object(world.sink, "render", fail), capture_logs() as logs:
            await world.put(opened("odd"), opened("b"), watermark=T0)
            await world.settle()
        await world.kill()
    assert [line["subject"] for line in logs if "cannot be made" in line["event"]] == ["odd"]
    assert len(slack.parents) == 1
    assert ("refused", "slack:#uneri") in world.reported
