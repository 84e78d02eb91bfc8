"""Laws of event time: what may move the watermark of a partition, and what must not."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.decode.event_time import CONFIRM_FAR, CONFIRM_NEAR, DAY
from streams.decode.rejected import RejectReason
from tests.laws.events import T0, Sent, record, seeds, steady, streams
from tests.laws.partition import TIME, Partition, counted, fed

cuts = st.lists(st.integers(1, 9), min_size=1, max_size=5)
leaps = st.sampled_from([TIME.future + 1, 3600, 9 * 3600, DAY - 1, DAY + 1, 30 * DAY, 20_000 * DAY])
steps = st.sampled_from([0, 0.25, 1, 3, 12])


def steady_pace(moves: Sequence[float], first: int = 0) -> list[Sent]:
    """Return plain records with ids of their own, none of them late."""
    ts, sent = float(T0), list[Sent]()
    for move in moves:
        ts += move
        sent.append(Sent(record(1 + len(sent) % 50, ts, f"n{first + len(sent)}"), ts))
    return sent


def wild(at: float, ahead: float, number: object = 0) -> bytes:
    return record(7, at + ahead, f"wild {number}")


@settings(steady, max_examples=60)
@given(streams(), cuts)
def test_the_watermark_never_goes_back(sent: list[Sent], sizes: Sequence[int]) -> None:
    partition = Partition().feed([one.body for one in sent], sizes)
    assert partition.watermarks == sorted(partition.watermarks)
    told = [block.watermark for block in partition.blocks]
    assert told == sorted(told)


@settings(steady, max_examples=80)
@given(
    st.lists(steps, min_size=3, max_size=20),
    st.lists(st.tuples(st.integers(0, 19), leaps, st.integers(1, 3)), min_size=1, max_size=6),
    cuts,
)
def test_single_wild_stamps_never_move_the_watermark_even_when_repeated(
    moves: list[float], drawn: list[tuple[int, float, int]], sizes: Sequence[int]
) -> None:
    sent = steady_pace([0, *moves])
    mixed = [one.body for one in sent]
    places = {min(at, len(sent) - 1): (ahead, times) for at, ahead, times in drawn}  # at the very start too
    for at, (ahead, times) in sorted(places.items(), reverse=True):
        mixed[at:at] = [wild(sent[at].ts, ahead, at)] * times  # the same id: a sender that repeats itself
    whole, other = fed([one.body for one in sent]), fed(mixed, sizes)
    assert counted(other.blocks) == counted(whole.blocks)
    assert other.watermarks[-1] == whole.watermarks[-1]
    assert {bad.reason for _, bad in other.rejected} == {RejectReason.FAR_FUTURE}
    assert len(other.rejected) + len(sent) == len(mixed)


@settings(steady, max_examples=30)
@given(
    st.lists(steps, min_size=3, max_size=10),
    st.integers(2, 10),
    st.integers(1, CONFIRM_FAR - 1),
    st.sampled_from([DAY + 1, 40 * DAY]),
    cuts,
)
def test_fewer_far_stamps_than_confirm_a_leap_never_move_the_watermark(
    moves: list[float], at: int, wilds: int, ahead: float, sizes: Sequence[int]
) -> None:
    sent = steady_pace([0, *moves, 1])
    at = min(at, len(sent) - 1)
    mixed = [one.body for one in sent]
    mixed[at:at] = [wild(sent[at].ts, ahead + n, n) for n in range(wilds)]
    whole, other = fed([one.body for one in sent]), fed(mixed, sizes)
    assert counted(other.blocks) == counted(whole.blocks)
    assert len(other.rejected) == wilds


@pytest.mark.parametrize(
    ("ahead", "needed"),
    [(TIME.future + 1, CONFIRM_NEAR), (DAY, CONFIRM_NEAR), (DAY + 1, CONFIRM_FAR), (300 * DAY, CONFIRM_FAR)],
)
def test_the_limit_as_many_in_a_row_as_confirm_a_leap_do_move_it(ahead: float, needed: int) -> None:
    begun = [one.body for one in steady_pace([0, 1])]
    few = [wild(T0 + 1, ahead, n) for n in range(needed - 1)]
    held = Partition().feed([*begun, *few])
    assert held.rollup.watermark < T0
    moved = Partition().feed([*begun, *few, wild(T0 + 1, ahead, "one more")])
    assert T0 + ahead - TIME.lateness - TIME.bucket < moved.rollup.watermark <= T0 + 1 + ahead - TIME.lateness


@pytest.mark.parametrize("quiet", [600, 9 * 3600])
@pytest.mark.parametrize("ahead", [TIME.future + 1, 9 * 3600, 30 * DAY])
def test_the_first_record_after_a_quiet_stretch_does_not_confirm_a_wild_one(
    quiet: float, ahead: float
) -> None:
    begun = [one.body for one in steady_pace([0, 1])]
    morning = [record(1, T0 + quiet, "first"), wild(T0 + quiet, ahead), record(2, T0 + quiet, "second")]
    partition = Partition().feed([*begun, *morning])
    assert partition.rollup.watermark == (T0 + quiet - TIME.lateness) // 10 * 10
    assert [(at, bad.reason) for at, bad in partition.rejected] == [(3, RejectReason.FAR_FUTURE)]


def test_where_records_are_further_apart_than_a_leap_each_is_counted_and_time_lags_by_one() -> None:
    far = [record(number, T0 + 1000 * number) for number in range(9)]
    partition = Partition().feed(far, [1])
    expected = [0, T0, *(T0 + 1000 * number for number in range(1, 8))]
    assert partition.watermarks == [at and (at - TIME.lateness) // 10 * 10 for at in expected]
    assert sum(partition_records(partition.finish()).values()) == 9


@settings(steady, max_examples=40)
@given(st.lists(st.tuples(seeds, steps), min_size=CONFIRM_FAR, max_size=40), leaps, cuts)
def test_a_quiet_stretch_of_any_length_loses_nothing(
    after: list[tuple[int, float]], quiet: float, sizes: Sequence[int]
) -> None:
    before = [one.body for one in steady_pace([0, 1, 1])]
    ts, morning = T0 + 2 + quiet, list[bytes]()
    for seed, move in after:
        ts += move
        morning.append(record(seed, ts, None))
    partition = fed([*before, *morning], sizes)
    if ts < 4_102_444_800:  # the year 2100: no time for an event
        assert partition.rejected == []
        assert sum(partition_records(partition).values()) == len(before) + len(morning)


def partition_records(partition: Partition) -> dict[int, int]:
    return counted(partition.blocks).records
