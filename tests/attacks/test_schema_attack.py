"""Schemas of Avro that grow, nest or lie, from a registry that hangs, redirects or sends garbage."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.attacked import Attacked, HonestSender
from tests.streams.ingest.formats.envelopes.test_confluent import chained, doubled, listing, record_of
from tests.streams.ingest.registry.standin import RegistryStandin
from tests.streams.ingest.registry.test_registry import REQUEST, avro, framed

pytest.importorskip("fastavro")

LONG = b"\xfe" * 8 + b"\x01"  # of a list or text
WIDE = record_of("Wide", *["int"] * 20_000)
SCHEMAS: list[tuple[Any, bytes]] = [
    (doubled(40), b""),
    (chained(30_000), b"\x02"),
    (listing("null", record_of("a.null", "int")), b"\x02" + LONG),
    (listing("b.X", record_of("b.X"), record_of("a.X", "int")), b"\x02" + LONG),
    (record_of("Self", ["null", "Self"]), b"\x02" * 500_000),
    (record_of("Twice", record_of("Twice", "int")), b"\x02"),
    (WIDE, b"\x02" * 20_000),
    (record_of("Same", "int", "int") | {"fields": [{"name": "a", "type": "int"}] * 2}, b"\x02\x02"),
    (record_of("R", ["null", *(record_of(f"B{n}", "int") for n in range(1000))]), b"\x9c\x0f\x02"),
    (["int", "int", ["null", "null"]], b"\x00\x02"),
    ({"type": "bytes", "logicalType": "decimal", "precision": 10**9}, b"\x80\x89\x7a" + b"\x7f" * 1_000_000),
    ({"type": "bytes", "logicalType": "decimal", "precision": -1, "scale": 10**9}, b"\x02\x7f"),
    ({"type": "long", "logicalType": "timestamp-millis"}, LONG),
    ({"type": "long", "logicalType": ["timestamp-millis"]}, b"\x02"),
    ({"type": "string", "logicalType": "uuid"}, b"\x02x"),
    ({"type": "string"}, LONG),
    ({"type": "map", "values": "long"}, LONG + b"\x02a\x02" * 1000),
    ({"type": "array", "items": "long"}, b"\x01\x7f" + b"\x02" * 1000),
    ({"type": "enum", "name": "E", "symbols": ["A"]}, b"\x80\x80\x80\x80\x10"),
    ({"type": "enum", "name": "E", "symbols": [f"S{n}" for n in range(100_000)]}, b"\x02"),
    ({"type": "fixed", "name": "F", "size": 2**62}, b"\x02"),
    ({"type": "fixed", "name": "F", "size": "many"}, b"\x02"),
    ({"type": "fixed", "name": "F", "size": -1}, b"\x02" * 1000),
    (record_of("D", "int") | {"fields": [{"name": "a", "type": "int", "default": {"x": [1]}}]}, b"\x02"),
    (record_of("../../etc/passwd", "int"), b"\x02"),
    (record_of("\x1b]0;owned\x07", "int"), b"\x02"),
    ("not JSON", b"\x02"),
    ("[" * 100_000, b"\x02"),
    ('{"type": "int", "doc": "\\ud800"}', b"\x02"),
    ("x" * 1_900_000, b"\x02"),
    (None, b"\x02"),
    (7, b"\x02"),
]

FAULTS: tuple[str | int, ...] = ("page", "nonsense", "huge", 301, 401, 500, 204, "drip", "hang")


def test_hostile_schemas_and_a_hostile_registry_cost_nobody_a_record(
    broker: str | None, tmp_path: Path
) -> None:
    with RegistryStandin() as registry:
        registry.has(1, REQUEST)
        for number, (schema, _) in enumerate(SCHEMAS):
            registry.has(100 + number, schema)
        registry.has(50, REQUEST, None, *[(f"s{n}", n) for n in range(500)])
        registry.has(52, REQUEST, "PROTOBUF" * 1000)
        with Attacked(tmp_path, broker, sources={"registry": {"urls": [registry.url]}}) as daemon:
            good = framed(1, avro({"ts": round(time.time() * 1000), "service": "framed"}, REQUEST))
            path = "/events?format=confluent"
            with HonestSender(daemon) as honest:
                daemon.wait(lambda: honest.accepted, "answer to a post")
                for number, (schema, body) in enumerate(SCHEMAS):
                    answer = daemon.ask(path, framed(100 + number, body), timeout=60)
                    assert answer.status in {202, 400}, (str(schema)[:200], answer)
                    assert len(answer.body) < 5000, answer
                    assert daemon.ask(path, good).status == 202
                for number in (0, 50, 52, 99, 2**31 - 1, 2**31, 2**32 - 1):
                    assert daemon.ask(path, framed(number)).status == 400
                assert daemon.ask(path, b"\1" + bytes(16) + b"x").status == 400
                for number, fault in enumerate(FAULTS):
                    registry.fault = fault
                    answer = daemon.ask(path, framed(900 + number), timeout=60)
                    assert answer.status in {400, 503}, (fault, answer)
                    assert daemon.ask(path, good).status == 202, "what is known is read on"
                registry.fault = None
                registry.closing.set()
                daemon.wait(lambda: daemon.ask(path, framed(999)).status == 400, "answer of the registry", 60)
                honest.fills_a_minute()
            honest.is_counted()
            daemon.wait(lambda: daemon.get("/readyz").status == 200, "readiness")
            assert json.loads(daemon.get("/status").body)["registry"] == "no trouble"
        assert len(daemon.lines()) < 60
        assert "\x1b" not in daemon.output()
