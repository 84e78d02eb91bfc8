"""Baselines in the digest: what became judgeable since the last one, and what is still learnt."""

from hypothesis import given
from hypothesis import strategies as st

from detectors.model.scope import Scope
from detectors.watch.maturity import KINDS, NAMED, Maturing, Maturity, first_named, merged

HOUR = 3600


def scope(kind: str, name: str) -> Scope:
    return Scope(kind, "aws", "1", "eu", name)


def maturity(hour: int, *scopes: Scope, learning: tuple[int, ...] = ()) -> Maturity:
    counts = {kind: sum(scope.kind == kind for scope in scopes) for kind in {scope.kind for scope in scopes}}
    return Maturity(hour * HOUR, counts, first_named(scopes), list(learning))


def test_what_became_judgeable_is_reported_once_and_what_is_learnt_again() -> None:
    maturing = Maturing()
    maturing.feed([maturity(1, scope("table", "items"), learning=(0, 4))])
    maturing.feed([maturity(2, scope("table", "users"), learning=(0, 3))])
    assert maturing.changed
    whole = merged(maturing.report())
    assert (whole.judgeable, [scope.name for scope in whole.named]) == ({"table": 2}, ["items", "users"])
    assert whole.learning == [0, 3]
    assert not maturing.changed
    assert maturing.report() == [Maturity(2 * HOUR, learning=[0, 3])]


def test_hours_in_which_nothing_became_judgeable_are_not_kept() -> None:
    maturing = Maturing()
    for hour in range(1000):
        maturing.feed([maturity(hour, *([scope("table", "items")] if hour == 5 else []), learning=(1,))])
        maturing.feed([])  # a step within the hour
    assert [hour.at // HOUR for hour in maturing.report()] == [5, 999]


def test_services_and_tables_are_named_before_routes_and_clients() -> None:
    scopes = [scope(kind, name) for kind in reversed(KINDS) for name in ("b", "a")]
    assert [(scope.kind, scope.name) for scope in maturity(1, *scopes).named] == [
        ("service", "a"),
        ("service", "b"),
        ("table", "a"),
        ("table", "b"),
        ("function", "a"),
    ]


SCOPES = st.builds(scope, st.sampled_from(KINDS), st.sampled_from("abcdefgh"))


@given(st.sets(SCOPES, max_size=30), st.lists(st.integers(0, 3), min_size=30, max_size=30))
def test_the_number_of_shards_and_a_restart_change_nothing(scopes: set[Scope], shards: list[int]) -> None:
    of_shard: list[list[Scope]] = [[], [], [], []]
    for found, shard in zip(sorted(scopes), shards, strict=False):
        of_shard[shard].append(found)
    together, apart = Maturing(), Maturing()
    together.feed([maturity(1, *scopes, learning=(4, 0, 8))])
    apart.feed([maturity(1, *part, learning=(1, 0, 2)) for part in of_shard])
    again = Maturing()
    again.restore(apart.snapshot())
    [hour] = again.report()
    assert [hour] == together.report()
    assert len(hour.named) == min(NAMED, len(scopes))
    assert sum(hour.judgeable.values()) == len(scopes)


def test_a_state_of_before_there_was_such_a_part_has_nothing_to_report() -> None:
    maturing = Maturing()
    maturing.restore({})
    assert maturing.report() == []
