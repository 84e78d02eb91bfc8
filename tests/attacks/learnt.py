"""A daemon that knows what is usual before it is attacked: only such a one can page somebody falsely."""

import json
import time
from typing import Final

from tests.alerting.slack_standin import Posted, SlackStandin
from tests.attacks.attacked import Attacked, HonestSender

HOUR: Final = 3600


def learn(daemon: Attacked, *senders: HonestSender, hours: int = 3) -> None:
    """Teach a daemon that is not started yet what its senders would have sent until now, twice a second."""
    past, begin = daemon.folder / "past.ndjson", time.time() - hours * HOUR
    with past.open("w") as file:
        for number in range(hours * HOUR * 2):
            for sender in senders:
                file.write(f"{json.dumps(sender.request(begin + number / 2))}\n")
    done = daemon.uneri("backfill", past)
    assert done.returncode == 0, done.stderr


def pages_of(slack: SlackStandin) -> list[Posted]:
    """Return the messages in the channel of pages."""
    return [message for message in slack.messages if message.channel == "C0UNERI" and not message.thread]
