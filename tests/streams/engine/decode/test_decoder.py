"""Decode: what good records become, and that bad ones affect nothing else."""

import json
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import RollupSettings, Settings
from detectors.model.array_types import Floats
from streams.engine.decode.cells import IN_AUTH, IN_CODE, IN_FUNCTION, LAYERS, TOTAL
from streams.engine.decode.columns import BACKEND, FATAL, NO_ERROR, USER, Columns, joined
from streams.engine.decode.decoder import Decoder
from streams.engine.decode.event import MOST_TABLES, Event
from streams.engine.decode.event_reader import PIECE_BYTES
from streams.engine.decode.parse import Problem, parse
from streams.engine.decode.paths import OTHER
from streams.engine.decode.rejected import Rejected, RejectReason
from streams.engine.decode.returning_names import RETURNS
from streams.engine.decode.values import LARGEST, parts_of
from streams.engine.rollup.blocks.counts import did_read, did_write
from tests.laws.arrivals import prompt
from tests.streams.engine.decode.malformed_corpus import CORPUS

T0 = 1_760_000_000


def event(**fields: object) -> bytes:
    return json.dumps({"ts": T0, "service": "inventory"} | fields).encode()


def decoded(
    decoder: Decoder, records: Sequence[bytes], arrived: Floats | None = None
) -> tuple[Columns, list[Rejected]]:
    """Decode records of prompt senders."""
    return decoder.decode(records, prompt(records) if arrived is None else arrived)


def columns_of(*records: bytes) -> tuple[Decoder, Columns]:
    decoder = Decoder()
    columns, rejected = decoded(decoder, [event(), *records])
    assert not rejected
    return decoder, columns


@pytest.mark.parametrize(
    ("record", "reason"), CORPUS, ids=[f"{n}-{reason}" for n, (_, reason) in enumerate(CORPUS)]
)
def test_a_malformed_record_is_rejected_with_its_reason_and_its_neighbours_are_counted(
    record: bytes, reason: RejectReason
) -> None:
    columns, rejected = decoded(Decoder(), [event(), event(), record, event()])
    assert len(columns) == 3
    assert [(bad.reason, bad.index, bad.sample) for bad in rejected] == [(reason, 2, record[:1024])]
    assert rejected[0].detail
    assert "\n" not in rejected[0].detail


@pytest.mark.parametrize(
    ("layers", "counts"),
    [
        ({"total": 29_000}, 0),
        ({"total": 300_000}, 300),
        ({"function": 300_000}, 300),
        ({"total": 40_000, "function": 39_000}, 40),
        ({"total": 310_000}, 305),  # by the sender's clock, which is ahead: it ended when it arrived
        ({"total": 4e6}, 0),
    ],
)
def test_a_request_counts_when_it_began_and_a_long_one_when_it_ended(
    layers: dict[str, float], counts: float
) -> None:
    decoder = Decoder()
    decoded(decoder, [event(ts=T0 + 305)])
    columns, rejected = decoded(decoder, [event(ms=layers)], np.array([T0 + 305.0]))
    assert not rejected
    assert columns.ts.tolist() == [T0 + counts]


OF_OTHERS = {
    RejectReason.FAR_FUTURE,
    RejectReason.UNKNOWN_FORMAT,
    RejectReason.DAMAGED,
}  # of time, of formats


def test_the_corpus_as_a_whole_leaves_every_good_record_counted() -> None:
    records, good = [], 0
    for record, _ in CORPUS:
        records += [event(), record]
        good += 1
    columns, rejected = decoded(Decoder(), records)
    assert len(columns) == good
    assert Counter(bad.reason for bad in rejected) == Counter(reason for _, reason in CORPUS)
    assert [bad.index for bad in rejected] == list(range(1, 2 * good, 2))
    assert {reason for _, reason in CORPUS} == set(RejectReason) - OF_OTHERS


def test_halves_of_one_object_do_not_pass_as_two_records() -> None:
    halves = [b'{"ts":1760000000,', b'"service":"a"}', event() + event()]
    columns, rejected = decoded(Decoder(), halves)
    assert len(columns) == 0
    assert [bad.reason for bad in rejected] == [RejectReason.NOT_JSON] * 3


def test_an_empty_record_is_rejected_as_empty() -> None:
    columns, rejected = decoded(Decoder(), [event(), b"", event()])
    assert len(columns) == 2
    assert [(bad.reason, bad.sample) for bad in rejected] == [(RejectReason.EMPTY, b"")]


