"""Laws of event time: what may move the watermark of a partition, and what must not."""

import json
from collections import defaultdict
from collections.abc import Sequence
from random import Random
from typing import Final, NamedTuple

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from detectors.model.array_types import Bools, Floats
from detectors.model.measures import COLUMN, Measure
from streams.engine.decode.event_time import DAY, LONG_AGO, START
from streams.engine.decode.rejected import RejectReason
from streams.engine.decode.usual_delay import WINDOW, WINDOW_WITHOUT_ARRIVAL
from tests.laws.events import T0, Sent, steady, streams
from tests.laws.partition import TIME, Partition, counted, fed

cuts = st.lists(st.integers(1, 400), min_size=1, max_size=5)
worlds = st.integers(0, 2**31)
paces = st.sampled_from([0.02, 0.3, 2, 12])  # mean seconds between two records
skews = st.floats(-TIME.future, TIME.future - 1)
BEYOND: Final = (TIME.future + 61, 3600, 23 * 3600, DAY + 1, 40 * DAY, 3 * 365 * DAY)
GOOD: Final = "good"
WILD: Final = "wild"
REQUESTS: Final = COLUMN[Measure.REQUESTS]


class World(NamedTuple):
    """Records in order of their arrival."""

    bodies: list[bytes]
    arrived: Floats
    wild: Bools  # whether a sender's clock was wrong

    def of_good(self) -> "World":
        kept = ~self.wild
        bodies = [body for body, keep in zip(self.bodies, kept, strict=True) if keep]
        return World(bodies, self.arrived[kept], self.wild[kept])


def body(ts: float, service: str, number: object) -> bytes:
    return json.dumps({"ts": round(ts, 3), "service": service, "id": f"{service} {number}"}).encode()


def world(  # noqa: PLR0917 - drawn by hypothesis
    seed: int, records: int, pace: float, skew: float, beyond: Sequence[float], share: float, old: float = 0
) -> World:
    """Return records of prompt senders among which a share has a wrong clock.

    Half of these are ``skew`` seconds ahead (behind), the others claim one of ``beyond``. With ``old``,
    everything happened that many seconds before it arrived: history that is posted late.
    """
    random = Random(seed)  # noqa: S311 - a test's worlds, not secrets
    at, drawn = float(T0), list[tuple[float, bytes, bool]]()
    for number in range(records):
        at += random.expovariate(1 / pace)
        wild = random.random() < share
        skewed = random.choice(beyond) if beyond and random.random() < 0.5 else skew
        delay = random.random() * TIME.lateness * 0.9
        ts = at + skewed if wild else at
        drawn.append((at + delay, body(ts, WILD if wild else GOOD, number), wild))
    if not old:
        drawn.sort(key=lambda one: one[0])
    arrivals = np.array([arrival for arrival, *_ in drawn]) if not old else np.full(records, at + old)
    return World([event for _, event, _ in drawn], arrivals, np.array([wild for *_, wild in drawn]))


def requests_of(partition: Partition, service: str = GOOD) -> dict[int, float]:
    """Return the requests of a service by bucket, corrections with the buckets that they correct."""
    found: dict[int, float] = defaultdict(float)
    for block in partition.blocks:
        rows = [row for row, path in enumerate(block.paths) if path.service == service]
        if requests := float(block.sums[rows, REQUESTS].sum()):
            found[block.bucket - block.bucket % TIME.bucket] += requests
    return found


def late_services(partition: Partition) -> set[str]:
    return {path.service for block in partition.blocks if block.late for path in block.paths}


@settings(steady)
@given(streams(), cuts, st.booleans())
def test_the_watermark_never_goes_back(sent: list[Sent], sizes: Sequence[int], file: bool) -> None:
    partition = Partition().feed([event.body for event in sent], sizes, file=file).finish()
    assert partition.watermarks == sorted(partition.watermarks)
    emitted = [block.watermark for block in partition.blocks]
    assert emitted == sorted(emitted)


