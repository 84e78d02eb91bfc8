"""A daemon's first hour is odd: a change, or an old record, before anything has a series."""

import time
from pathlib import Path

import pytest

from tests.attacks.attacked import Attacked, HonestSender


@pytest.mark.parametrize("first", ["change", "old record"])
def test_an_odd_first_record_ends_nothing_and_costs_nobody_a_record(
    broker: str | None, tmp_path: Path, first: str
) -> None:
    with Attacked(tmp_path, broker) as daemon:
        if first == "change":
            of = {"kind": "service", "name": "honest"}
            change = {"kind": "change", "ts": time.time(), "what": "deploy", "of": of, "version": "42"}
            assert daemon.send(change, path="/changes").status == 202
        else:
            assert daemon.send({"ts": time.time() - 600, "service": "old", "status": 200}).status == 202
        with HonestSender(daemon) as honest:
            time.sleep(65)
            assert daemon.end() == 0
            daemon.start()
            time.sleep(65)
        honest.is_counted()
