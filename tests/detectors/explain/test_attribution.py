"""An excess is divided over its sources exactly."""

import math
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.explain.attribution import attribute, level_for, suspects
from detectors.model.finding import Share
from detectors.model.scope import Scope

AMOUNT = st.floats(0, 1e6).map(lambda x: round(x, 3))
SOURCE = st.tuples(AMOUNT, AMOUNT, AMOUNT, AMOUNT)


def named(count: int, kind: str = "function") -> list[Scope]:
    return [Scope(kind, "aws", "1", "eu-west-1", f"name-{at}") for at in range(count)]


def divided(sources: list[tuple[float, ...]], scopes: list[Scope]) -> list[Share]:
    """Attribute over (observed, expected, calls observed, calls expected) of each source."""
    observed, expected, calls_observed, calls_expected = zip(*sources, strict=True)
    return attribute(observed, expected, calls_observed, calls_expected, scopes)


@given(st.lists(SOURCE, min_size=1, max_size=12))
def test_shares_add_up_to_the_whole_excess_and_each_to_its_two_causes(
    sources: list[tuple[float, ...]],
) -> None:
    shares = divided(sources, named(len(sources)))
    whole = sum(source[0] - source[1] for source in sources)
    if not shares:
        assert abs(whole) <= 1e-9 * sum(source[0] + source[1] for source in sources)
        return
    size = sum(abs(share.share) for share in shares)
    assert len(shares) == len(sources)
    assert math.isclose(sum(share.share for share in shares), 1, abs_tol=1e-9 * size)
    for share in shares:
        assert math.isclose(share.more_calls + share.more_per_call, share.share, abs_tol=1e-6 * size)
        assert min(share.more_calls * share.share, share.more_per_call * share.share) >= -1e-6 * size
    assert sorted((share.share for share in shares), reverse=True) == [share.share for share in shares]


@given(st.lists(SOURCE, min_size=1, max_size=8), st.sampled_from([1e-3, 7.0, 1e4]))
def test_another_unit_gives_the_same_shares(sources: list[tuple[float, ...]], unit: float) -> None:
    whole = abs(sum(source[0] - source[1] for source in sources))
    if whole < 1e-6 * sum(source[0] + source[1] for source in sources):
        return
    plain = divided(sources, named(len(sources)))
    scaled: list[tuple[float, ...]] = [
        (now * unit, then * unit, calls_now, calls_then) for now, then, calls_now, calls_then in sources
    ]
    other = {share.scope: share for share in divided(scaled, named(len(sources)))}
    for share in plain:
        assert other[share.scope].share == pytest.approx(share.share, rel=1e-6, abs=1e-9)


