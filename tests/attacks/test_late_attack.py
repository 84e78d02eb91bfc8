"""Records of long ago, in numbers: a phone that was off the net, and somebody who posts a month."""

import threading
import time
from pathlib import Path

from tests.alerting.slack_standin import SlackStandin
from tests.attacks.attacked import Attacked, HonestSender
from tests.attacks.learnt import HOUR, learn, pages_of

MANY = 200_000
BODY = 20_000


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def test_a_phone_that_sends_its_last_hour_changes_nothing_for_others(
    slack: SlackStandin, tmp_path: Path
) -> None:
    attacked = Attacked(tmp_path, None, slack, judge={"young": 2 * HOUR})
    honest, phone = HonestSender(attacked, rate=2), HonestSender(attacked)
    learn(attacked, honest)
    with attacked as daemon:
        with honest:
            time.sleep(20)
            end = int(honest.begun) // 60 * 60
            for begin in range(end - HOUR, end, 60):
                stamps = range(begin, begin + 60, 2)
                kept = [phone.request(stamp) | {"id": f"phone-{stamp}"} for stamp in stamps]
                assert daemon.send(*kept).status == 202
            time.sleep(100)
        honest.is_counted()
        assert not pages_of(slack)
        assert daemon.get("/readyz").status == 200


def test_any_number_of_late_records_costs_nobody_a_record(
    broker: str | None, slack: SlackStandin, tmp_path: Path
) -> None:
    attacked = Attacked(tmp_path, broker, slack, judge={"young": 2 * HOUR})
    honest = HonestSender(attacked, rate=2)
    if broker is None:
        learn(attacked, honest)
    begin = time.time() - 30 * 86400
    sent = [0]

    def flood() -> None:
        for first in range(0, MANY, BODY):
            body = b"\n".join(
                b'{"ts":%d,"id":"late-%d","service":"late-%d"}' % (begin + number, number, number % 50)
                for number in range(first, first + BODY)
            )
            while (answer := attacked.ask("/events", body)).status == 503:
                time.sleep(1)
            sent[0] += BODY * (answer.status == 202)

    with attacked as daemon:
        with honest:
            time.sleep(15)
            size = _size(daemon.state) if broker is None else 0
            flooding = threading.Thread(target=flood)
            flooding.start()
            time.sleep(60)
            recent = time.time() - 180
            daemon.wait_for_judgement(recent)
            flooding.join()
            time.sleep(30)
        honest.is_counted()
        assert sent[0] == MANY
        if broker is None:
            assert _size(daemon.state) - size < 256 << 20
        assert not [page for page in pages_of(slack) if "honest" in page.text]
        assert len(daemon.lines()) < 60
