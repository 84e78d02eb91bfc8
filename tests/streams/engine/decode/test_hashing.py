"""Hashes of ids: the same in every run and process, different for different ids."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.engine.decode.hashing import hashes_of

ids = st.one_of(st.none(), st.text(max_size=12), st.text(min_size=60, max_size=80), st.uuids().map(str))


@settings(max_examples=200)
@given(st.lists(ids, min_size=1, max_size=20))
def test_an_id_has_the_same_hash_alone_and_among_others(many: list[Any]) -> None:
    together = hashes_of(many).tolist()
    assert together == [hashes_of([name]).item() for name in many]
    assert [value == 0 for value in together] == [not name for name in many]
    assert len(set(together) - {0}) == len({name for name in many if name})


def test_hashes_are_pinned_because_checkpoints_hold_them() -> None:
    assert hashes_of(["Kz1f", "Kz1f\0", "é", "x" * 65]).tolist() == PINNED


def test_near_ids_do_not_collide() -> None:
    many = [f"{n:x}" for n in range(50_000)] + [f"{n:032x}" for n in range(50_000)]
    assert len(set(hashes_of(many).tolist())) == len(set(many))


PINNED = [14906638741398602888, 9377701937461952325, 3394012004367669963, 3947904110462928320]
