"""Requests that wait for their other records, whatever keys these have."""

from random import Random

import numpy as np
import pytest

from streams.engine.decode.paths import Path
from streams.engine.rollup import waiting_requests
from streams.engine.rollup.waiting_requests import (
    CROWDED,
    MOST_KEYS,
    CallPart,
    JoinedRequest,
    PartsOfRun,
    RecordPart,
    WaitingRequests,
)


@pytest.mark.parametrize("chained", ["in order", "from both ends", "in any order"])
def test_a_chain_of_records_makes_no_request_of_endless_keys(chained: str) -> None:
    links = list(range(1, 1001))
    if chained == "from both ends":
        links = [link for pair in zip(links[::2], links[::-2], strict=True) for link in pair]
    elif chained == "in any order":
        Random(1).shuffle(links)  # noqa: S311
    waiting = WaitingRequests(list)
    found: list[JoinedRequest] = []
    for link in links:
        request, _ = waiting.find((link, link + 1), 0.0)
        found.append(request)
    assert max(len(request.keys) for request in found) == MOST_KEYS
    waiting.purge(10_000)  # forgets all
    assert waiting.find((1, 2), 0.0)[0].keys == (1, 2)


def test_requests_that_turn_out_to_be_one_are_found_by_all_their_keys() -> None:
    waiting = WaitingRequests(list)
    first, _ = waiting.find((1, 2), 0.0)
    second, _ = waiting.find((3, 4), 0.0)
    assert waiting.find((2, 3), 0.0) == (first, second)
    assert all(waiting.find((key,), 0.0) == (first, None) for key in (1, 2, 3, 4))
    assert first.keys == (1, 2, 3, 4)


PATH = Path("", "", "", "a", "", "", "", "", "", counts="table")
PART = RecordPart(0, 0.0, 1.0, 0, False, False, 0.0, (CallPart("items", 1.0, 0, 0.0, 0.0, False),) * 10)


def is_known(waiting: WaitingRequests, key: int) -> bool:
    return not waiting.strange(np.array([[key, 0]], np.uint64))[0]


@pytest.mark.parametrize("at_once", [1, 7, 30])
def test_of_requests_with_many_table_calls_fewer_wait(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record has up to 75,000: of as many requests as may wait, that would be gigabytes."""
    monkeypatch.setattr(waiting_requests, "MOST_CALLS", 100)
    waiting = WaitingRequests(lambda: [PATH])
    for first in range(1, 31, at_once):
        numbers = range(first, min(first + at_once, 31))
        run = PartsOfRun.of_parts([(number,) for number in numbers], [PART] * len(numbers))
        run.partial = [True] * len(numbers)
        waiting.keep(run, 0, len(numbers))
    assert [number for number in range(1, 31) if is_known(waiting, number)] == list(range(21, 31))
    assert waiting.unjoined == {CROWDED: 20}
    request, _ = waiting.find((30,), 0.0)
    request.parts = *request.parts, PART, PART
    waiting.note_calls(20)
    assert [number for number in range(1, 31) if is_known(waiting, number)] == list(range(23, 31))
    again = WaitingRequests(lambda: [PATH])
    again.restore(waiting.snapshot())
    for of in (waiting, again):
        of.keep(PartsOfRun.of_parts([(31,)], [PART]), 0, 1)
        assert [number for number in range(1, 32) if is_known(of, number)] == list(range(24, 32))
    waiting.purge(10_000)
    waiting.keep(PartsOfRun.of_parts([(n,) for n in range(40, 50)], [PART] * 10), 0, 10)
    assert is_known(waiting, 40)