@given(st.lists(SOURCE, min_size=2, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_the_sources_does_not_matter(sources: list[tuple[float, ...]], random: Random) -> None:
    scopes = named(len(sources))
    order = list(range(len(sources)))
    random.shuffle(order)
    plain = divided(sources, scopes)
    mixed = divided([sources[at] for at in order], [scopes[at] for at in order])
    for share, other in zip(plain, mixed, strict=True):
        assert share.share == pytest.approx(other.share, rel=1e-9, abs=1e-12)


def test_more_calls_of_the_same_price_are_all_more_calls() -> None:
    (share, quiet) = attribute([300, 50], [100, 50], [150, 10], [50, 10], named(2), seconds=10)
    assert (share.share, share.more_calls, share.more_per_call) == (1.0, 1.0, 0.0)
    assert (share.observed, share.expected) == (30.0, 10.0)
    assert quiet.share == 0


def test_the_same_calls_at_a_higher_price_are_all_more_per_call() -> None:
    (share,) = attribute([300], [100], [50], [50], named(1))
    assert (share.more_calls, share.more_per_call) == (0.0, 1.0)


def test_a_source_never_seen_before_is_all_more_calls() -> None:
    (share,) = attribute([300], [0], [50], [0], named(1))
    assert (share.more_calls, share.more_per_call) == (1.0, 0.0)


def test_a_drop_is_carried_by_the_source_that_fell() -> None:
    first, second = attribute([0, 40], [100, 40], [0, 4], [10, 4], named(2))
    assert (first.scope.name, first.share, first.more_calls, second.share) == ("name-0", 1.0, 1.0, 0.0)


def test_without_an_excess_there_is_nothing_to_divide() -> None:
    assert attribute([5.0, 5.0], [5.0, 5.0], [1, 1], [1, 1], named(2)) == []
    assert attribute([], [], [], [], []) == []


def usually(clients: list[Scope], *parts: float) -> dict[Scope, float]:
    return dict(zip(clients, parts, strict=True))


def test_a_client_that_always_carries_most_is_not_a_suspect_and_one_that_stands_out_is() -> None:
    clients = [scope._replace(version="1.0") for scope in named(3, "client")]
    usual = usually(clients, 0.9, 0.1, 0.0)
    steady = attribute([270, 30, 0], [90, 10, 0], [27, 3, 0], [9, 1, 0], clients)
    assert suspects(steady, usual, 300) == []
    wild = attribute([90, 110, 0], [90, 10, 0], [9, 11, 0], [9, 1, 0], clients)
    assert [share.scope.name for share in suspects(wild, usual, 200)] == ["name-1"]


def test_a_client_with_half_of_all_requests_is_not_a_suspect_for_half_of_new_errors() -> None:
    clients = [scope._replace(version="1.0") for scope in named(2, "client")]
    errors = attribute([52, 48], [0, 0], [520, 480], [500, 500], clients)
    assert suspects(errors, usually(clients, 0.5, 0.5), 100) == []


def test_a_part_of_a_handful_of_calls_is_chance() -> None:
    clients = [scope._replace(version="1.0") for scope in named(2, "client")]
    for many, found in ((1, []), (10, ["name-0"])):
        shares = attribute([4 * many, 0], [0, 0], [4 * many, 0], [0, 0], clients)
        usual = usually(clients, 0.5, 0.5)
        assert [share.scope.name for share in suspects(shares, usual, 4 * many)] == found


@pytest.mark.parametrize(
    ("failed", "of", "part", "blamed"),
    [
        (21, 26, 0.5, False),
        (41, 59, 0.5, False),
        (6, 10, 0.2, False),
        (19, 20, 0.5, True),
        (9, 10, 0.2, True),
    ],
)
def test_a_client_is_blamed_where_its_part_of_the_failures_is_hardly_chance(
    failed: int, of: int, part: float, blamed: bool
) -> None:
    clients = [scope._replace(version="1.0") for scope in named(2, "client")]
    shares = attribute([failed, of - failed], [0, 0], [100, 100], [100, 100], clients)
    assert bool(suspects(shares, usually(clients, part, 1 - part), of)) is blamed


def test_functions_are_callers_and_not_suspects() -> None:
    shares = attribute([90, 110], [90, 10], [9, 11], [9, 1], named(2))
    assert suspects(shares, usually(named(2), 0.9, 0.1), 200) == []


def test_a_price_that_rose_while_calls_fell_gets_the_whole_excess_and_not_more() -> None:
    (share,) = attribute([300], [100], [40], [50], named(1))
    assert (share.share, share.more_calls, share.more_per_call) == (1.0, 0.0, 1.0)


def test_where_sources_hardly_moved_with_their_target_they_take_its_level() -> None:
    now, then = np.array([30.0, 31.0]), np.array([31.0, 29.0])
    level = level_for(8.0, now, then)
    assert now.sum() / (level * then.sum()) == pytest.approx(8)
    assert level_for(8.0, 5 * now, then) == 1
    assert level_for(0.0, now, then) == pytest.approx(61 / 60 * 20), "of what fell to nothing, and is back"
    assert level_for(1.0, now, then) == level_for(4.0, 0 * now, then) == level_for(4.0, now, 0 * then) == 1


def test_arrays_that_do_not_fit_the_sources_are_refused() -> None:
    with pytest.raises(ValueError, match="one value per source"):
        attribute([1, 2], [1], [1, 2], [1, 2], named(2))