@settings(steady, max_examples=40)
@given(worlds, st.integers(1, 1500), paces, skews, st.sampled_from([0.01, 0.2, 0.9]), cuts)
def test_no_clock_moves_the_watermark_beyond_arrival(  # noqa: PLR0917
    seed: int, records: int, pace: float, skew: float, share: float, sizes: Sequence[int]
) -> None:
    drawn = world(seed, records, pace, skew, BEYOND, share)
    partition, at = Partition(), 0
    for size in [*sizes, 10**9]:
        run = slice(at, at + size)
        if not drawn.bodies[run]:
            break
        partition.feed(drawn.bodies[run], arrived=drawn.arrived[run])
        at += size
        assert partition.rollup.watermark <= max(0, drawn.arrived[run][-1] - TIME.lateness)


@settings(steady, max_examples=30)
@given(worlds, st.integers(1, 3000), paces, skews, cuts)
def test_a_fifth_of_wrong_clocks_neither_delays_nor_spoils_the_buckets_of_the_others(
    seed: int, records: int, pace: float, skew: float, sizes: Sequence[int]
) -> None:
    drawn = world(seed, records, pace, skew, [*BEYOND, *(-seconds for seconds in BEYOND)], 0.2)
    partition = fed(drawn.bodies, sizes, arrived=drawn.arrived)
    alone = fed(drawn.of_good().bodies, arrived=drawn.of_good().arrived)
    requests = requests_of(alone)
    assert requests_of(partition) == requests
    assert sum(requests.values()) == len(drawn.of_good().bodies)
    assert late_services(partition) <= {WILD}
    assert {rejected.reason for _, rejected in partition.rejected} <= {RejectReason.FAR_FUTURE}


@settings(steady, max_examples=40)
@given(
    worlds, st.integers(1, 40), st.sampled_from([0.02, 0.1, 0.3]), st.floats(0, 600), skews,
    st.integers(20, 90), st.booleans(), cuts,
)  # fmt: skip
def test_in_dense_traffic_wrong_clocks_spoil_nothing_when_their_records_come_in_a_row_either(  # noqa: PLR0917
    seed: int,
    rows: int,
    pace: float,
    delay: float,
    skew: float,
    row: int,
    batches: bool,
    sizes: Sequence[int],
) -> None:
    """Whatever the usual delay of the good senders is, who may send in batches themselves."""
    random = Random(seed)  # noqa: S311 - a test's worlds, not secrets
    at, sent, row = float(T0), list[tuple[float, bytes, bool]](), row if pace < 0.2 else row // 2
    for turn in range(rows + 1):
        for number in range(4 * row + 64):
            at += pace
            ts = at - delay - random.random() * TIME.lateness * 0.9
            sent.append((at, body(ts, GOOD, f"{turn} {number}"), False))
        if batches:
            sent[-4 * row - 64 :] = [(at, event, wild) for _, event, wild in sent[-4 * row - 64 :]]
        for number in range(row):
            sent.append((at, body(at - delay + skew, WILD, f"{turn} {number}"), True))
    drawn = World(
        [event for _, event, _ in sent],
        np.array([at for at, *_ in sent]),
        np.array([wild for *_, wild in sent]),
    )
    partition = fed(drawn.bodies, sizes, arrived=drawn.arrived)
    alone = fed(drawn.of_good().bodies, arrived=drawn.of_good().arrived)
    assert requests_of(partition) == requests_of(alone)
    assert late_services(partition) <= {WILD}


@settings(steady, max_examples=12)
@given(worlds, st.integers(700, 4000), paces, skews, st.booleans(), cuts)
def test_in_files_and_in_history_that_is_posted_a_fifth_of_wrong_clocks_spoils_nothing_either(  # noqa: PLR0917
    seed: int, records: int, pace: float, skew: float, file: bool, sizes: Sequence[int]
) -> None:
    drawn = world(seed, records, pace, skew, [*BEYOND, *(-seconds for seconds in BEYOND)], 0.2, old=90 * DAY)
    partition = fed(drawn.bodies, sizes, arrived=drawn.arrived, file=file)
    alone = fed(drawn.of_good().bodies, arrived=drawn.of_good().arrived, file=file)
    requests = requests_of(alone)
    assert requests_of(partition) == requests
    assert sum(requests.values()) == len(drawn.of_good().bodies)
    assert late_services(partition) <= {WILD}


