"""Laws of the compiled code: the scanner agrees with the plain decoder, live counts with plain ones."""

import json
import math
import struct
from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.settings import RollupSettings as Bounds
from config.settings import Settings
from detectors.latency.histogram import EDGES, bins_of
from detectors.state.compiled import COMPILES
from streams.engine.decode.columns import Columns
from streams.engine.decode.decoder import Decoder
from streams.engine.decode.event import MOST_TABLES
from streams.engine.decode.records import Records
from streams.engine.rollup.blocks.block_codec import encode_block
from streams.engine.rollup.rollup import Rollup
from tests.laws.arrivals import prompt
from tests.laws.events import T0, Sent, record, spoilt, steady, streams

if not COMPILES:
    pytest.skip("nothing is compiled here", allow_module_level=True)

from streams.engine.decode.scan.scan_number import read_number
from streams.engine.decode.scan.scan_parts import bin_of
from streams.engine.decode.scan.scanner import Scanner

TIGHT = Bounds(max_paths=4, max_calls=3, max_values=2)
START = [b'{"ts":%d,"service":"a","id":"start-%d"}' % (T0, number) for number in range(3)]
PLAIN_EVENT = (
    b'{"ts": %d.25, "id": "Kz1f", "cloud": "aws", "account": "1", "region": "r", "service": "s",'
    b'"route": "GET /", "function": "f", "client": {"name": "ios", "version": "3", "tenant": null},'
    b'"status": 429, "error": null, "error_type": null, "ms": {"total": 41.2, "function": 1e1, "code": 0.5,'
    b'"auth": null}, "cold_start": true, "throttled": "hot", "more": [{"x": [1, "y", {}]}, true, null],'
    b'"tables": [{"name": "t", "op": "GetItem", "ms": 7.5, "rcu": 0.5, "wcu": 0, "throttled": null}],'
    b'"values": {"sales": -12.5}}'
)


def assert_same(one: Columns, other: Columns) -> None:
    for name in Columns.__dataclass_fields__:
        mine, theirs = getattr(one, name), getattr(other, name)
        if name == "raw":
            continue
        if name == "record":  # its number in parts of any size
            assert [one.body(row) for row in range(len(one))] == [
                other.body(row) for row in range(len(other))
            ]
        elif isinstance(mine, list):
            assert mine == theirs, name
        else:
            assert mine.dtype == theirs.dtype, name
            assert mine.tolist() == theirs.tolist(), name


def both(settings_: Settings | None = None) -> tuple[Decoder, Decoder]:
    return Decoder(settings_), Decoder(settings_, compiled=False)


@settings(steady)
@given(streams(most=60), st.integers(1, 40), st.sampled_from([None, TIGHT]))
def test_the_scanner_reads_every_record_as_the_plain_decoder_does(
    sent: Sequence[Sent], size: int, bounds: Bounds | None
) -> None:
    fast, plain = both(None if bounds is None else Settings(rollup=bounds))
    bodies = [*START, *(event.body for event in sent)]
    bodies *= 2  # the second time most names are known, so that the scanner does the work
    for at in range(0, len(bodies), size):
        run = bodies[at : at + size]
        (columns, rejected), (expected, bad) = fast.decode(run, prompt(run)), plain.decode(run, prompt(run))
        assert_same(columns, expected)
        assert rejected == bad
    assert_same(fast.finish()[0], plain.finish()[0])
    assert fast.snapshot() == plain.snapshot()
    assert fast.folded == plain.folded


def test_records_that_are_spoilt_in_any_way_are_read_as_the_plain_decoder_reads_them() -> None:
    fast, plain = both()
    good = [record(seed, T0) for seed in range(300)]
    for run in (START, good, good):
        fast.decode(run, prompt(run))
        plain.decode(run, prompt(run))
    random = Random(5)  # noqa: S311 - the same in every run
    for _ in range(40):
        run = [
            spoilt(random.randrange(1 << 30))
            if random.random() < 0.5
            else mutilated(random, random.choice(good))
            for _ in range(100)
        ]
        (columns, rejected), (expected, bad) = fast.decode(run, prompt(run)), plain.decode(run, prompt(run))
        assert_same(columns, expected)
        assert rejected == bad


