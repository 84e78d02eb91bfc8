import gzip
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from detectors.state import zstd
from streams.drivers.local import line_inputs
from streams.engine.decode.records import Records
from streams.offline.sources import file_content
from streams.offline.sources import files as replay_files
from streams.offline.sources.file_lanes import MOST_LANES
from streams.offline.sources.files import LINE_BYTES, FileSource
from streams.offline.sources.replay_error import ReplayError
from streams.offline.sources.source import Piece

LINES = [b'{"ts": %d, "service": "shop"}' % (1_760_000_000 + n) for n in range(5000)]
PLAIN = b"\n".join(LINES) + b"\n"


def read(*paths: Path, **between: Any) -> list[bytes]:
    return [line for piece in FileSource(paths, **between).pieces() for line in piece.records or []]


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd.compress], ids=["", ".gz", ".zst"])
def test_every_line_is_read_whatever_the_file_is_packed_with(
    tmp_path: Path, pack: Callable[[bytes], bytes], request: pytest.FixtureRequest
) -> None:
    suffix = request.node.callspec.id
    file = tmp_path / f"events.ndjson{suffix}"
    file.write_bytes(pack(PLAIN))
    assert read(file) == LINES


def test_several_zstd_frames_are_one_file(tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson.zst"
    file.write_bytes(zstd.compress(PLAIN[:7000]) + zstd.compress(PLAIN[7000:]))
    assert read(file) == LINES


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_a_file_without_a_byte_has_no_records(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"events.ndjson{suffix}"
    file.touch()
    assert read(file) == []


@pytest.mark.parametrize(
    ("suffix", "packed"), [(".gz", gzip.compress(PLAIN)), (".zst", zstd.compress(PLAIN))]
)
def test_a_truncated_file_is_reported_as_damaged(tmp_path: Path, suffix: str, packed: bytes) -> None:
    file = tmp_path / f"events.ndjson{suffix}"
    file.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(ReplayError, match=r"ended before.*is damaged"):
        read(file)


def test_the_files_of_a_folder_are_read_by_time_and_those_without_times_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(LINES[1])
    (tmp_path / "z.ndjson.gz").write_bytes(gzip.compress(LINES[0]))
    (tmp_path / "notes.txt").write_bytes(b"no events")
    (tmp_path / "y.log").write_bytes(b"no times")
    (tmp_path / "x.log").write_bytes(b"none either")
    assert read(tmp_path) == [b"none either", b"no times", *LINES[:2]]


def overlapping(folder: Path, files: int) -> FileSource:
    for number in range(files):
        (folder / f"{number:02}.ndjson").write_bytes(b"\n".join(LINES[number::files]))
    return FileSource([folder])


def test_files_that_overlap_in_time_are_read_beside_each_other_and_go_on_where_they_stopped(
    tmp_path: Path,
) -> None:
    history = overlapping(tmp_path, 3)
    assert history.partitions == ("files/0", "files/1", "files/2")
    levels, places, got = dict.fromkeys(history.partitions, 0), {}, list[bytes]()
    for piece in history.pieces(levels.__getitem__):
        places[piece.partition] = piece.place
        got += piece.records or []
        levels[piece.partition] += 1
        if len(got) > len(LINES) // 2:
            break
    again = FileSource([tmp_path])
    again.resume(history.bounds, places)
    rest = list(again.pieces())
    got += [line for piece in rest for line in piece.records or []]
    assert sorted(got) == sorted(LINES)
    assert rest[-1].done == 1


def test_more_files_at_once_than_are_read_beside_each_other_are_said(tmp_path: Path) -> None:
    (note,) = overlapping(tmp_path, MOST_LANES + 1).notes
    assert note.startswith("more than 16 files overlap in time")


def test_only_events_between_two_times_are_read_and_bad_ones_stay_to_be_dead_lettered(tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"nope\n" + PLAIN)
    assert read(file, start=1_760_000_010, end=1_760_000_012) == [b"nope", *LINES[10:12]]


def test_lines_that_no_parser_takes_stay_to_be_dead_lettered(tmp_path: Path) -> None:
    odd = [b'{"ts": 1, "service": "\xff"}', b'{"more": ' + b"[" * 5000]
    (tmp_path / "odd.ndjson").write_bytes(b"\n".join(odd) + b"\n")
    (tmp_path / "plain.ndjson").write_bytes(PLAIN)
    assert read(tmp_path) == [*odd, *LINES]


def test_a_missing_path_is_reported_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match="no such file or folder"):
        FileSource([tmp_path / "nothing"])
    with pytest.raises(ReplayError, match="no event files"):
        FileSource([tmp_path])


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd.compress], ids=["", ".gz", ".zst"])
def test_a_replay_resumes_at_the_byte_where_it_stopped(
    tmp_path: Path, pack: Callable[[bytes], bytes], request: pytest.FixtureRequest
) -> None:
    suffix = request.node.callspec.id
    lines = [line + b" " * 300 for line in LINES]
    for number in range(3):
        some = lines[number * 1500 : (number + 1) * 1500 if number < 2 else None]
        (tmp_path / f"{number}.ndjson{suffix}").write_bytes(pack(b"\n".join(some)))
    count = sum(1 for _ in FileSource([tmp_path]).pieces())
    assert count > 5
    for number in range(1, count + 1):
        first = FileSource([tmp_path])
        pieces = [piece for piece, _ in zip(first.pieces(), range(number), strict=False)]
        again = FileSource([tmp_path])
        again.resume(json.loads(json.dumps(first.bounds)), {"files/0": pieces[-1].place})
        rest = list(again.pieces())
        assert [line for piece in (*pieces, *rest) for line in piece.records or ()] == lines
        ends = [piece for piece in (*pieces, *rest) if piece.records is None]
        assert len(ends) == 1, "the end is yielded once over both runs"
        assert sorted(piece.done for piece in (*pieces, *rest)) == [piece.done for piece in (*pieces, *rest)]