@pytest.mark.parametrize(
    ("ts", "seconds"),
    [
        (1_760_000_000.5, 1_760_000_000.5),
        (1_760_000_000_500, 1_760_000_000.5),
        ("2025-10-09T08:53:20.5Z", 1_760_000_000.5),
        ("2025-10-09t17:53:20.500+09:00", 1_760_000_000.5),
    ],
)
def test_seconds_milliseconds_and_rfc_3339_are_the_same_time(ts: object, seconds: float) -> None:
    _, columns = columns_of(event(ts=ts))
    assert columns.ts[1] == seconds


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, NO_ERROR),
        ({"status": 200}, NO_ERROR),
        ({"status": 404}, USER),
        ({"status": 503}, BACKEND),
        ({"status": 429}, USER),
        ({"status": 429, "throttled": "our own limit"}, BACKEND),
        ({"status": 503, "error": None}, NO_ERROR),
        ({"status": 200, "error": "fatal"}, FATAL),
        ({"error": "user"}, USER),
        ({"status": 404, "error": "backend"}, BACKEND),
        ({"status": None}, NO_ERROR),
    ],
)
def test_the_error_class_is_stated_by_the_event_or_implied_by_its_status(
    fields: dict[str, object], error: int
) -> None:
    _, columns = columns_of(event(**fields))
    assert columns.error[1] == error


def test_nulls_and_unknown_fields_are_as_good_as_absent_ones() -> None:
    fields = dict.fromkeys(
        [
            "id",
            "cloud",
            "account",
            "region",
            "route",
            "function",
            "client",
            "status",
            "error_type",
            "ms",
            "cold_start",
            "throttled",
            "tables",
            "values",
        ]
    )
    _, columns = columns_of(event(**fields, whatever={"x": [1]}), event())
    assert columns.path[0] == columns.path[1] == columns.path[2]
    assert columns.bins.tolist() == [[-1] * LAYERS] * 3
    assert columns.busy.tolist() == [0, 0, 0]


def test_a_function_stands_for_its_service() -> None:
    decoder, columns = columns_of(event(service=None, function="put"))
    path = decoder.paths.names[columns.path[1]]
    assert (path.service, path.function) == ("put", "put")


def test_a_route_alone_is_enough() -> None:
    decoder, columns = columns_of(event(service=None, route="GET /"))
    assert decoder.paths.names[columns.path[1]].route == "GET /"


def test_layers_stand_in_for_each_other_only_where_one_is_missing() -> None:
    _, columns = columns_of(
        event(ms={"total": 100}), event(ms={"function": 10}), event(ms={"total": 100, "function": 10})
    )
    total, function = columns.bins[:, TOTAL], columns.bins[:, IN_FUNCTION]
    assert total[1] == function[1] == total[3]
    assert total[2] == function[2] == function[3]
    assert (columns.bins[:, [IN_CODE, IN_AUTH]] == -1).all()
    assert columns.busy.round(3).tolist() == [0, 0.1, 0.01, 0.01]


@pytest.mark.parametrize(
    ("call", "reads", "writes"),
    [
        ({"op": "GetItem", "rcu": 0.5}, True, False),
        ({"op": "UpdateItem", "wcu": 2.5, "rcu": 0}, False, True),
        ({"op": "Query", "throttled": "TableReadProvisionedThroughputExceeded"}, True, False),
        ({"op": "google.datastore.v1.Datastore/Commit"}, False, True),
        ({"op": "ExecuteStatement", "rcu": 4.0}, True, False),
        ({"op": "ExecuteStatement", "rcu": 4.0, "wcu": 1.0}, True, True),
        ({"op": "ExecuteStatement"}, False, False),
        ({"wcu": 1.0}, False, True),
    ],
)
def test_a_call_reads_or_writes_by_its_consumed_units_else_by_its_operation(
    call: dict[str, object], reads: bool, writes: bool
) -> None:
    _, columns = columns_of(event(tables=[{"name": "items"} | call]))
    assert (did_read(columns).tolist(), did_write(columns).tolist()) == ([reads], [writes])


def test_names_are_cut_at_256_bytes_and_stay_text() -> None:
    decoder, columns = columns_of(event(service="ä" * 200), event(service="ä" * 300))
    assert columns.path[1] == columns.path[2]
    assert decoder.paths.names[columns.path[1]].service == "ä" * 128


def test_without_room_tenants_fold_first_and_everything_is_still_counted() -> None:
    decoder = Decoder(Settings(rollup=RollupSettings(max_paths=10, max_calls=5)))
    records = [
        event(client={"name": "ios", "tenant": f"t{n}"}, tables=[{"name": f"t{n}"}]) for n in range(30)
    ]
    columns, rejected = decoded(decoder, records)
    assert (len(columns), rejected) == (30, [])
    assert len(decoder.paths.names) == 5 + 1, "half is for names that come back"
    assert decoder.paths.names[5].tenant == decoder.paths.names[5].client == "other"
    assert decoder.paths.names[5].service == "inventory"
    assert np.bincount(columns.path).tolist() == [1] * 5 + [25]
    assert decoder.folded == 25 + 27


