"""Samples and changes reach the steps of their shard, whatever the chunking, and count no request."""

import base64
import json
from typing import Any

import pytest

from detectors.model.scope import Scope
from detectors.model.stated import MOST, LevelName, StatedChange, StatedLevel
from streams.engine.decode.rejected import RejectReason
from streams.engine.decode.touched import shard_of
from streams.engine.measure.step import Step
from streams.engine.measure.steps import Steps
from tests.laws.partition import Partition, fed
from tests.streams.engine.rollup.rollup_oracle import totals_of

T0 = 1_760_000_000
ACCOUNT = Scope("account", "aws", "1", "", "1")
PUT = Scope("function", "aws", "1", "eu", "put-item")
USED = LevelName(ACCOUNT, "lambda.concurrent_executions", "1")


def sample(ts: float | None, level: float | None, **more: Any) -> bytes:
    fields = {"kind": "sample", "ts": ts, "cloud": "aws", "account": "1", "region": "eu", "unit": "1"}
    of = {"of": {"kind": "account", "name": "1"}, "name": "lambda.concurrent_executions", "value": level}
    return json.dumps(fields | of | more).encode()


def change(ts: float | str, version: str, **more: Any) -> bytes:
    fields = {"kind": "change", "ts": ts, "cloud": "aws", "account": "1", "region": "eu", "by": "ci"}
    of = {"of": {"kind": "function", "name": "put-item"}, "what": "deploy", "version": version}
    return json.dumps(fields | of | more).encode()


def request(ts: float) -> bytes:
    return json.dumps({"ts": ts, "service": "s"}).encode()


RECORDS = [
    request(T0),
    sample(T0 + 1, 700, id="a"),
    sample(T0 + 2, 812, limit=1000),
    sample(T0 + 2, 805, limit=1000, id="b"),
    change(T0 + 3, "42", id="c"),
    sample(T0 + 1, 700, id="a"),
    change(T0 + 3, "42", id="c"),
    request(T0 + 4),
    sample(T0 + 65, 120),
    request(T0 + 300),
]


def steps_of(partition: Partition) -> list[Step]:
    steps = Steps([], 60)
    return [step for step in steps.feed(partition.blocks) if step.levels or step.changes or step.records]


@pytest.mark.parametrize(("sizes", "restart"), [((10**9,), False), ((1,), True), ((3, 1), False)])
def test_a_step_has_the_highest_level_of_its_samples_and_each_change_once(
    sizes: tuple[int, ...], restart: bool
) -> None:
    first, second, *_ = steps_of(fed(RECORDS, sizes, restart=restart))
    assert first.levels == {USED: StatedLevel(812.0, 1000.0)}
    assert first.changes == [StatedChange(T0 + 3.0, PUT, "deploy", "42", "ci")]
    assert second.levels == {USED: StatedLevel(120.0)}
    assert second.changes == []


def flood(bucket: int) -> list[bytes]:
    """More levels and changes of one function than a bucket keeps, before and after those of others."""
    ts, of = T0 + 10 * bucket, {"kind": "function", "name": "flood"}
    levels = [sample(ts, 1, of=of, name=f"a-{(7 * n) % 2101}") for n in range(2101)]
    changes = [change(ts, str((7 * n) % 2101), of=of) for n in range(2101)]
    return [
        *levels[bucket:],
        *changes[bucket:],
        sample(ts + 1, 9 - bucket, name="z"),
        change(ts + 1, f"{bucket}"),
    ]


@pytest.mark.variants
@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("sizes", [(10**9,), (997, 13)])
def test_levels_and_changes_of_one_scope_however_many_leave_out_none_of_another(
    sizes: tuple[int, ...], whole: bool
) -> None:
    records = [request(T0), *flood(0), *reversed(flood(1)), request(T0 + 300)]
    steps = steps_of(fed(records, sizes, restart=True, whole_steps=whole))
    levels, changes = steps[0].levels, steps[0].changes
    assert levels[LevelName(ACCOUNT, "z", "1")] == StatedLevel(9.0)
    assert [change.version for change in changes if change.about == PUT] == ["0", "1"]
    assert (len(levels), len(changes)) == (MOST, MOST)
    flooded = sorted(f"a-{n}" for n in range(2101))[: MOST - 1]
    assert {name.name for name in levels} == {*flooded, "z"}


def test_they_count_no_request_and_make_no_scope() -> None:
    partition = fed(RECORDS)
    counted = {about for _, about, _ in totals_of(partition.blocks)}
    assert counted == {Scope("service", "", "", "", "s")}


def test_they_go_to_the_shard_of_their_scope() -> None:
    blocks = fed(RECORDS, shards=4).blocks
    assert {block.shard for block in blocks if block.levels} == {shard_of(ACCOUNT, 4)}
    assert {block.shard for block in blocks if block.changes} == {shard_of(PUT, 4)}


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (sample(T0, 1, of=None), RejectReason.NO_NAME),
        (sample(T0, 1, name=None), RejectReason.NO_NAME),
        (sample(T0, 1, value=None), RejectReason.BAD_TYPE),
        (sample(T0, 1, value="7"), RejectReason.BAD_TYPE),
        (sample(T0, 1, of={"kind": "planet", "name": "x"}), RejectReason.BAD_TYPE),
        (change(T0, "1", of={"kind": "function", "name": ""}), RejectReason.NO_NAME),
        (change("soon", "1"), RejectReason.BAD_TS),
        (sample(None, 1), RejectReason.NO_TS),
    ],
)
def test_what_is_wrong_with_a_sample_or_a_change_is_named(record: bytes, reason: RejectReason) -> None:
    partition = fed([request(T0), record, request(T0)])
    assert [(at, bad.reason) for at, bad in partition.rejected] == [(1, reason)]


def test_an_unknown_kind_of_scope_is_refused_with_those_that_exist() -> None:
    partition = fed([request(T0), sample(T0, 1, of={"kind": "banana", "name": "x"}), request(T0)])
    ((_, bad),) = partition.rejected
    assert bad.detail == (
        "Invalid enum value 'banana' - at `$.of.kind`; write one of account, service, route, function, "
        "table, client, tenant"
    )


def test_what_a_receiver_refused_becomes_a_dead_letter_with_its_own_sample() -> None:
    payload = base64.b64encode(b"garbage").decode()
    refused = f'{{"kind":"refused","reason":"damaged","detail":"cut off","sample":"{payload}"}}'.encode()
    (bad,) = (bad for _, bad in fed([request(T0), refused, request(T0)]).rejected)
    assert (bad.reason, bad.detail, bad.sample) == (RejectReason.DAMAGED, "cut off", b"garbage")


def test_of_what_somebody_writes_as_refused_only_the_beginning_is_kept() -> None:
    payload = base64.b64encode(b"g" * 100_000).decode()
    detail = "x" * 500_000
    refused = f'{{"kind":"refused","reason":"damaged","detail":"{detail}","sample":"{payload}"}}'.encode()
    (bad,) = (bad for _, bad in fed([request(T0), refused]).rejected)
    assert (len(bad.detail), len(bad.sample)) == (1000, 1024)


@pytest.mark.parametrize("text", [b"\xff", rb"\ud800"])
def test_a_failure_whose_text_is_cut_in_a_character_is_an_example(text: bytes) -> None:
    failed = request(T0).replace(b"{", b'{"status":500,"sample":"' + text + b'",', 1)
    partition = fed([request(T0), failed, request(T0 + 120)])
    assert not partition.rejected
    examples = [example for block in partition.blocks for example in block.examples]
    assert [example.sample for example in examples if example.status == 500] == ["\ufffd"]
