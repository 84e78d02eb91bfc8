"""A name that finds no place costs few calls, however many a body has: its sender must not delay others."""

import json
import sys
from collections import Counter
from collections.abc import Callable
from types import FrameType

import numpy as np

from streams.engine.decode.decoder import Decoder
from streams.engine.decode.paths import CallIds, PathIds, RawPath
from streams.engine.decode.values import ValueKeys

MOST = 50
NAMES = 2000


def calls_of(work: Callable[[], object]) -> float:
    """Return the calls, of Python and of C, that some work takes per name."""
    counted = Counter[str]()

    def note(_: FrameType, event: str, __: object) -> None:
        counted[event] += 1

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return (counted["call"] + counted["c_call"]) / NAMES


def path_of(service: str) -> RawPath:
    return None, None, None, service, "POST /orders", f"of {service}", None, None, None, False


def test_a_key_of_values_without_a_place_costs_few_calls() -> None:
    paths = PathIds(MOST)
    [path] = paths.look_up([path_of("orders")], [0])
    keys = ValueKeys(MOST, paths)
    of, minutes = np.full(NAMES, path), np.full(NAMES, 29_333_333)
    keys.look_up([f"early {number}" for number in range(MOST)], of[:MOST], minutes[:MOST])
    names = [f"key {number}" for number in range(NAMES)]
    assert calls_of(lambda: keys.look_up(names, of, minutes)) < 18
    assert keys.names[keys.look_up(names[:1], of[:1], minutes[:1])[0]] == "other"


def test_a_table_without_a_place_costs_few_calls() -> None:
    ids = CallIds(MOST)
    ids.look_up([(0, f"early {number}") for number in range(MOST)], [0] * MOST)
    names = [(0, f"table {number}") for number in range(NAMES)]
    assert calls_of(lambda: ids.look_up(names, [1] * NAMES)) < 30


def test_a_path_without_a_place_costs_few_calls() -> None:
    ids = PathIds(MOST)
    ids.look_up([path_of(f"early {number}") for number in range(MOST)], [0] * MOST)
    names = [path_of(f"service {number}") for number in range(NAMES)]
    assert calls_of(lambda: ids.look_up(names, [1] * NAMES)) < 60


def test_a_table_beyond_those_of_one_request_costs_few_calls() -> None:
    decoder = Decoder()
    tables = [{"name": f"table {number}"} for number in range(NAMES)]
    record = json.dumps({"ts": 1_760_000_000, "service": "orders", "tables": tables}).encode()
    arrived = np.full(10, 1_760_000_000.0)
    decoder.decode([record] * 10, arrived)
    assert calls_of(lambda: decoder.decode([record] * 10, arrived)) < 12