def test_an_event_takes_names_for_a_thousand_tables_and_counts_its_calls_of_others_together() -> None:
    names = [f"t{number}" for number in range(40_000)]
    decoder, columns = columns_of(
        event(tables=[{"name": name} for name in [*names, "t0", "t39999"]]),
        event(tables=[{"name": "t0"}] * 5000),
    )
    tables = Counter(decoder.calls.names[number].table for number in columns.call.tolist())
    assert len(tables) == MOST_TABLES + 1
    assert tables["t0"] == 5002
    assert tables["t999"] == 1
    assert tables[OTHER] == 39_000 + 1
    assert decoder.folded == 39_001
    assert len(columns.call) == 45_002


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.filterwarnings("error")
def test_amounts_beyond_all_bounds_are_finite(compiled: bool) -> None:
    record = event(function="f", weight=1e6, values={"gb_s": 1.7e308, "sales": -1.7e308})
    decoder = Decoder(compiled=compiled)
    columns, _ = decoder.decode([record] * 2000)
    assert set(columns.gb_seconds.tolist()) == {LARGEST}
    assert set(parts_of(columns.value).sum(axis=1).tolist()) == {LARGEST, -LARGEST}


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("text", [b"\xff", rb"\ud800", rb"\udc00\ud83d", b"\xe3\x81"])
def test_a_text_that_is_cut_in_a_character_costs_no_record(text: bytes, compiled: bool) -> None:
    good = event(service="shop")
    cut = good.replace(b'"shop"', b'"shop' + text + b'"')
    decoder = Decoder(compiled=compiled)
    columns, rejected = decoder.decode([good, cut, good], np.full(3, T0 + 1.0))
    assert (len(columns.ts), rejected) == (3, [])
    names = [decoder.paths.names[path].service for path in columns.path.tolist()]
    assert names[0] == names[2] == "shop"
    assert names[1].startswith("shop\ufffd")


def test_no_flood_of_names_grows_the_decoder_without_bound() -> None:
    decoder = Decoder(Settings(rollup=RollupSettings(max_paths=50, max_calls=50)))
    flood = [
        event(
            account=f"{n}",
            service=f"s{n}",
            route=f"r{n}",
            tables=[{"name": f"t{n}"}],
            client={"name": f"c{n}"},
        )
        for n in range(2000)
    ]
    decoded(decoder, flood)
    assert len(decoder.paths.names) <= 50 + 3 * 5 + 1
    assert len(decoder.calls.names) <= 50 + len(decoder.paths.names)


def flooded(minutes: int, names: int = 500) -> list[bytes]:
    """A minute of names that never come back, and then a new function with a new table, once a minute."""
    at = T0 - T0 % 60
    return [event(ts=at, function=f"f{n}", tables=[{"name": f"t{n}"}]) for n in range(names)] + [
        event(ts=at + 60 * minute, function="new", tables=[{"name": "own"}]) for minute in range(minutes)
    ]


def test_a_new_name_that_comes_back_has_room_after_any_flood_of_names_that_do_not() -> None:
    decoder = Decoder(Settings(rollup=RollupSettings(max_paths=50, max_calls=50)))
    columns, _ = decoded(decoder, flooded(12))
    names = [decoder.paths.names[path].function for path in columns.path[-12:].tolist()]
    assert names == [OTHER] * (RETURNS - 1) + ["new"] * (12 - RETURNS + 1)
    tables = [decoder.calls.names[call].table for call in columns.call[-12:].tolist()]
    assert "own" in tables
    assert tables == sorted(tables), "of one that waited until its path had come back: other, then own"


def coming_back(minutes: range, names: int, **other: object) -> list[bytes]:
    """Names of functions, each with a request in every minute."""
    at = T0 - T0 % 60
    return [
        event(ts=at + 60 * minute, function=f"f{n}", **({"service": f"s{n}"} | other))
        for minute in minutes
        for n in range(names)
    ]


def kept(decoder: Decoder) -> list[str]:
    """Functions with a path of their own, and a tenth that lost only their clients."""
    return [path.function for path in decoder.paths.names if path.function != OTHER]


