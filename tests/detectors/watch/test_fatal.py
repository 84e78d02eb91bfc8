"""Which fatal errors are new."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detectors.watch.fatal import HABIT, MOST, NEW_SECONDS, FatalSignatures, Occurrence, signature

DAY = 86400
LEARNS = 7 * DAY


def grown_up(scopes: int = 2) -> FatalSignatures:
    """Return signatures after the learning time, which know ``OldError`` of scope 0."""
    signatures = FatalSignatures(LEARNS)
    signatures.add(scopes, 0)
    assert saw(signatures, 0, "OldError") == []
    assert saw(signatures, LEARNS - 60) == []
    return signatures


def saw(
    signatures: FatalSignatures, start: int, *types: str, place: int = 0, count: float = 1.0
) -> list[str]:
    requests = np.zeros(len(signatures._requests))
    new = signatures.see(start, requests, [Occurrence(place, text, count) for text in types])
    return [occurrence.signature for occurrence in new]


def test_while_the_backend_is_young_signatures_are_learnt_and_not_reported() -> None:
    signatures = FatalSignatures(LEARNS)
    signatures.add(1, 0)
    assert [saw(signatures, at, f"Error{at}") for at in range(0, LEARNS, DAY)] == [[]] * 7
    assert saw(signatures, LEARNS, "Error0", "Error86400") == []


def test_afterwards_a_new_signature_is_reported_on_its_first_occurrence_and_never_again() -> None:
    signatures = grown_up()
    assert saw(signatures, LEARNS, "OldError", "NewError") == ["NewError"]
    assert saw(signatures, LEARNS + 60, "NewError") == []
    assert saw(signatures, LEARNS + 400 * DAY, "NewError", "OldError") == []


def test_the_same_type_at_another_function_is_another_signature() -> None:
    signatures = grown_up()
    assert saw(signatures, LEARNS, "OldError", place=1) == ["OldError"]


def test_errors_of_a_function_just_deployed_are_reported_once_they_have_weight() -> None:
    signatures = grown_up(1)
    signatures.add(1, LEARNS)
    assert saw(signatures, LEARNS, "OldError", place=1) == []
    signatures.see(LEARNS + 60, np.array([0.0, 300.0]), [])
    assert saw(signatures, LEARNS + 120, "Crash", place=1, count=2) == []
    assert saw(signatures, LEARNS + 180, "Crash", place=1, count=3) == ["Crash"]
    assert saw(signatures, LEARNS + 240, "Crash", place=1, count=3) == []


def test_signatures_without_weight_on_the_first_day_of_a_function_are_known_afterwards() -> None:
    signatures = grown_up(1)
    signatures.add(1, LEARNS)
    assert saw(signatures, LEARNS + 60, "Rare", place=1) == []
    assert saw(signatures, LEARNS + NEW_SECONDS, "Rare", place=1) == []
    assert saw(signatures, LEARNS + NEW_SECONDS, "Other", place=1) == ["Other"]


def test_of_a_scope_with_one_new_signature_after_another_not_every_one_is_reported() -> None:
    signatures = grown_up()
    reported = [saw(signatures, LEARNS + 60 * at, f"Volatile{'x' * at}") for at in range(10)]
    assert sum(map(len, reported)) == HABIT
    assert saw(signatures, LEARNS + 3 * DAY, "AfterQuiet") == ["AfterQuiet"]


def test_a_scope_remembers_a_bounded_number_of_signatures() -> None:
    signatures = FatalSignatures(LEARNS)
    signatures.add(1, 0)
    saw(signatures, 0, *(f"E{'x' * at}" for at in range(3 * MOST)))
    size = len(signatures.snapshot())
    assert saw(signatures, LEARNS, *(f"F{'x' * at}" for at in range(3 * MOST))) == []
    assert len(signatures.snapshot()) == size


def test_what_varies_between_occurrences_is_not_part_of_a_signature() -> None:
    first = "ValueError: order 4711 of 3f2a9c41-77aa-4e0b-9b1c-0242ac120002 at 0x7f, object deadbeef01"
    other = "ValueError: order 9 of aaaaaaaa-77aa-4e0b-9b1c-0242ac12ffff at 0xAB, object 12345678"
    assert signature(first) == "ValueError: order <n> of <uuid> at <hex>, object <hex>"
    assert signature(other) == signature(first)
    assert signature("com.acme.FeedbackException") == "com.acme.FeedbackException"


@given(st.text(max_size=200))
def test_a_signature_is_bounded_and_has_no_digits(text: str) -> None:
    found = signature(text)
    assert len(found) <= 120
    assert not any(char in "0123456789" for char in found)


Steps = list[list[tuple[int, str]]]


def played(steps: Steps, restart: int | None) -> Sequence[list[Occurrence]]:
    signatures = FatalSignatures(2 * 3600)
    signatures.add(2, 0)
    reported = []
    for at, seen in enumerate(steps):
        if at == restart:
            part = signatures.snapshot()
            signatures = FatalSignatures(2 * 3600)
            signatures.restore(part)
        requests = np.array([10.0, 0.0])
        reported.append(
            signatures.see(at * 3600, requests, [Occurrence(place, text, 1.0) for place, text in seen])
        )
    return reported


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 1), st.sampled_from("ABCDEF")), max_size=4, unique=True),
        min_size=1,
        max_size=12,
    ),
    st.data(),
)
def test_a_restart_anywhere_changes_nothing(steps: Steps, data: st.DataObject) -> None:
    restart = data.draw(st.integers(0, len(steps) - 1))
    assert played(steps, restart) == played(steps, None)