@settings(steady, max_examples=40)
@given(worlds, paces, st.sampled_from(BEYOND), st.integers(1, 400), cuts)
@example(6409, 2, 361, 1, [1])
def test_any_number_of_live_records_that_claim_the_future_is_refused_and_moves_time_by_a_bucket_at_most(
    seed: int, pace: float, beyond: float, wilds: int, sizes: Sequence[int]
) -> None:
    drawn = world(seed, 50, pace, 0, (), 0)
    at = Random(seed).randrange(51)  # noqa: S311 - at the very start, too
    here = drawn.arrived[min(at, 49)]
    bodies = [*drawn.bodies[:at], *(body(here + beyond, WILD, n) for n in range(wilds)), *drawn.bodies[at:]]
    arrived = np.concatenate((drawn.arrived[:at], np.full(wilds, here), drawn.arrived[at:]))
    partition, alone = fed(bodies, sizes, arrived=arrived), fed(drawn.bodies, arrived=drawn.arrived)
    assert len(partition.rejected) == wilds
    assert {at_ for at_, _ in partition.rejected} == set(range(at, at + wilds))
    assert requests_of(partition) == requests_of(alone)
    assert late_services(partition) == set()
    # each counts as one more of the good record before it, so the usual delay may be another good record's
    assert partition.watermarks[-1] <= alone.watermarks[-1] + TIME.bucket


@settings(steady, max_examples=15)
@given(worlds, st.integers(1, 2000), paces, skews, st.booleans(), st.booleans(), cuts)
def test_event_time_depends_on_records_and_arrivals_and_not_on_runs_or_restarts(  # noqa: PLR0917
    seed: int, records: int, pace: float, skew: float, file: bool, old: bool, sizes: Sequence[int]
) -> None:
    drawn = world(seed, records, pace, skew, BEYOND, 0.1, old=90 * DAY if old else 0)
    arrived = None if file else drawn.arrived
    whole = fed(drawn.bodies, arrived=arrived, file=file)
    cut = fed(drawn.bodies, [max(size, 50) for size in sizes], restart=True, arrived=arrived, file=file)
    assert counted(cut.blocks) == counted(whole.blocks)
    assert cut.watermarks[-1] == whole.watermarks[-1]
    assert sorted(at for at, _ in cut.rejected) == sorted(at for at, _ in whole.rejected)


@settings(steady, max_examples=40)
@given(worlds, st.sampled_from([600, 9 * 3600, DAY + 1, 30 * DAY, 2000 * DAY]), st.integers(1, 90), cuts)
def test_a_quiet_stretch_of_any_length_loses_nothing(
    seed: int, quiet: float, after: int, sizes: Sequence[int]
) -> None:
    before, later = world(seed, 40, 2, 0, (), 0), world(seed + 1, after, 2, 0, (), 0)
    moved = [json.loads(text) for text in later.bodies]
    bodies = before.bodies + [body(event["ts"] + 300 + quiet, GOOD, f"then {event['id']}") for event in moved]
    arrived = np.concatenate((before.arrived, later.arrived + 300 + quiet))
    partition = fed(bodies, sizes, arrived=arrived)
    assert partition.rejected == []
    assert late_services(partition) == set()
    assert sum(requests_of(partition).values()) == len(bodies)


@pytest.mark.parametrize("records", [1, 2, 30, WINDOW_WITHOUT_ARRIVAL + 30])
def test_a_short_file_is_counted_whole_and_a_wild_stamp_in_it_refused(records: int) -> None:
    bodies = [body(T0 + 7 * number, GOOD, number) for number in range(records)]
    wild = body(T0 + 3 * 365 * DAY, WILD, 0)
    middle = records // 2
    partition = fed([*bodies[:middle], wild, *bodies[middle:]], file=True)
    assert sum(requests_of(partition).values()) == records
    assert late_services(partition) == set()
    if records > 2:  # of two or three records nobody knows which clock is right
        assert [at for at, _ in partition.rejected] == [middle]


