"""``uneri score`` writes one file of verdicts per series, whatever is wrong with the others."""

import csv
import lzma
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from config.settings import JudgeSettings
from streams.offline.score.score import run_score, score_file, targets
from streams.offline.sources.csv_series import SeriesError
from tests.streams.cli import forked

UNERI = Path(sys.executable).with_name("uneri")
STEP = 300
DAY = 86400
BEGIN = 1_759_708_800  # a Monday, 00:00 UTC
KINDS = {"", "spike", "drop", "shift", "growth", "absence"}


def without_progress(err: str) -> list[str]:
    """Return the lines of standard error except progress, which a slow machine prints now and then."""
    return [line for line in err.splitlines() if not line.startswith("score: ")]


def curve(days: int, seed: int) -> list[str]:
    """Return the lines of a series with a daily shape, a spike on the last day and some gaps."""
    at = np.arange(days * DAY // STEP) * STEP
    rng = np.random.default_rng(seed)
    value = 100 * (1 + 0.5 * np.sin(2 * np.pi * at / DAY)) * np.exp(rng.normal(0, 0.05, len(at)))
    value[-100:-90] *= 5
    texts = [f"{number:.6g}" for number in value]
    for gap in rng.integers(0, len(at), 20):
        texts[gap] = ("", "NaN", "inf")[gap % 3]
    return ["timestamp,value", *(f"{BEGIN + t},{v}" for t, v in zip(at.tolist(), texts, strict=True))]


def written(path: Path, lines: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def scored(path: Path, out: Path) -> list[str]:
    done = score_file(path, out / path.name, JudgeSettings())
    assert done.problem == ""
    return (out / path.name).read_text().splitlines()


def test_every_row_gets_a_line_with_a_score_and_the_open_verdict(tmp_path: Path) -> None:
    lines = curve(16, seed=1)
    path = written(tmp_path / "a.csv", lines)
    rows = list(csv.DictReader(scored(path, tmp_path / "out")))
    assert [f"{row['timestamp']},{row['value']}" for row in rows] == lines[1:]
    for row in rows:
        assert 0 <= float(row["score"]) <= 1
        assert row["alert"] in {"0", "1"}
        assert row["kind"] in KINDS
        if row["expected"]:
            assert float(row["lower"]) <= float(row["expected"]) <= float(row["upper"])
    (onset,) = [at for at, row in enumerate(rows) if row["alert"] == "1"]
    assert len(rows) - 100 <= onset < len(rows) - 95
    assert rows[onset]["kind"] == "spike"


def test_the_lines_of_a_prefix_are_those_of_the_whole(tmp_path: Path) -> None:
    lines = curve(10, seed=2)
    whole = scored(written(tmp_path / "a.csv", lines), tmp_path / "out")
    for rows in (0, 1, 2, 300, 1700, len(lines) - 95, len(lines) - 1):
        part = scored(written(tmp_path / "b.csv", lines[: rows + 1]), tmp_path / "out")
        assert part == whole[: rows + 1]


def test_a_late_row_is_compared_with_nothing_and_changes_no_verdict(tmp_path: Path) -> None:
    lines = curve(8, seed=3)
    at = len(lines) - 92  # within the spike
    extra = [lines[at], f"{BEGIN},1000000", f"{BEGIN + 60},"]
    plain = scored(written(tmp_path / "a.csv", lines), tmp_path / "out")
    mixed = scored(
        written(tmp_path / "b.csv", [*lines[: at + 1], *extra, *lines[at + 1 :]]), tmp_path / "out"
    )

    def without_score(line: str) -> list[str]:
        cells = line.split(",")
        return cells[:5] + cells[6:]

    others = mixed[: at + 1] + mixed[at + 1 + len(extra) :]
    assert [without_score(line) for line in others] == [without_score(line) for line in plain]
    kind = plain[at].rpartition(",")[2]
    for line, given in zip(mixed[at + 1 :], extra, strict=False):
        assert without_score(line) == [*given.split(","), "", "", "", "0", kind]
        assert 0 <= float(line.split(",")[5]) < 1


@pytest.mark.release
def test_files_in_several_processes_are_the_same_bytes_as_one_by_one(tmp_path: Path) -> None:
    paths = [written(tmp_path / "in" / f"{seed}" / "cpu.csv", curve(3 + seed, seed)) for seed in range(4)]
    for jobs in (1, 2):
        assert run_score(paths, tmp_path / str(jobs), JudgeSettings(), jobs) == 0
    for path in paths:
        name = path.relative_to(tmp_path / "in")
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_a_file_that_cannot_be_read_does_not_stop_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = written(tmp_path / "good.csv", curve(3, seed=5))
    bad = [written(tmp_path / f"bad{at}.csv", ["timestamp,value", "60,many"]) for at in range(2)]
    assert run_score([bad[0], good, bad[1]], tmp_path / "out", JudgeSettings(), 1) == 2
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.csv"]
    assert without_progress(capsys.readouterr().err) == [
        f"uneri: {path}:2: value 'many' is not a number; write a number, or nothing for a gap" for path in bad
    ]


def test_a_path_that_is_not_a_file_does_not_stop_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = written(tmp_path / "good.csv", curve(3, seed=5))
    pipe, none = tmp_path / "pipe.csv", tmp_path / "none.csv"
    os.mkfifo(pipe)
    assert run_score([none, good, tmp_path, pipe], tmp_path / "out", JudgeSettings(), 1) == 2
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.csv"]
    captured = capsys.readouterr()
    assert captured.out.startswith(f"{tmp_path / 'out'}: 1 of 4 files, ")
    assert without_progress(captured.err) == sorted(
        (
            f"uneri: {none}: no such file",
            f"uneri: {tmp_path}: is a folder; give the files in it",
            f"uneri: {pipe}: not a regular file; save its content to one first",
        )
    )


def test_a_file_that_cannot_be_written_is_named_with_a_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = written(tmp_path / "good.csv", curve(3, seed=5))
    (tmp_path / "out" / "good.csv").mkdir(parents=True)
    for out, why in ((tmp_path / "out", "Is a directory"), (good, "a file is in the place of a folder")):
        assert run_score([good], out, JudgeSettings(), 1) == 2
        remedy = "choose another folder with --out"
        error = f"uneri: {out / 'good.csv'}: cannot be written: {why}; {remedy}"
        assert without_progress(capsys.readouterr().err) == [error]
    empty = forked.uneri("score", good, "--out", "", cwd=tmp_path)
    assert (empty.returncode, empty.stdout) == (2, b"")
    assert b"name a folder" in empty.stderr


def test_sigterm_ends_it_without_output(tmp_path: Path) -> None:
    lines = curve(20, seed=0)
    sources = [written(tmp_path / f"{at}.csv", lines) for at in range(12)]
    asked = [str(argument) for argument in (UNERI, "score", *sources, "--out", tmp_path / "out", "--jobs", 2)]
    running = subprocess.Popen(asked, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while running.poll() is None and not list((tmp_path / "out").glob("*.csv")):
        time.sleep(0.01)
    running.terminate()
    out, err = running.communicate()
    assert out == ""
    assert without_progress(err) == []
    assert running.returncode == 128 + signal.SIGTERM


def test_rows_that_were_not_judged_are_counted_on_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path / "a.csv", ["timestamp,value", "60,1", "60,2", "0,3", "120,4"])
    assert run_score([path], tmp_path / "out", JudgeSettings(), 1) == 0
    assert f"{path}: 2 of 4 rows were not judged: " in capsys.readouterr().err


def test_equal_names_in_different_folders_stay_apart(tmp_path: Path) -> None:
    names = ("x/a/cpu.csv.xz", "x/b/cpu.csv", "x/b/c/mem.csv.gz")
    for name in names:
        written(tmp_path / name, ["timestamp,value"])
    sources = [tmp_path / name for name in names]
    out = Path("out")
    assert list(targets(sources, out).values()) == [out / "a/cpu.csv", out / "b/cpu.csv", out / "b/c/mem.csv"]
    assert targets(sources[:1], out) == {sources[0]: out / "cpu.csv"}
    assert targets([sources[0], tmp_path / "x" / "b" / ".." / "a" / "cpu.csv.xz"], out) == {
        sources[0]: out / "cpu.csv"
    }


@pytest.mark.parametrize(
    ("names", "out", "message"),
    [
        (("a.csv", "a.csv.gz"), "out", "would both be written to"),
        (("a.csv",), "", "would be overwritten; choose another folder with --out"),
    ],
)
def test_conflicting_paths_are_refused_before_anything_is_written(
    tmp_path: Path, names: tuple[str, ...], out: str, message: str
) -> None:
    for name in ("a.csv", "a.csv.gz"):
        written(tmp_path / name, ["timestamp,value"])
    with pytest.raises(SeriesError, match=message):
        targets([tmp_path / name for name in names], tmp_path / out)


def test_the_command_judges_and_prints_a_summary(tmp_path: Path) -> None:
    packed = tmp_path / "cpu.csv.xz"
    packed.write_bytes(lzma.compress("\n".join(curve(2, seed=6)).encode()))
    done = forked.uneri("score", packed, "--out", tmp_path / "out")
    assert (done.returncode, without_progress(done.stderr.decode())) == (0, [])
    assert f"{tmp_path / 'out'}: 1 of 1 files, 576 rows, 0 alerts, " in done.stdout.decode()
    times = [int(line.split(",")[0]) for line in (tmp_path / "out" / "cpu.csv").read_text().splitlines()[1:]]
    assert {later - earlier for earlier, later in pairwise(times)} == {STEP}
    wrong = forked.uneri("score", tmp_path / "none.csv", "--out", tmp_path)
    assert wrong.returncode == 2
    assert wrong.stderr.decode() == f"uneri: {tmp_path / 'none.csv'}: no such file\n"
