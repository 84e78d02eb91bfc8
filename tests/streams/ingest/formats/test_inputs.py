import gzip
import json
import time
from typing import Any

import numpy as np
import pytest

from config.settings import InputSettings, MappingSettings, SourcesSettings
from streams.engine.decode.rejected import Rejected, RejectReason
from streams.ingest.formats import inputs as module
from streams.ingest.formats.inputs import Converted, Inputs, converted

ORDERS = MappingSettings.model_validate(
    {
        "name": "orders",
        "each": "$.orders[*]",
        "when": [{"path": "$.test", "exists": False}],
        "fields": {"ts": "$.at", "id": "$.id", "function": {"const": "put"}},
    }
)
INPUT = InputSettings(name="orders", format="orders", topic="orders")
SOURCE = Inputs(SourcesSettings(mappings=[ORDERS], inputs=[INPUT])).topics["orders"]


def order(number: int) -> dict[str, Any]:
    return {"at": 1_760_000_000 + number, "id": f"r{number}"}


def payload(*orders: object) -> bytes:
    return json.dumps({"orders": orders}).encode()


TEST, NEVER = {"test": True}, {"id": "r9"}
PAYLOADS = [
    payload(order(0)),
    b"\xffgarbage",
    payload(order(1), TEST, NEVER, order(2)),
    payload(TEST),
    payload(order(3)),
]


def whole() -> list[Converted]:
    return list(converted(SOURCE, PAYLOADS))


def test_every_part_knows_its_payload_and_its_number_in_it() -> None:
    (run,) = whole()
    assert [json.loads(record)["id"] for record in run.records] == [f"r{n}" for n in range(4)]
    assert run.of == [0, 1, 2, 2, 2, 4]
    assert run.numbers == [None, None, 0, 1, 2, None]
    assert run.rows == [0, 2, 3, 5]
    assert [refused.index for refused in run.refused] == [1, 4]
    assert run.skipped.total() == 2


def test_records_arrive_with_their_payload() -> None:
    (run,) = whole()
    arrived = run.arrived(np.arange(5.0))
    assert arrived is not None
    assert arrived.tolist() == [0, 2, 2, 4]
    assert run.arrived(None) is None


def test_what_the_decoder_rejects_takes_its_place_among_the_refusals() -> None:
    (run,) = whole()
    rejected = [
        Rejected(RejectReason.FAR_FUTURE, -3, "held before", b""),
        Rejected(RejectReason.FAR_FUTURE, 2, "the third record", b""),
    ]
    assert [refused.index for refused in run.placed(rejected)] == [-3, 1, 3, 4]


def test_runs_end_where_they_are_long_and_hold_the_same(monkeypatch: Any) -> None:
    (one,) = whole()
    monkeypatch.setattr(module, "PARTS", 1)
    several = whole()
    assert [len(run) for run in several] == [1, 1, 3, 1]
    assert [record for run in several for record in run.records] == one.records
    assert [of for run in several for of in run.of] == one.of


def test_no_payloads_are_one_run_of_nothing() -> None:
    (run,) = converted(SOURCE, [])
    assert not len(run)
    assert run.placed([]) == []


@pytest.mark.parametrize("times", [1, 2])
def test_a_packed_payload_of_nothing_but_blank_lines_is_unpacked_to_the_bound_only(times: int) -> None:
    payload = gzip.compress(b"\n" * 1_000_000) * 300
    if times == 2:
        payload = gzip.compress(payload)
    began = time.process_time()
    reading = Inputs(SourcesSettings()).of(None).read(payload)
    assert (len(reading.records), len(reading.refused)) == (0, 1)
    assert time.process_time() - began < 1
