"""Laws of a source partition: its counts depend on the records, not on how they are fed."""

import json
from collections.abc import Sequence
from itertools import cycle
from random import Random

from hypothesis import example, given, settings
from hypothesis import strategies as st

from config.settings import RollupSettings as Bounds
from streams.engine.decode.parse import parse
from streams.engine.rollup.blocks.block_codec import encode_block
from streams.engine.rollup.blocks.counts import MAX_TAGS
from tests.laws.arrivals import prompt
from tests.laws.events import T0, Sent, record, seeds, steady, streams
from tests.laws.partition import TIME, Partition, counted, fed

cuts = st.lists(st.integers(1, 9), min_size=1, max_size=5)
TIGHT = Bounds(max_paths=4, max_calls=3, max_values=2)  # most names are folded
numbers = st.integers(0, 2**16)

# Throttled first, fatal later, in one bucket: tags of two kinds, whose order is that of the records.
THROTTLED_THEN_FATAL = [
    *[Sent(b'{"ts":%d,"service":"a"}' % T0, float(T0))] * 2,  # until a partition has begun, records wait
    Sent(b'{"ts":%d,"service":"a","throttled":"hot"}' % T0, float(T0)),
    Sent(b'{"ts":%d,"service":"a","error":"fatal"}' % T0, float(T0)),
    Sent(b'{"ts":%d,"service":"a","error":"fatal","throttled":"hot"}' % T0, float(T0)),
]


def bodies(sent: Sequence[Sent]) -> list[bytes]:
    return [event.body for event in sent]


def encoded(partition: Partition) -> list[bytes]:
    return [encode_block(block) for block in partition.blocks]


@settings(steady)
@given(streams(), cuts, st.booleans(), st.integers(1, 3), st.sampled_from([None, TIGHT]))
def test_any_chunking_and_a_restart_after_every_run_give_the_same_bytes(
    sent: list[Sent], sizes: Sequence[int], restart: bool, shards: int, bounds: Bounds | None
) -> None:
    whole = fed(bodies(sent), shards=shards, bounds=bounds)
    parts = fed(bodies(sent), sizes, restart=restart, shards=shards, bounds=bounds)
    assert encoded(parts) == encoded(whole)
    assert sorted((at, bad.reason) for at, bad in parts.rejected) == sorted(
        (at, bad.reason) for at, bad in whole.rejected
    )
    assert (parts.rollup.late, parts.rollup.duplicates) == (whole.rollup.late, whole.rollup.duplicates)


@settings(steady)
@given(streams(), cuts, st.booleans(), st.sampled_from([None, TIGHT]))
@example(THROTTLED_THEN_FATAL, [1], False, None)
def test_a_snapshot_is_a_function_of_the_records_however_they_were_cut(
    sent: list[Sent], sizes: Sequence[int], restart: bool, bounds: Bounds | None
) -> None:
    whole = Partition(bounds=bounds).feed(bodies(sent))
    parts = Partition(bounds=bounds).feed(bodies(sent), sizes, restart=restart)
    assert parts.rollup.snapshot() == whole.rollup.snapshot()


@settings(steady)
@given(streams(), cuts)
def test_snapshots_on_the_way_leave_no_trace_in_the_last_one(sent: list[Sent], sizes: Sequence[int]) -> None:
    whole, often, at = Partition().feed(bodies(sent)), Partition(), 0
    arrived = prompt(bodies(sent))
    for size in cycle(sizes):
        run = slice(at, at + size)
        often.feed(bodies(sent)[run], arrived=arrived[run])
        often.rollup.snapshot()
        at += size
        if at >= len(sent):
            break
    assert often.rollup.snapshot() == whole.rollup.snapshot()


def test_what_has_not_changed_is_not_packed_again() -> None:
    partition = Partition(shards=2).feed([record(1, T0 + at, str(at)) for at in range(30)])
    before = partition.rollup.snapshot()
    after = partition.feed([record(1, T0 + 30.0, "30")]).rollup.snapshot()
    same = {name.partition("/")[0] for name, part in after.items() if part is before.get(name)}
    assert {"open", "ids", "paths"} <= same


@settings(steady, max_examples=15)
@given(streams(most=20))
def test_a_restart_at_every_record_changes_nothing(sent: list[Sent]) -> None:
    whole = fed(bodies(sent))
    for at in range(len(sent) + 1):
        cut = Partition().feed(bodies(sent[:at]))
        cut.restart()
        assert encoded(cut.feed(bodies(sent[at:])).finish()) == encoded(whole), f"restarted before {at}"


