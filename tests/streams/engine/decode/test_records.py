"""Records in one piece of memory."""

from hypothesis import given
from hypothesis import strategies as st

from streams.engine.decode.records import Records, joined

text = st.text("\r\n\t {}ab", max_size=30).map(str.encode)
line = st.text("\r {}ab", max_size=10).map(str.encode)


@given(text)
def test_lines_lose_blank_ones_and_the_line_ends_of_other_systems(data: bytes) -> None:
    stripped = [part.rstrip(b"\r") for part in data.split(b"\n")]
    assert list(Records.of_lines(data)) == [part for part in stripped if part]


@given(st.lists(line, min_size=1, max_size=8))
def test_what_is_stored_is_read_as_it_was(records: list[bytes]) -> None:
    assert list(Records.of_stored(Records.of(records).as_lines())) == records


@given(st.lists(line, max_size=8), st.sets(st.integers(0, 7)))
def test_records_are_left_out_by_their_places(records: list[bytes], places: set[int]) -> None:
    places &= set(range(len(records)))
    kept = [record for place, record in enumerate(records) if place not in places]
    left = Records.of(records).without(places)
    assert list(left) == kept
    assert left.as_lines() == b"\n".join(kept)


@given(st.lists(st.lists(line, max_size=3), max_size=3))
def test_runs_that_are_joined_keep_their_order(runs: list[list[bytes]]) -> None:
    assert list(joined([Records.of(run) for run in runs])) == [record for run in runs for record in run]
