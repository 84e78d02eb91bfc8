"""Zstandard, by the standard library or its backport."""

import io

import pytest

from detectors.state import zstd

TEXT = b"a step of the history, a step of the history, a step of the history"
# As 0.2 wrote it, with the library that it had.
WRITTEN_BY_02 = bytes.fromhex(
    "28b52ffd2043f50000b8612073746570206f662074686520686973746f72792c20010053733601"
)
CLAIMS_EVERYTHING = bytes.fromhex("28b52ffde0ffffffffffffff0f010000")  # a head that announces 2**60 - 1 bytes


def test_what_earlier_versions_wrote_is_read() -> None:
    assert zstd.decompress(WRITTEN_BY_02) == TEXT


def test_a_compressor_that_is_used_again_writes_frames_of_their_own() -> None:
    again = zstd.ZstdCompressor(level=1)
    frames = [again.compress(TEXT, zstd.ZstdCompressor.FLUSH_FRAME) for _ in range(2)]
    assert frames == [zstd.compress(TEXT, 1)] * 2
    assert zstd.decompress(frames[1]) == TEXT


def test_frames_one_behind_the_other_are_one_text() -> None:
    assert zstd.decompress(WRITTEN_BY_02 * 2) == TEXT * 2
    assert zstd.ZstdFile(io.BytesIO(WRITTEN_BY_02 * 2)).read() == TEXT * 2


@pytest.mark.parametrize("end", range(len(WRITTEN_BY_02)))
def test_a_frame_that_is_cut_off_is_refused(end: int) -> None:
    with pytest.raises(zstd.ZstdError):
        zstd.decompress(WRITTEN_BY_02[:end])


def test_no_memory_is_taken_for_what_a_damaged_head_claims() -> None:
    with pytest.raises(zstd.ZstdError):
        zstd.decompress(CLAIMS_EVERYTHING)
