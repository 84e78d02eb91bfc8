"""Files of results: none outside of their folder is ever written or deleted."""

from pathlib import Path

import pytest

from streams.offline.replay.output import drop_leftovers
from streams.offline.replay.state import PARTS, drop_parts
from streams.process.files.atomic_file import write_atomic
from streams.process.files.locks import locked_output


def test_a_link_in_place_of_a_temporary_file_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("kept")
    (tmp_path / ".report.html.part").symlink_to(tmp_path / "victim")
    write_atomic(tmp_path / "report.html", b"<html>")
    assert (tmp_path / "victim").read_text() == "kept"
    assert (tmp_path / "report.html").read_bytes() == b"<html>"
    assert not (tmp_path / "report.html").is_symlink()


def test_a_link_in_place_of_a_lock_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("kept")
    (tmp_path / "victim").chmod(0o644)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".lock").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="symbolic links"), locked_output(tmp_path / "out"):
        pass
    assert (tmp_path / "victim").read_text() == "kept"
    assert (tmp_path / "victim").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("name", "file"), [("against", "findings.jsonl"), (PARTS, "1.parquet")], ids=["against", "parts"]
)
def test_files_of_an_earlier_replay_are_not_deleted_through_a_link(
    tmp_path: Path, name: str, file: str
) -> None:
    elsewhere, out = tmp_path / "elsewhere", tmp_path / "out"
    elsewhere.mkdir()
    out.mkdir()
    (elsewhere / file).touch()
    (out / name).symlink_to(elsewhere)
    drop = drop_parts if name == PARTS else lambda folder: drop_leftovers(folder, set())
    with pytest.raises(OSError, match="is a link, which is not followed") as refused:
        drop(out)
    assert refused.value.filename == str(out / name)
    assert (elsewhere / file).exists()