def test_no_byte_of_a_record_can_change_unnoticed() -> None:
    fast, plain = both()
    good = PLAIN_EVENT.replace(b'"hot"', b"null") % T0
    known = [*START, good, good]
    changed = [
        good[:at] + bytes([byte]) + good[at + 1 :]
        for at in range(len(good))
        for byte in b'{}[]",: 0123e\\n\xc3'
    ]
    shortened = [good[:at] for at in range(len(good))] + [
        good[:at] + good[at + 1 :] for at in range(len(good))
    ]
    for run in (known, known, changed, shortened, [good + good, good + b" ", b" " + good]):
        (columns, rejected), (expected, bad) = fast.decode(run, prompt(run)), plain.decode(run, prompt(run))
        assert_same(columns, expected)
        assert rejected == bad


def mutilated(random: Random, body: bytes) -> bytes:
    """Change a byte or two to characters of JSON, so that the record often remains an event."""
    changed = bytearray(body)
    for _ in range(random.choice((1, 1, 2))):
        changed[random.randrange(len(changed))] = random.choice(
            b'{}[]",:\\ 0123456789.eE+-ntfalsru\n\x00\x7f\xc3'
        )
    return bytes(changed)


@pytest.mark.parametrize("cut", range(0, len(PLAIN_EVENT % T0), 7))
def test_nothing_is_read_behind_the_end_of_the_memory(cut: int) -> None:
    fast, plain = both()
    whole = PLAIN_EVENT % T0
    for run in (START, [whole], [whole[:cut]], [whole, whole[:cut]]):
        (columns, rejected), (expected, bad) = fast.decode(run, prompt(run)), plain.decode(run, prompt(run))
        assert_same(columns, expected)
        assert rejected == bad


def test_what_services_write_is_read_by_the_scanner_once_its_names_are_known() -> None:
    decoder = Decoder()
    run = [PLAIN_EVENT % (T0 + number) for number in range(200)]
    decoder.decode(START, prompt(START))
    decoder.decode(run, prompt(run))
    scanner = decoder._scanner
    assert isinstance(scanner, Scanner)
    assert scanner.scan(Records.of(run))[0].all()


def compact(number: int, **more: Any) -> bytes:
    """Return an event as a service writes it, whose values all differ from those of other numbers."""
    call = {"name": f"t{number % 3}", "op": "GetItem", "ms": number / 7, "rcu": number % 5}
    said = {
        "ts": T0 + number / 8, "id": f"{number:x}", "service": "s", "function": f"f{number % 7}",
        "client": {"name": "ios", "version": f"3.{number % 2}"}, "status": 200 + 100 * (number % 4),
        "ms": {"total": number / 3, "function": number}, "tables": [call] * (number % 3),
        "values": {"sales": -number / 9}, "trace": f"{number:032x}", "joins": f"{number} {number:o}",
    }  # fmt: skip
    return json.dumps(said | more, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"throttled": "hot"},
        {"error": "fatal", "error_type": "Timeout"},
        {"error": "user", "error_type": "BadInput"},
        {"kind": "call", "values": None},
        {"values": {"sales": -1e300, "refunds": 1e10}, "weight": 3},
        {"service": "売上", "tables": [{"name": "表", "op": "GetItem"}]},
        {"trace": "跡"},
        {"counts": "function", "values": None},
        {"tables": [{"name": "t0", "op": "GetItem", "throttled": "hot key"}]},
        {"client": {"name": "ios", "session": "a1"}},
        {"more": {"route": "x" * 5000}},
    ],
)
def test_what_a_service_writes_again_and_again_is_read_as_the_plain_decoder_reads_it(
    more: dict[str, Any],
) -> None:
    fast, plain = both()
    for first in (0, 100, 200):
        run = [compact(number, **more) for number in range(first, first + 100)]
        (columns, rejected), (expected, bad) = fast.decode(run, prompt(run)), plain.decode(run, prompt(run))
        assert_same(columns, expected)
        assert rejected == bad


