from hypothesis import given
from hypothesis import strategies as st

from detectors.model.scope import Scope
from detectors.model.stated import StatedChange
from streams.engine.detect.gather import Gather, JudgedStep


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
