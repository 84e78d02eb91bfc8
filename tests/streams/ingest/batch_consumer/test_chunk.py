from hypothesis import given
from hypothesis import strategies as st

from streams.ingest.batch_consumer.chunk import Chunk, merged


def chunk(start: int, present: list[bool]) -> Chunk:
    offsets: list[int] | range = [start + index for index, there in enumerate(present) if there]
    if all(present):
        offsets = range(start, start + len(present))
    absent = [start + index for index, there in enumerate(present) if not there]
    values = [b"%d" % offset for offset in offsets]
    return Chunk("t", 0, start, start + len(present), offsets, values, tombstones=absent)


@given(st.lists(st.lists(st.booleans(), min_size=1, max_size=6), min_size=1, max_size=5), st.integers(0, 40))
def test_merging_and_cutting_keep_every_record_at_its_offset(runs: list[list[bool]], cut: int) -> None:
    chunks, at = [], 3
    for run in runs:
        chunks.append(chunk(at, run))
        at += len(run)
    whole = merged(chunks).since(cut)
    kept = [offset for part in chunks for offset in part.offsets if offset >= cut]
    absent = [offset for part in chunks for offset in part.tombstones if offset >= cut]
    assert list(whole.offsets) == kept
    assert whole.values == [b"%d" % offset for offset in kept]
    assert list(whole.tombstones) == absent
    assert [*whole.until(cut + 5).tombstones, *whole.since(cut + 5).tombstones] == absent
    assert (whole.start, whole.end) == (min(max(3, cut), at), at)
