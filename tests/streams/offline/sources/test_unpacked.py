import gzip
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from detectors.state import zstd
from streams.offline.sources.unpacked import unpacked

CONTENT = bytes(range(256)) * 40 + bytes(300_000)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd.compress], ids=["", ".gz", ".zst"])
@pytest.mark.parametrize("skip", [0, 1, 4096, 300_000])
def test_no_more_is_decompressed_at_a_time_than_is_asked_for(
    pack: Callable[[bytes], bytes], skip: int, request: pytest.FixtureRequest
) -> None:
    suffix = request.node.callspec.id.rpartition("-")[2]
    parts = list(unpacked(Path(f"events.ndjson{suffix}"), io.BytesIO(pack(CONTENT)), skip, most=4096))
    assert b"".join(parts) == CONTENT[skip:]
    assert max(map(len, parts)) == 4096


def test_frames_of_zstd_behind_each_other_are_cut_alike() -> None:
    packed = zstd.compress(CONTENT) + zstd.compress(b"") + zstd.compress(CONTENT)
    parts = list(unpacked(Path("events.ndjson.zst"), io.BytesIO(packed), most=5000))
    assert b"".join(parts) == CONTENT + CONTENT
    assert max(map(len, parts)) == 5000
