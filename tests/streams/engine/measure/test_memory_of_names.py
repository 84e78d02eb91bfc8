"""What a flood of names leaves takes few bytes of each: the memory of a daemon has a limit."""

import tracemalloc

import numpy as np

from detectors.model.scope import Scope
from streams.engine.decode.paths import OTHER, Path
from streams.engine.measure.fan_out import FanOut

NAMES = 4000


def path_of(number: int) -> Path:
    route, function, client = f"POST /orders/{number}", f"order-{number}", f"app-{number}"
    return Path("aws", "1", "eu", f"orders-{number}", route, function, client, "", "")


def test_what_is_folded_takes_few_bytes_besides_its_names() -> None:
    fan_out = FanOut(0, 1, most=200)
    names = [path_of(number) for number in range(NAMES)]
    fan_out.add(names, np.arange(100), np.ones(100))
    tracemalloc.start()
    try:
        for first in range(100, NAMES, 100):
            fan_out.add(names, np.arange(first, first + 100), np.ones(100))
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert fan_out.folded > 9 * NAMES
    assert taken / fan_out.folded < 80


def test_a_function_has_the_services_whose_requests_reach_it_and_other_has_none() -> None:
    fan_out = FanOut(0, 1, most=200)
    names = [path_of(number) for number in range(NAMES)]
    fan_out.add(names, np.arange(NAMES), np.ones(NAMES))
    known = {about.name: fan_out.services_of(about) for about in fan_out.scopes if isinstance(about, Scope)}
    assert known["order-0"] == ("orders-0",)
    assert known[OTHER] == ()
