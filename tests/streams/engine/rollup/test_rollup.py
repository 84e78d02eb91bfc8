"""Rollup: exact totals. That runs, order, repeats and restarts change none are laws (tests/laws)."""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import RollupSettings as Bounds
from config.settings import Settings, TimeSettings
from detectors.latency.histogram import N_BINS, quantile
from detectors.model.measures import Measure
from detectors.model.scope import Edge, Scope
from streams.engine.decode.columns import Columns
from streams.engine.decode.decoder import Decoder
from streams.engine.decode.touched import shard_of
from streams.engine.rollup.blocks.block import Block
from streams.engine.rollup.rollup import Rollup
from tests.laws.arrivals import prompt
from tests.streams.engine.measure.fanned_out import fan_out_block
from tests.streams.engine.rollup.rollup_oracle import counted, tags_of, totals_of, values_of

T0 = 1_760_000_000
TIME = TimeSettings()
SHARDS = 3
ITEMS = Scope("table", "aws", "1", "eu", "items")


def event(**fields: object) -> bytes:
    return json.dumps({"ts": T0, "service": "inventory"} | fields).encode()


def start(bounds: Bounds | None = None, shards: int = SHARDS) -> tuple[Decoder, Rollup]:
    decoder = Decoder(Settings(rollup=bounds or Bounds()))
    return decoder, Rollup("requests/0", shards, TIME, decoder)


def decoded(decoder: Decoder, records: Sequence[bytes]) -> Columns:
    return decoder.decode(records, prompt(records))[0]


def rolled(
    records: list[bytes],
    sizes: Sequence[int] = (10**9,),
    restart: bool = False,
    bounds: Bounds | None = None,
    shards: int = SHARDS,
) -> tuple[Rollup, list[Block]]:
    """Feed the records in runs of the given sizes, over and over; return the rollup and its blocks."""
    decoder, rollup = start(bounds, shards)
    blocks, at, turn = [], 0, 0
    arrived = prompt(records)  # of all: when a record arrives does not depend on the runs
    while at < len(records):
        run = records[at : at + sizes[turn % len(sizes)]]
        columns, rejected = decoder.decode(run, arrived[at : at + len(run)])
        assert not rejected
        blocks += rollup.feed(columns)
        at, turn = at + len(run), turn + 1
        if restart:
            parts = rollup.snapshot()
            decoder, rollup = start(bounds, shards)
            rollup.restore(parts)
    return rollup, blocks + rollup.finish()


def texts(*values: str) -> st.SearchStrategy[str | None]:
    return st.sampled_from([None, *values])


amounts = st.floats(0, 1e6).map(lambda x: round(x * 2**10) / 2**10)
calls = st.fixed_dictionaries(
    {"name": st.sampled_from(["items", "users"])},
    optional={
        "op": texts("GetItem", "UpdateItem", "ExecuteStatement"),
        "rcu": amounts,
        "wcu": amounts,
        "ms": st.floats(0, 1e5),
        "throttled": texts("TableWriteKeyRange"),
    },
)
bodies = st.fixed_dictionaries(
    {"service": st.sampled_from(["a", "b"])},
    optional={
        "id": st.integers(0, 30).map(str),
        "cloud": st.just("aws"),
        "account": texts("1", "2"),
        "region": texts("eu"),
        "route": texts("GET /", "PUT /"),
        "function": texts("f", "g"),
        "client": st.fixed_dictionaries(
            {}, optional={"name": texts("ios"), "version": texts("1", "2"), "tenant": texts("t")}
        ),
        "status": st.sampled_from([200, 404, 429, 503]),
        "error": st.sampled_from([None, "user", "backend", "fatal"]),
        "error_type": texts("Boom", "Runtime.Exit"),
        "ms": st.fixed_dictionaries(
            {}, optional=dict.fromkeys(("total", "function", "code", "auth"), st.floats(0, 1e5))
        ),
        "cold_start": st.booleans(),
        "throttled": texts("concurrency"),
        "tables": st.lists(calls, max_size=2),
        "kind": texts("request", "call"),
        "counts": texts("function", "account,service,route,client", "function,table", "table<function"),
        "weight": st.sampled_from([None, 1, 2.5, 10]),
        "values": st.dictionaries(st.sampled_from(["sales", "cost"]), st.floats(-100, 1e7)),
    },
)
# Mostly forward, sometimes back inside the lateness, sometimes far back, sometimes a gap.
moves = st.sampled_from([0, 0.5, 1, 3, 9, -4, -15, -28, -90, -250, 35, 200])