def test_a_changed_file_cannot_be_resumed(tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(PLAIN)
    bounds = FileSource([tmp_path]).bounds
    file.write_bytes(PLAIN + b"\n")
    with pytest.raises(ReplayError, match="changed since the replay started; start over with --restart"):
        FileSource([tmp_path]).resume(bounds, {})
    file.rename(tmp_path / "other.ndjson")
    with pytest.raises(ReplayError, match="removed since the replay started"):
        FileSource([tmp_path]).resume(bounds, {})


def test_files_removed_or_changed_while_being_read_count_as_on_opening(tmp_path: Path) -> None:
    first, second = tmp_path / "a.ndjson", tmp_path / "b.ndjson"
    first.write_bytes(PLAIN)
    second.write_bytes(PLAIN)
    history = FileSource([tmp_path])
    began = history.bounds
    pieces = history.pieces()
    next(pieces)
    first.unlink()
    os.utime(second, ns=(1, 1))
    assert history.bounds == began
    assert [line for piece in pieces for line in piece.records or ()] == LINES
    first.write_bytes(PLAIN)
    with pytest.raises(ReplayError, match="changed since the replay started"):
        FileSource([tmp_path]).resume(began, {})


def test_a_file_cut_short_or_replaced_after_the_start_is_reported_and_one_that_grows_is_read(
    tmp_path: Path,
) -> None:
    first, second = tmp_path / "a.ndjson", tmp_path / "b.ndjson"

    def opened() -> Iterator[Piece]:
        second.write_bytes(PLAIN)
        first.write_bytes(PLAIN)
        return FileSource([tmp_path]).pieces()

    pieces = opened()
    next(pieces)
    with first.open("r+b") as file:
        file.truncate(len(PLAIN) // 2)
    with pytest.raises(ReplayError, match=r"a.ndjson: cut short after the replay started; start over with"):
        list(pieces)
    pieces = opened()
    next(pieces)
    (tmp_path / "new").write_bytes(PLAIN + PLAIN)
    (tmp_path / "new").rename(second)
    with pytest.raises(ReplayError, match=r"b.ndjson: replaced after the replay started; start over with"):
        list(pieces)
    pieces = opened()
    next(pieces)
    shutil.copy2(second, tmp_path / "new")
    (tmp_path / "new").rename(second)  # another number, as network file systems may give the same file
    assert len([line for piece in pieces for line in piece.records or ()]) == len(LINES)
    pieces = opened()
    with second.open("ab") as log:
        log.write(LINES[0] + b"\n")
    assert [line for piece in pieces for line in piece.records or ()] == [*LINES, *LINES, LINES[0]]


def test_a_file_removed_before_its_turn_is_reported(tmp_path: Path) -> None:
    for name in ("a.ndjson", "b.ndjson"):
        (tmp_path / name).write_bytes(PLAIN)
    pieces = FileSource([tmp_path]).pieces()
    next(pieces)
    (tmp_path / "b.ndjson").unlink()
    with pytest.raises(ReplayError, match=r"b.ndjson: removed after the replay started; "):
        list(pieces)


def test_an_empty_file_is_noted(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(PLAIN)
    (tmp_path / "b.ndjson").write_bytes(b"")
    history = FileSource([tmp_path])
    assert history.notes == [f"{tmp_path / 'b.ndjson'}: empty file"]
    assert read(tmp_path) == LINES


def test_an_endless_line_is_cut_and_what_follows_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(b"x" * (2 * LINE_BYTES + 5) + b"\n" + PLAIN)
    found = read(tmp_path)
    assert [len(record) for record in found[:3]] == [LINE_BYTES, LINE_BYTES, 5]
    assert found[3:] == LINES


def test_a_very_long_line_is_cut_alike_wherever_reading_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert LINE_BYTES == line_inputs.READ
    monkeypatch.setattr(replay_files, "LINE_BYTES", 4096)
    monkeypatch.setattr(file_content, "READ", 1000)
    longer = [b"x" * size for size in (4095, 4096, 4097, 50_001)]
    data = b"\r\n".join(part for line in longer for part in (*LINES[:40], line)) + b"\n" + PLAIN[:3000]
    file = tmp_path / "a.ndjson"
    file.write_bytes(data)
    pieces = list(FileSource([file]).pieces())
    whole = [record for piece in pieces for record in piece.records or ()]
    assert whole == followed(data, 4096)
    assert max(map(len, whole)) == 4096
    read_count = 0
    for piece in pieces[:-1]:
        read_count += len(piece.records or ())
        again = FileSource([file])
        again.resume(again.bounds, {"files/0": piece.place})
        assert [record for rest in again.pieces() for record in rest.records or ()] == whole[read_count:]


def followed(data: bytes, read: int) -> list[bytes]:
    """Return the records ``local.follow`` reads from a file, its last line completed."""
    records, at = list[bytes](), 0
    while at < len(data):
        some = data[at : at + read]
        end = some.rfind(b"\n") + 1
        whole = some[:end] if end else some
        records += Records.of_lines(whole) if end or len(some) < read else [some]
        at += end or len(some)
    return records