def test_many_names_that_come_back_fill_the_rest_slowly_and_no_more() -> None:
    decoder = Decoder(Settings(rollup=RollupSettings(max_paths=50)))
    decoded(decoder, coming_back(range(9), 200))
    assert 25 <= len(kept(decoder)) <= 25 + 5 + 9
    decoded(decoder, coming_back(range(9, 60), 200))
    assert len(kept(decoder)) == 50 + 5
    assert len(decoder.paths.names) <= 50 + 3 * 5 + 1


def test_after_a_flood_of_names_that_come_back_for_minutes_a_new_name_has_room() -> None:
    decoder = Decoder(Settings(rollup=RollupSettings(max_paths=1000)))
    decoded(decoder, coming_back(range(12), 1200))
    decoded(decoder, [event(ts=T0 + 60 * minute, function="new") for minute in range(13, 13 + RETURNS)])
    assert "new" in kept(decoder)


def test_keys_of_one_record_leave_room_for_those_of_another_service() -> None:
    decoder = Decoder()
    keys = {f"key-{n}": 1.0 for n in range(60)}
    decoded(decoder, [event(ts=T0 + 60 * minute, service="flood", values=keys) for minute in range(30)])
    assert 25 < len(decoder.values.names) <= 25 + 13
    sales = [event(ts=T0 + 60 * minute, service="shop", values={"sales": 1}) for minute in range(30, 36)]
    restored = Decoder()
    restored.restore(decoder.snapshot())
    for after in (decoder, restored):
        columns, _ = decoded(after, sales)
        named = [after.values.names[key] for key in columns.value_key.tolist()]
        assert named == [OTHER] * (RETURNS - 1) + ["sales"] * 2
    assert restored.snapshot() == decoder.snapshot()


def test_names_of_one_service_without_end_leave_room_for_those_of_another() -> None:
    decoder = Decoder(Settings(rollup=RollupSettings(max_paths=100)))
    for minute in range(0, 100, 10):
        decoded(decoder, coming_back(range(minute, minute + 10), 200, service="s"))
    assert len(kept(decoder)) <= 50 + 10 + 25
    new = [event(ts=T0 + 60 * minute, function="new") for minute in range(101, 101 + RETURNS)]
    restored = Decoder(Settings(rollup=RollupSettings(max_paths=100)))
    restored.restore(decoder.snapshot())
    for after in (decoder, restored):
        decoded(after, new)
        assert "new" in kept(after)
    assert restored.snapshot() == decoder.snapshot()


@pytest.mark.parametrize("cut", [1, 499, 502, 506, 511])
def test_a_restart_and_other_runs_change_nothing_of_which_names_come_back(cut: int) -> None:
    settings, records = Settings(rollup=RollupSettings(max_paths=50, max_calls=50)), flooded(12)
    whole = Decoder(settings)
    expected, _ = decoded(whole, records)
    before, after = Decoder(settings), Decoder(settings)
    first, _ = decoded(before, records[:cut])
    after.restore(before.snapshot())
    last, _ = decoded(after, records[cut:])
    assert [*first.path, *last.path] == expected.path.tolist()
    assert [*first.call, *last.call] == expected.call.tolist()
    assert after.snapshot() == whole.snapshot()


leaps = st.lists(st.sampled_from([0, 1, -20, 40, 290, 310, 4000, 90_000, 2e9, -400]), min_size=1, max_size=60)


@given(leaps, st.lists(st.integers(1, 7), min_size=60, max_size=60), st.booleans())
def test_cutting_the_records_anywhere_decodes_and_rejects_the_same(
    steps: list[float], cuts: list[int], restart: bool
) -> None:
    ts, records = float(T0), []
    for step in steps:
        ts = T0 if step == 2e9 else min(max(ts + step, T0 - 1e6), 4.1e9 - 1e6)
        records.append(event(ts=ts + step if step == 2e9 else ts))
    whole = Decoder()
    columns, rejected = decoded(whole, records)
    last, last_rejected = whole.finish()
    expected_ts = [*columns.ts.tolist(), *last.ts.tolist()]
    expected_bad = [(bad.index, bad.reason) for bad in rejected]
    expected_bad += [(len(records) + bad.index, bad.reason) for bad in last_rejected]

    decoder, got_ts, got_bad, at = Decoder(), [], [], 0
    for size in cuts:
        run = records[at : at + size]
        columns, rejected = decoded(decoder, run)
        got_ts += columns.ts.tolist()
        got_bad += [(at + bad.index, bad.reason) for bad in rejected]
        at += len(run)
        if restart:
            parts = decoder.snapshot()
            decoder = Decoder()
            decoder.restore(parts)
    columns, rejected = decoder.finish()
    got_ts += columns.ts.tolist()
    got_bad += [(at + bad.index, bad.reason) for bad in rejected]
    assert got_ts == expected_ts
    assert sorted(got_bad) == sorted(expected_bad)
    assert len(got_ts) + len(got_bad) == len(records)