@st.composite
def streams_of_records(draw: Any, most: int = 40) -> list[bytes]:
    ts, records = float(T0), []
    for body, move in draw(st.lists(st.tuples(bodies, moves), min_size=1, max_size=most)):
        ts = max(ts, ts + move)
        records.append(event(ts=ts + min(move, 0), **body))
    return records


@given(streams_of_records())
def test_the_blocks_add_up_to_what_a_plain_loop_counts(records: list[bytes]) -> None:
    rollup, blocks = rolled(records, (7,))
    oracle = counted(records, TIME)
    totals = totals_of(blocks)
    some = {key for key, value in oracle.totals.items() if value > 0}
    at_least = {key for key in some if oracle.totals[key] > 2e-6}  # less than a microsecond may be lost
    assert at_least <= totals.keys() <= some
    for key, value in totals.items():
        assert value == pytest.approx(oracle.totals[key], abs=1e-3, rel=1e-9)
    assert tags_of(blocks) == oracle.tags
    values = values_of(blocks)
    assert values == {key: pytest.approx(value, abs=1e-9, rel=1e-12) for key, value in oracle.values.items()}
    assert (rollup.late, rollup.duplicates) == (oracle.late, oracle.duplicates)
    seen = Counter[int]()
    for block in blocks:
        if block.shard == 0 and not block.idle:
            seen[block.bucket] += block.records
    assert {bucket: n for bucket, n in seen.items() if n} == oracle.records
    assert sum(block.late for block in blocks if block.shard == 0) == oracle.late


@given(streams_of_records(), st.integers(2, 5))
def test_the_shards_together_count_what_one_shard_counts_and_each_scope_lives_in_one(
    records: list[bytes], shards: int
) -> None:
    def rows(blocks: list[Block]) -> list[tuple[object, ...]]:
        found = []
        for block in blocks:
            fanned = fan_out_block(block)
            held = sorted(
                (row, (measure, bin_), count)
                for measure, latency in fanned.latency.items()
                for row, bin_, count in zip(*(part.tolist() for part in latency), strict=True)
            )
            for row, about in enumerate(fanned.scopes):
                latency = Counter[tuple[Measure, int]]()
                for at, bin_, count in held:
                    latency[bin_] += count if at == row else 0
                tags = sorted((key, text, n) for (at, key, text), n in fanned.tags.items() if at == row)
                sums = [
                    *fanned.sums[row].tolist(),
                    *sorted(v for (at, _), v in fanned.values.items() if at == row),
                ]
                found.append((block.sequence, about, sums, sorted((+latency).items()), tags))
        return sorted(found, key=repr)

    _, dealt = rolled(records, (7,), shards=shards)
    _, whole = rolled(records, (7,), shards=1)
    assert rows(dealt) == rows(whole)
    homes = defaultdict(set)
    for block in dealt:
        for about in fan_out_block(block).scopes:
            homes[about].add(block.shard)
    assert all(len(shards_of_one) == 1 for shards_of_one in homes.values())


def test_a_late_record_leaves_as_a_correction_before_the_next_bucket_closes() -> None:
    records = [event(ts=T0 + n) for n in range(0, 100, 5)]
    records += [event(ts=T0 + 3), event(ts=T0 + 12), event(ts=T0 + 99), event(ts=T0 + 105)]
    rollup, blocks = rolled(records)
    buckets = [
        (block.bucket - T0, block.late, block.records)
        for block in blocks
        if block.shard == 0 and not block.idle
    ]
    buckets = buckets[3:]  # the watermark begins a lateness before the first record
    assert buckets[:6] == [(0, 0, 2), (10, 0, 2), (20, 0, 2), (30, 0, 2), (40, 0, 2), (50, 0, 2)]
    assert buckets[6:9] == [(0, 1, 1), (10, 1, 1), (60, 0, 2)]
    assert rollup.late == 2


