"""The broker freezes in a flood, dies, and forgets; an admin resets offsets, and makes a topic anew."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import pytest
from kafka.admin import KafkaAdminClient, OffsetSpec

from streams.drivers.kafka.connections.client import open_client
from tests.attacks.attacked import Attacked, HonestSender, repeated
from tests.attacks.host_clock import wrong_clock
from tests.attacks.learnt import HOUR
from tests.kafka.broker import Broker

GONE: Final = 50.0  # seconds: longer than a session


@contextmanager
def flood(daemon: Attacked) -> Iterator[None]:
    """Send as much as is taken, of another service, from four senders."""

    def send(_: int) -> None:
        now = time.time()
        record = {"service": "flood", "status": 200, "function": "f", "ms": {"total": 5}}
        body = b"\n".join(json.dumps(record | {"ts": now - n / 1000}).encode() for n in range(2000))
        if daemon.ask("/events", body, timeout=10).status != 202:
            time.sleep(0.2)

    with ExitStack() as senders:
        for _ in range(4):
            senders.enter_context(repeated(send, 0.3))
        yield


@pytest.fixture
def own(kafka: str) -> Iterator[Broker]:  # noqa: ARG001 - skipped where there is none
    with Broker() as broker:
        yield broker


@pytest.mark.parametrize("how", ["frozen", "killed"])
def test_a_broker_that_is_gone_in_a_flood_costs_no_record(own: Broker, tmp_path: Path, how: str) -> None:
    with Attacked(tmp_path, own.address) as daemon:
        with HonestSender(daemon) as honest:
            daemon.wait_for_judgement()
            with flood(daemon):  # until the broker is back: what overtakes the others makes them late
                time.sleep(5)
                if how == "frozen":
                    own.freeze()
                else:
                    own.kill()
                codes = daemon.supervise(GONE)
            if how == "frozen":
                own.thaw()
            else:
                own.start()
            codes += daemon.supervise(40)
            assert set(codes) <= {1}, "each with one line"
            honest.fills_a_minute()
        honest.is_counted()


@pytest.mark.parametrize("ahead", [HOUR, -HOUR])
def test_a_broker_that_comes_back_with_a_wrong_clock_costs_no_record(
    own: Broker, tmp_path: Path, ahead: int
) -> None:
    with Attacked(tmp_path, own.address) as daemon:

        def reported() -> list[str]:
            return daemon.lines("until Kafka's clock is right")

        with HonestSender(daemon) as honest:
            daemon.wait_for_judgement()
            for seconds in (ahead, 0):
                own.kill()
                own.environment = wrong_clock(seconds) if seconds else {}
                own.start()
                codes = daemon.supervise(120, reported) if seconds < 0 else daemon.supervise(30)
                assert set(codes) <= {1}, "each with one line"
            honest.fills_a_minute()
        honest.is_counted()
        assert bool(reported()) is (ahead < 0)


@pytest.mark.parametrize("to", [OffsetSpec.EARLIEST, OffsetSpec.LATEST], ids=["earliest", "latest"])
def test_an_admin_who_resets_the_offsets_of_a_stopped_app_costs_no_record(
    kafka: str, tmp_path: Path, to: OffsetSpec
) -> None:
    with Attacked(tmp_path, kafka) as daemon:
        with HonestSender(daemon) as honest:
            daemon.wait_for_judgement()
            assert daemon.end() == 0
            with open_client(KafkaAdminClient, bootstrap_servers=kafka) as admin:
                reset_offsets(admin, daemon.settings["kafka"]["app"], to)
            daemon.start()
            honest.fills_a_minute()
        honest.is_counted()


def reset_offsets(admin: KafkaAdminClient, app: str, to: OffsetSpec) -> None:
    """Have all consumer groups of an app begin elsewhere, as an admin's tools do."""
    groups = [group["group_id"] for group in admin.list_groups() if group["group_id"].startswith(app)]
    assert groups
    for group, kept in admin.list_group_offsets(groups).items():
        if kept:
            admin.reset_group_offsets(group, dict.fromkeys(kept, to))