def test_history_that_is_posted_after_live_records_is_late_and_live_records_after_it_are_not() -> None:
    live = [body(T0 + number, GOOD, number) for number in range(3)]
    history = [body(T0 - 7 * DAY + number, "old", number) for number in range(5 * WINDOW)]
    more = [body(T0 + 400 + number, GOOD, 100 + number) for number in range(9)]
    arrived = np.concatenate(
        (T0 + np.arange(3.0), np.full(len(history), T0 + 3.0), T0 + 400 + np.arange(9.0))
    )
    partition = fed([*live, *history, *more], arrived=arrived)
    assert partition.rejected == []
    assert late_services(partition) == {"old"}
    assert sum(requests_of(partition).values()) == 12


@given(st.integers(1, 40), st.floats(2 * LONG_AGO, 40 * DAY), st.sampled_from([0.3, 2, 12]), cuts)
def test_however_many_records_are_of_long_ago_time_goes_on_by_those_of_today(
    old: int, ago: float, pace: float, sizes: Sequence[int]
) -> None:
    bodies, arrived = list[bytes](), list[float]()
    for number in range(300):
        at = T0 + number * pace
        bodies.append(body(at - 0.2, GOOD, number))
        arrived.append(at)
        if number >= START:
            bodies += [body(at - ago, WILD, f"{number}/{more}") for more in range(old)]
            arrived += [at] * old
    partition = fed(bodies, sizes, arrived=np.array(arrived))
    assert partition.rollup.reached >= arrived[-1] - TIME.lateness - 1
    assert partition.rollup.late == old * (300 - START)


def test_while_nothing_arrives_time_goes_on_by_the_clock_and_a_prompt_record_is_not_late_after_it() -> None:
    drawn = world(5, 300, 1, 0, (), 0)
    partition = Partition().feed(drawn.bodies, arrived=drawn.arrived)
    newest, before = float(drawn.arrived[-1]), partition.rollup.watermark
    watermarks = [before]
    for seconds in range(TIME.idle, 600, TIME.idle):
        partition.blocks += partition.rollup.idle(seconds)
        watermarks.append(partition.rollup.watermark)
    assert watermarks == sorted(watermarks)
    assert newest + 600 - 2 * TIME.idle - 2 * TIME.lateness - 2 * TIME.step < watermarks[-1] < newest + 600
    assert sum(requests_of(partition).values()) == 300  # nothing stays open
    prompt = body(newest + 600, GOOD, "then")
    partition.feed([prompt], arrived=np.array([newest + 610])).finish()
    assert late_services(partition) == set()
    assert sum(requests_of(partition).values()) == 301


def test_time_by_the_clock_survives_a_restart_and_never_passes_for_a_file() -> None:
    drawn = world(5, 300, 1, 0, (), 0)
    partition = Partition().feed(drawn.bodies, arrived=drawn.arrived)
    partition.rollup.idle(900)
    reached = partition.rollup.watermark
    partition.restart()
    assert partition.rollup.watermark == reached
    file = Partition().feed(drawn.bodies, file=True).finish()
    reached = file.rollup.watermark
    file.rollup.idle(900)
    assert file.rollup.watermark == reached


@pytest.mark.parametrize("file", [False, True])
@pytest.mark.parametrize("pace", [0.1, 3, 200])
def test_a_wrong_clock_near_the_end_of_a_source_does_not_move_its_end(file: bool, pace: float) -> None:
    honest = [body(T0 + pace * number, GOOD, number) for number in range(2000)]
    bodies = list(honest)
    for at in (1990, 1970, 1900):
        bodies.insert(at, body(T0 + pace * at + max(290, 40 * pace), WILD, at))
    arrived = np.full(len(bodies), T0 + 90 * DAY)
    wrong, right = (fed(records, arrived=arrived[: len(records)], file=file) for records in (bodies, honest))
    assert wrong.rollup.watermark == right.rollup.watermark
    assert requests_of(wrong) == requests_of(right)


def test_a_few_records_behind_a_quiet_stretch_at_the_end_of_a_file_are_judged() -> None:
    bodies = [body(T0 + number, GOOD, number) for number in range(700)]
    bodies += [body(T0 + 9000 + number, GOOD, 9000 + number) for number in range(3)]
    partition = fed(bodies, file=True)
    assert partition.rejected == []
    assert partition.rollup.watermark == T0 // 10 * 10 + 9010
    assert sum(requests_of(partition).values()) == 703
