"""Requests that wait for their other records, whatever keys these have."""

from random import Random

import pytest

from streams.engine.rollup.waiting_requests import MOST_KEYS, JoinedRequest, WaitingRequests


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
