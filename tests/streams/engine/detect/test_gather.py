import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from detectors.model.finding import AccountTraffic
from detectors.model.scope import Scope
from detectors.model.stated import StatedChange, in_order
from streams.engine.detect.gather import FIRST_STEPS, REMEMBERED, Gather, JudgedStep, in_parts
from tests.alerting.given import ACCOUNT, finding, scope


def judged(shard: int, start: int) -> JudgedStep:
    return JudgedStep(shard, start, start + 60, [])


def test_a_step_is_complete_once_every_shard_has_judged_it() -> None:
    gather = Gather(2)
    assert list(gather.feed([judged(0, 0), judged(0, 60)])) == []
    assert [watermark for watermark, *_ in gather.feed([judged(1, 0), judged(1, 60)])] == [60, 120]


def test_a_repeated_step_is_ignored() -> None:
    gather = Gather(1)
    assert len(list(gather.feed([judged(0, 0), judged(0, 0), judged(0, 60), judged(0, 0)]))) == 2


@given(st.lists(st.integers(0, 2), max_size=40), st.integers(0, 40))
def test_any_order_between_shards_and_any_restart_give_the_same_steps(order: list[int], cut: int) -> None:
    steps = 8
    order = (order + [0] * steps + [1] * steps + [2] * steps)[:200]
    counts = [0, 0, 0]
    sent = []
    for shard in order:
        if counts[shard] < steps:
            sent.append(judged(shard, counts[shard] * 60))
            counts[shard] += 1
    gather = Gather(3)
    seen = [watermark for watermark, *_ in gather.feed(sent[:cut])]
    restarted = Gather(3)
    assert gather.complete == (seen[-1] - 60 if seen else None)
    restarted.restore(gather.snapshot())
    assert restarted.complete == gather.complete
    seen += [watermark for watermark, *_ in restarted.feed(sent[cut:])]
    assert seen == [60 * (step + 1) for step in range(steps)]


def test_the_changes_of_all_shards_are_one_list_in_order_each_once() -> None:
    first, second, third = (
        StatedChange(float(ts), Scope("function", "aws", "1", "eu", "put"), "deploy", str(ts))
        for ts in range(3)
    )
    gather = Gather(2)
    parts = [
        JudgedStep(0, 0, 60, [], changes=[second, third]),
        JudgedStep(1, 0, 60, [], changes=[first, third]),
    ]
    [step] = gather.feed(parts)
    assert step.changes == [first, second, third]


@pytest.mark.parametrize("early", [False, True])
def test_a_step_of_thousands_of_findings_has_records_that_a_topic_takes_and_is_one_again(early: bool) -> None:
    of_incident = [
        finding(Scope("function", "aws", "1", "eu", str(n)), str(n), sentence="x" * 2000) for n in range(2000)
    ]
    changes = [
        StatedChange(float(n), Scope("function", "aws", "1", "eu", "put"), "deploy", "x" * 250)
        for n in range(2000)
    ]
    step = JudgedStep(0, 0, 60, of_incident, changes=[] if early else changes, early=early)
    parts = list(in_parts(step))
    assert len(parts) > 3
    assert max(len(msgspec.msgpack.encode(part)) for part in parts) < 2 << 20
    for sent in range(len(parts)):
        gather = Gather(1)
        assert list(gather.feed(parts[:sent])) == []
        restored = Gather(1)
        restored.restore(gather.snapshot())
        [gathered] = restored.feed([*parts, *parts])
        assert sorted(found.id for found in gathered.findings) == sorted(found.id for found in of_incident)
        assert gathered.changes == in_order(step.changes)
        assert list(restored.feed([*parts, judged(0, 60)]))[-1].watermark == 120


def test_a_step_that_fits_into_a_record_is_sent_as_it_is() -> None:
    assert list(in_parts(judged(0, 60))) == [judged(0, 60)]


def test_a_finding_has_the_requests_of_its_account_since_it_began_whichever_shard_counts_them() -> None:
    gather = Gather(2)
    rises = finding(scope("table", "carts"), start=60, seen=180)
    for start in (0, 60):
        list(gather.feed([judged(0, start), of_account(start, 10.0 + start)]))
    restarted = Gather(2)
    restarted.restore(gather.snapshot())
    last = JudgedStep(0, 120, 180, [rises, replace(rises, id="over", state="end")])
    [step] = restarted.feed([last, of_account(120, 90.0)])
    assert {found.state: found.account for found in step.findings} == {
        "open": AccountTraffic(80.0, 10.0),
        "end": None,
    }


def of_account(start: int, requests: float) -> JudgedStep:
    return JudgedStep(1, start, start + 60, [], accounts={ACCOUNT: AccountTraffic(requests, 10.0)})


def test_only_the_first_steps_of_a_finding_tell_as_long_as_they_are_remembered() -> None:
    gather = Gather(2)
    rises, found = finding(scope("table", "carts"), start=60), []
    for start in range(0, (REMEMBERED + 3) * 60, 60):
        requests = 20.0 if start < (FIRST_STEPS + 1) * 60 else 10.0  # the level has followed
        steps = [JudgedStep(0, start, start + 60, [rises]), of_account(start, requests)]
        found += [shown for step in gather.feed(steps) for shown in step.findings]
    assert [shown.account for shown in found[1 : REMEMBERED + 1]] == [AccountTraffic(20.0, 10.0)] * REMEMBERED
    assert found[-1].account is None