def test_the_watermark_never_falls_and_numbers_have_no_gaps_in_any_shard() -> None:
    records = [
        event(ts=T0 + move, tables=[{"name": f"t{move}"}])
        for move in (0, 50, 5, 90, 20, 350, 100, 400, 30, 700)
    ]
    _, blocks = rolled(records, (2,))
    for shard in range(SHARDS):
        mine = [block for block in blocks if block.shard == shard and not block.idle]
        assert [block.sequence for block in mine] == list(range(len(mine)))
        assert [block.watermark for block in mine] == sorted(block.watermark for block in mine)
        assert all(
            shard_of(about, SHARDS) == shard for block in mine for about in fan_out_block(block).scopes
        )


def test_a_night_without_records_is_one_empty_block() -> None:
    records = [event(ts=T0), event(ts=T0 + 1), event(ts=T0 + 40_000), event(ts=T0 + 40_001)]
    _, blocks = rolled(records)
    mine = [block for block in blocks if block.shard == 0]
    assert [(block.bucket - T0, block.watermark - T0, block.records) for block in mine[:2]] == [
        (0, 10, 2),
        (39_960, 39_970, 0),
    ]
    assert len(mine) == 4  # the morning's bucket, and idle


def test_absent_parts_have_no_scopes_and_no_edges() -> None:
    _, blocks = rolled([event(account=None), event()])
    assert {about for block in blocks for about in fan_out_block(block).scopes} == {
        Scope("service", "", "", "", "inventory")
    }


def test_a_table_knows_the_function_route_client_and_tenant_that_call_it() -> None:
    full = event(
        cloud="aws",
        account="1",
        region="eu",
        route="GET /",
        function="f",
        client={"name": "ios", "version": "3", "tenant": "t"},
        tables=[{"name": "items", "wcu": 2.5}],
    )
    _, blocks = rolled([full, full])
    found = {
        about.source.kind: block
        for block in blocks
        for about in fan_out_block(block).scopes
        if isinstance(about, Edge) and about.target == ITEMS
    }
    assert found.keys() == {"function", "route", "client", "tenant"}
    assert {block.shard for block in found.values()} == {shard_of(ITEMS, SHARDS)}


def test_latency_is_that_of_the_layer_each_kind_of_scope_stands_for() -> None:
    record = event(
        account="1",
        route="GET /",
        function="f",
        ms={"total": 500, "function": 100, "code": 60, "auth": 20},
        tables=[{"name": "items", "ms": 7}],
    )
    _, blocks = rolled([record] * 4)
    p50: dict[tuple[str, Measure], float] = {}
    for block in blocks:
        fanned = fan_out_block(block)
        for measure, latency in fanned.latency.items():
            histograms = np.zeros((len(fanned.scopes), N_BINS))
            np.add.at(histograms, latency[:2], latency[2])
            found = quantile(histograms, 0.5)
            p50 |= {
                (about.kind, measure): ms
                for about, ms in zip(fanned.scopes, found.tolist(), strict=True)
                if not np.isnan(ms)
            }
    assert p50 == {
        ("account", Measure.LATENCY): pytest.approx(500, rel=0.02),
        ("service", Measure.LATENCY): pytest.approx(500, rel=0.02),
        ("route", Measure.LATENCY): pytest.approx(500, rel=0.02),
        ("route", Measure.LATENCY_AUTH): pytest.approx(20, rel=0.02),
        ("function", Measure.LATENCY): pytest.approx(100, rel=0.02),
        ("function", Measure.LATENCY_CODE): pytest.approx(60, rel=0.02),
        ("table", Measure.LATENCY): pytest.approx(7, rel=0.02),
    }