def test_of_too_many_tables_in_one_event_both_decoders_fold_the_same() -> None:
    def body(tables: Sequence[int]) -> bytes:
        calls = ",".join(f'{{"name":"t{number}"}}' for number in tables)
        return f'{{"ts":{T0},"service":"a","tables":[{calls}]}}'.encode()

    first, second = range(600), range(600, 1200)
    repeated = [*range(MOST_TABLES)] * 2
    fast, plain = both()
    for run in (START, [body(first), body(second)], [body([*first, *second])] * 2, [body(repeated)] * 2):
        (columns, rejected), (expected, bad) = fast.decode(run, prompt(run)), plain.decode(run, prompt(run))
        assert_same(columns, expected)
        assert rejected == bad == []
    assert fast.snapshot() == plain.snapshot()
    assert fast.folded == plain.folded == 2 * (1200 - MOST_TABLES)


@settings(steady)
@given(streams(most=60), st.integers(1, 40), st.integers(1, 3))
def test_live_counts_equal_those_of_the_reference_implementation(
    sent: Sequence[Sent], size: int, shards: int
) -> None:
    encoded, snapshots = [], []
    bodies = [*START, *(event.body for event in sent)]
    for compiled in (True, False):
        decoder = Decoder(compiled=compiled)
        rollup = Rollup("law/0", shards, Settings().time, decoder, compiled=compiled)
        blocks = []
        for at in range(0, len(bodies), size):
            blocks += rollup.feed(decoder.decode(bodies[at : at + size], prompt(bodies[at : at + size]))[0])
        snapshots.append(rollup.snapshot())
        encoded.append([encode_block(block) for block in [*blocks, *rollup.finish()]])
    assert encoded[0] == encoded[1]
    assert snapshots[0] == snapshots[1]


def number_at(text: str) -> tuple[float, int]:
    memory = np.frombuffer(text.encode(), np.uint8)
    value, behind = read_number(memory.ctypes.data, memory.ctypes.data + len(memory))
    return value, behind - memory.ctypes.data if behind >= 0 else -1


def texts() -> st.SearchStrategy[str]:
    near = st.integers(0, 2**52 - 1).flatmap(  # floats of every size, and what lies half way to the next
        lambda mantissa: st.integers(1023 - 150, 1023 + 150).map(
            lambda exponent: repr(struct.unpack("<d", struct.pack("<Q", exponent << 52 | mantissa))[0])
        )
    )
    ties = st.builds(
        lambda m, shift: str(((1 << 53) + 2 * m + 1) << shift), st.integers(0, 2**52), st.integers(0, 9)
    )
    written = st.builds(
        lambda sign, whole, rest, power: f"{sign}{whole}.{rest}e{power}",
        st.sampled_from(["", "-"]), st.integers(0, 10**9), st.integers(0, 10**9), st.integers(-80, 80),
    )  # fmt: skip
    return st.one_of(near, ties, written, st.integers(-(10**20), 10**20).map(str))


@settings(steady, max_examples=2000)
@given(texts())
def test_a_number_that_the_scanner_reads_is_the_float_that_python_reads(text: str) -> None:
    value, behind = number_at(text)
    if behind >= 0:
        assert (value, behind) == (float(text), len(text))


@pytest.mark.parametrize(
    "text", ["", "-", "+1", "01", "-01", "1.", "1.e3", ".5", "1e", "1e+", "NaN", "1e999"]
)
def test_text_that_is_not_a_json_number_is_not_read_whole(text: str) -> None:
    value, behind = number_at(text)
    assert behind < len(text) or not text
    assert math.isfinite(value)


def test_a_bin_looked_up_is_the_bin_searched_for() -> None:
    values = np.concatenate(
        (
            EDGES, np.nextafter(EDGES, 0), np.nextafter(EDGES, np.inf), [0.0, -1.0, np.nan, 1e300, np.inf],
            10 ** np.random.default_rng(0).uniform(-4, 9, 20_000),
        )
    )  # fmt: skip
    assert [bin_of(value) for value in values] == bins_of(values).tolist()