def test_which_tags_are_too_many_does_not_depend_on_the_chunking() -> None:
    kinds = ('"throttled":"reason %d"', '"error":"fatal","error_type":"type %d"')
    sent = [b'{"ts":%d,"service":"a"}' % T0] * 250  # so that the bound is reached in the middle of a run
    sent += [b'{"ts":%d,"service":"a",%b}' % (T0, kinds[n % 2].encode() % n) for n in range(MAX_TAGS + 100)]
    whole, parts = fed(sent), fed(sent, [7])
    assert encoded(parts) == encoded(whole)
    tags = counted(whole.blocks).tags
    assert {text for _, _, text in tags} > {"other"}
    assert sum(tags.values()) == MAX_TAGS + 100


def in_time(seed: int, base: Sequence[tuple[int, float]]) -> list[Sent]:
    """Return records in order of time, each with an id of its own or none."""
    random, now, made = Random(seed), float(T0), list[Sent]()  # noqa: S311
    for number, move in base:
        now += move
        name = random.choice((None, f"n{len(made)}"))
        made.append(Sent(record(number, now, name), now))
    return made


forward = st.lists(
    st.tuples(seeds, st.sampled_from([0, 0, 0.25, 1, 1, 3, 9, 29.75, 35, 250, 400, 90_000])),
    min_size=1,
    max_size=40,
)


@settings(steady)
@given(forward, numbers, cuts)
def test_any_order_in_which_nothing_is_late_counts_the_same(
    base: list[tuple[int, float]], seed: int, sizes: Sequence[int]
) -> None:
    sent, random = in_time(seed, base), Random(seed)  # noqa: S311
    delayed = sorted(
        sent, key=lambda one: one.ts + random.choice((0, 1, 10, TIME.lateness)) * random.random()
    )
    whole, other = fed(bodies(sent)), fed(bodies(delayed), sizes)
    assert (other.rollup.late, other.rollup.watermark) == (0, whole.rollup.watermark)
    assert counted(other.blocks) == counted(whole.blocks)
    assert len(other.rejected) == len(whole.rejected)


def alone(body: bytes) -> bytes:
    """Return a record that joins no other: keys are forgotten by event time, which slow copies hold back."""
    fields = json.loads(body)
    return body if fields.pop("joins", None) is None else json.dumps(fields).encode()


# Without leaps of time: a copy from before one, among the records that must confirm it, refutes it.
@settings(steady)
@given(streams(bad=False, repeats=False, wild=()), numbers, cuts)
def test_a_repeated_id_within_the_lateness_changes_nothing(
    sent: list[Sent], seed: int, sizes: Sequence[int]
) -> None:
    random = Random(seed)  # noqa: S311
    sent = [
        Sent(alone(record(random.randrange(2**32), event.ts, f"n{at}")), event.ts)
        for at, event in enumerate(sent)
    ]
    doubled, newest = list[tuple[int, Sent]](), 0.0
    again: list[tuple[float, int, Sent]] = []  # until when, and a record whose copy is on its way
    for at, original in enumerate(sent):
        newest = max(newest, original.ts)
        for due in [row for row in again if random.random() < 0.3 or row[0] < newest]:
            again.remove(due)
            if due[0] >= newest:
                doubled.append((due[1], due[2]))
        doubled.append((at, original))
        if random.random() < 0.7:
            again.append((newest + TIME.lateness, at, original))
    whole, other = fed(bodies(sent)), fed([event.body for _, event in doubled], sizes)
    assert counted(other.blocks) == counted(whole.blocks)
    # a copy shows its sender to be slow, so time waits longer for the others
    assert other.rollup.late <= whole.rollup.late
    assert other.rollup.watermark == whole.rollup.watermark


@settings(steady)
@given(streams(), cuts, st.booleans())
def test_every_record_is_counted_late_a_duplicate_or_rejected(
    sent: list[Sent], sizes: Sequence[int], restart: bool
) -> None:
    partition = fed(bodies(sent), sizes, restart=restart)
    records = sum(block.records - block.late for block in partition.blocks)
    late = sum(block.late for block in partition.blocks)
    assert late == partition.rollup.late
    assert records + late + partition.rollup.duplicates + len(partition.rejected) == len(sent)
    assert sorted(at for at, _ in partition.rejected) == sorted({at for at, _ in partition.rejected})
    good = {at for at in range(len(sent)) if not parse([sent[at].body])[2]}
    wild = {at for at, bad in partition.rejected if bad.reason == "far_future"}
    assert wild <= good


@settings(steady, max_examples=40)
@given(streams(), st.integers(2, 5), cuts)
def test_any_number_of_shards_counts_the_same_for_every_scope(
    sent: list[Sent], shards: int, sizes: Sequence[int]
) -> None:
    whole, dealt = fed(bodies(sent)), fed(bodies(sent), sizes, shards=shards)
    assert counted(dealt.blocks) == counted(whole.blocks)