def test_an_idle_source_is_reported_once_and_without_a_number_of_its_own() -> None:
    decoder, rollup = start()
    assert [(block.idle, block.sequence) for block in rollup.idle()] == [(True, -1)] * SHARDS
    assert rollup.idle() == []
    rollup.feed(decoded(decoder, [event(ts=T0 + n) for n in range(60)]))
    *counted, newest, second, first = rollup.idle()
    said = [first, second, newest]
    assert not any(block.idle for block in counted)
    assert {(block.idle, block.sequence) for block in said} == {(True, counted[-1].sequence)}
    assert {block.watermark for block in said} == {rollup.watermark}
    after = rollup.feed(decoded(decoder, [event(ts=T0 + 70)]))
    assert after[0].sequence == counted[-1].sequence + 1


def test_an_idle_source_is_reported_again_once_more_was_read_of_which_nothing_counts() -> None:
    decoder, rollup = start(shards=1)
    rollup.feed(decoded(decoder, [event(ts=T0 + n) for n in range(60)]))
    *_, said = rollup.idle(0, 60)
    (again,) = rollup.idle(0, 61)
    assert [(block.idle, block.read) for block in (said, again)] == [(True, 60), (True, 61)]
    assert (said.sequence, rollup.idle(0, 61)) == (again.sequence, [])


def test_a_source_that_falls_idle_reports_what_it_has_counted_and_goes_on_in_the_same_buckets() -> None:
    decoder, rollup = start(shards=1)
    blocks = rollup.feed(decoded(decoder, [event(ts=T0 + n) for n in range(60)]))
    blocks += rollup.idle()
    assert sum(block.records for block in blocks) == 60
    blocks += rollup.feed(decoded(decoder, [event(ts=T0 + 45), event(ts=T0 + 200)]))
    assert sum(block.records for block in blocks) == 61
    assert not any(block.late for block in blocks)
    assert rollup.late == 0


def test_too_many_names_are_folded_without_losing_a_count() -> None:
    records = [event(client={"name": "ios", "tenant": f"t{n}"}, ts=T0 + n / 100) for n in range(200)]
    _, blocks = rolled(records, (9,), bounds=Bounds(max_paths=10, max_calls=10))
    requests = defaultdict[str, float](float)
    for block in blocks:
        fanned = fan_out_block(block)
        for about, sums in zip(fanned.scopes, fanned.sums, strict=True):
            requests[about.kind] += sums[0]
    assert requests["service"] == 200
    assert requests["client"] == 200
    assert requests["tenant"] == 0
    assert len({about for block in blocks for about in fan_out_block(block).scopes}) < 40


def test_past_the_bound_new_keys_of_values_are_one_and_nothing_is_lost() -> None:
    records = [event(account="1", values={f"key {n}": 1.0, "sales": 2e-7}) for n in range(20)]
    _, blocks = rolled(records, (3,), restart=True, bounds=Bounds(max_values=7))
    found = values_of(blocks)
    assert {(scope.kind, key) for _, scope, key in found} == {
        (kind, key)
        for kind in ("account", "service")
        for key in ("key 0", "sales", "key 1", "other")  # of half of the places, one is that of gb_s
    }
    of_account = {key: amount for (_, scope, key), amount in found.items() if scope.kind == "account"}
    assert of_account["other"] == 18
    assert of_account["sales"] == pytest.approx(20 * 2e-7, rel=1e-5)


def test_ids_are_forgotten_with_their_bucket() -> None:
    records = [event(ts=T0 + n, id=f"e{n}") for n in range(3000)]
    decoder, rollup = start()
    for at in range(0, 3000, 100):
        rollup.feed(decoded(decoder, records[at : at + 100]))
    parts = rollup.snapshot()
    assert sum(len(part) for name, part in parts.items() if name.startswith("ids/")) < 1500
    assert len([name for name in parts if name.startswith("open/")]) <= 5


def test_a_guessed_id_takes_no_record_of_another_service() -> None:
    decoder, rollup = start()
    guessed = [event(ts=T0, service="evil", id=f"honest-{n}") for n in range(9)]
    honest = [event(ts=T0, service="honest", id=f"honest-{n}", status=500) for n in range(9)]
    rollup.feed(decoded(decoder, [*guessed, *honest, *honest]))
    assert rollup.duplicates == len(honest)
