"""Bad records: mixed into good ones, or far ahead of their time, by one sender among others."""

import json
import socket
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.attacks.attacked import Attacked, HonestSender, repeated

TOKENS = {"attacker": "uneri_" + "a" * 40, "honest": "uneri_" + "h" * 40}
READ = "uneri_" + "r" * 40
DISK = 160 << 20  # bytes of the state: the log of an hour, 64 MiB of dead letters, and a history


def mixed(number: int) -> bytes:
    """Return a good line and nine bad ones."""
    good = {"ts": time.time(), "id": f"mixed-{number}", "service": "mixed", "status": 200}
    return b"\n".join([json.dumps(good).encode(), *[b'{"nonsense'] * 9])


@pytest.mark.parametrize("tokens", [True, False], ids=["tokens", "one address"])
def test_a_sender_of_garbage_costs_nobody_else_a_record(
    broker: str | None, tmp_path: Path, *, tokens: bool
) -> None:
    environment = (
        {"UNERI_INTAKE_TOKEN": ",".join(TOKENS.values()), "UNERI_READ_TOKEN": READ} if tokens else {}
    )
    headers = {who: {"Authorization": f"Bearer {token}"} if tokens else {} for who, token in TOKENS.items()}
    with Attacked(tmp_path, broker, environment=environment) as daemon:
        if tokens:
            daemon.headers["Authorization"] = f"Bearer {READ}"
        stored = dict.fromkeys(["good over HTTP", "good over TCP"], 0)

        def attack(number: int) -> None:
            answer = daemon.ask("/events", mixed(number), headers["attacker"])
            if answer.status == 202:
                stored["good over HTTP"] += 1
                assert len(json.loads(answer.body)["refused"]) == 9

        with (
            HonestSender(daemon, headers=headers["honest"]) as honest,
            socket.create_connection(("127.0.0.1", daemon.tcp), 60) as lines,
        ):
            if tokens:
                lines.sendall(f"Bearer {TOKENS['attacker']}\n".encode())
            with repeated(attack), repeated(lambda number: lines.sendall(mixed(10**9 + number) + b"\n")):
                honest.fills_a_minute()
            lines.shutdown(socket.SHUT_WR)
            told = json.loads(lines.makefile().readline())
        honest.is_counted()
        assert told["refused"] == 9 * told["accepted"]
        assert stored["good over HTTP"] > 500
        assert not honest.refused
        kept = daemon.metric("uneri_rejected_records_total")
        dropped = daemon.metric("uneri_dropped_dead_letters_total")
        assert kept + dropped == 9 * (stored["good over HTTP"] + told["accepted"])
        assert kept < dropped
        assert len(daemon.lines()) < 40, daemon.output()


def test_records_of_a_hundred_days_ahead_fill_no_disk_and_stop_nobody(
    broker: str | None, tmp_path: Path
) -> None:
    ahead = [
        {"ts": time.time() + 100 * 86400 + n, "service": "x" * 250, "route": f"r{n}"} for n in range(4000)
    ]
    body = b"\n".join(json.dumps(record).encode() for record in ahead)
    with Attacked(tmp_path, broker) as daemon:
        with HonestSender(daemon) as honest, repeated(lambda _: daemon.ask("/events", body)):
            honest.fills_a_minute()
        honest.is_counted()
        assert sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file()) < DISK
        assert daemon.get("/readyz").status == 200
        assert len(daemon.lines()) < 40, daemon.output()


def test_records_that_fill_the_log_cost_nobody_else_a_post(tmp_path: Path) -> None:
    """Valid records, padded with what nobody knows: the log is full of them within a second."""
    environment = {"UNERI_INTAKE_TOKEN": ",".join(TOKENS.values()), "UNERI_READ_TOKEN": READ}
    headers = {who: {"Authorization": f"Bearer {token}"} for who, token in TOKENS.items()}
    answered = Counter[int]()

    def attack(number: int) -> None:
        record = {"ts": time.time(), "id": f"padded-{number}", "service": "padded", "x": "x" * 1_000_000}
        answered[daemon.ask("/events", json.dumps(record).encode(), headers["attacker"]).status] += 1

    with Attacked(tmp_path, environment=environment, local={"backlog_mib": 64}) as daemon:
        daemon.headers["Authorization"] = f"Bearer {READ}"
        with HonestSender(daemon, headers=headers["honest"]) as honest:
            daemon.wait(lambda: honest.accepted, "post")
            with repeated(attack), repeated(attack):
                honest.fills_a_minute()
        honest.is_counted()
        assert answered[503] > 10, answered
        assert not honest.refused
        assert daemon.get("/readyz").status == 200