def test_one_wild_clock_at_the_very_start_does_not_poison_the_partition() -> None:
    decoder = Decoder()
    records = [event(ts=3_800_000_000), event(ts=T0), event(ts=T0 + 1)]
    columns, rejected = decoded(decoder, records, T0 + np.arange(3.0))
    assert columns.ts.tolist() == [T0, T0 + 1]
    assert columns.newest.tolist() == [T0, T0 + 1]
    assert [(bad.reason, bad.index) for bad in rejected] == [(RejectReason.FAR_FUTURE, 0)]


def test_wild_clocks_among_good_records_never_move_time() -> None:
    decoder = Decoder()
    records = [event(ts=T0)] + [event(ts=T0 + n if n % 5 else 3_800_000_000 + n) for n in range(1, 40)]
    columns, rejected = decoded(decoder, records, T0 + np.arange(40.0))
    assert columns.newest.max() < T0 + 40
    assert {bad.reason for bad in rejected} == {RejectReason.FAR_FUTURE}
    assert len(columns) + len(rejected) == len(records)


def test_a_quiet_night_is_not_a_wild_clock() -> None:
    decoder = Decoder()
    decoded(decoder, [event(ts=T0), event(ts=T0 + 1)])
    morning, rejected = decoded(decoder, [event(ts=T0 + 30_000), event(ts=T0 + 30_001)])
    assert morning.ts.tolist() == [T0 + 30_000, T0 + 30_001]
    assert not rejected


def test_a_source_with_a_record_every_half_hour_loses_none() -> None:
    decoder = Decoder()
    got = [
        columns.ts.tolist() for columns, _ in (decoded(decoder, [event(ts=T0 + 1800 * n)]) for n in range(9))
    ]
    got.append(decoder.finish()[0].ts.tolist())
    assert [ts for run in got for ts in run] == [T0 + 1800 * n for n in range(9)]


def test_a_wild_last_record_is_rejected_at_the_end() -> None:
    decoder = Decoder()
    decoder.decode([event(), event(ts=T0 + 1), event(ts=3_800_000_000)])  # of a file
    columns, rejected = decoder.finish()
    assert len(columns) == 2
    assert [(bad.reason, bad.index) for bad in rejected] == [(RejectReason.FAR_FUTURE, -1)]


def test_a_long_run_is_decoded_as_its_records_one_by_one() -> None:
    odd = [event(id=f"{n}", error="fatal", error_type=f"E{n % 7}", ts=T0 + n / 9) for n in range(900)]
    odd += [b"bad", event(ts=T0 + 3e6)]
    odd += [
        event(ts=T0 + 99, tables=[{"name": f"t{n % 5}", "wcu": n, "throttled": "hot"}] * (n % 3))
        for n in range(1500)
    ]
    arrived = np.full(len(odd), T0 + 110.0)
    columns, rejected = decoded(Decoder(), odd, arrived)
    whole, single_bad, single = Decoder(), [], []
    for at, record in enumerate(odd):
        row, bad = decoded(whole, [record], arrived[at : at + 1])
        single.append(row)
        single_bad += [(at + record.index, record.reason) for record in bad]
    expected = joined(single)
    for name in Columns.__dataclass_fields__.keys() - {"raw", "record"}:
        np.testing.assert_array_equal(getattr(columns, name), getattr(expected, name), err_msg=name)
    bodies = [columns.body(row) for row in range(len(columns))]
    assert bodies == [expected.body(row) for row in range(len(expected))]
    assert [(bad.index, bad.reason) for bad in rejected] == sorted(single_bad)
    assert len(columns) == 2400
    assert len(rejected) == 2


def test_few_large_records_are_decoded_at_once_for_their_objects_take_many_times_their_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parsed: list[int] = []

    def counting(records: Sequence[bytes]) -> tuple[list[Event], list[int], dict[int, Problem]]:
        parsed.append(sum(map(len, records)))
        return parse(records)

    monkeypatch.setattr("streams.engine.decode.event_reader.parse", counting)
    calls = ", ".join(['{"name": "a"}'] * 30_000)
    record = f'{{"ts": 1760000000, "service": "shop", "tables": [{calls}]}}'.encode()
    columns, rejected = decoded(Decoder(), [record] * 20)
    assert (len(columns.call), rejected) == (20 * 30_000, [])
    assert max(parsed) <= PIECE_BYTES
