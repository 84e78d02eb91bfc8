"""A daemon that stands still for a minute and goes on, as by SIGSTOP, ``docker pause`` or a snapshot."""

import signal
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.alerting.slack_standin import SlackStandin
from tests.attacks.attacked import Attacked, HonestSender
from tests.attacks.learnt import HOUR, learn, pages_of


@pytest.mark.parametrize("flood", [0, 300])
def test_a_daemon_that_stood_still_for_a_minute_goes_on(
    broker: str | None, slack: SlackStandin, tmp_path: Path, flood: int
) -> None:
    # what is sent again after the pause is known by its id for as long as records may be late
    attacked = Attacked(tmp_path, broker, slack, judge={"young": 2 * HOUR}, time={"lateness": 90})
    senders = [HonestSender(attacked, rate=2)]
    if broker is None:
        learn(attacked, *senders)
    if flood:
        senders.append(HonestSender(attacked, "flood", rate=flood))
    with attacked as daemon:
        with ExitStack() as sending:
            for sender in senders:
                sending.enter_context(sender)
            time.sleep(10)
            daemon.process.send_signal(signal.SIGSTOP)
            time.sleep(65)
            daemon.process.send_signal(signal.SIGCONT)
            time.sleep(60)
            daemon.wait(lambda: daemon.get("/readyz").status == 200, "readiness")
        for sender in senders:
            sender.is_counted()
        assert not [page for page in pages_of(slack) if "honest" in page.text]
