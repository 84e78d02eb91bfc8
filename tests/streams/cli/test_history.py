"""``uneri history export``, and the readers of docs/history.md, on files that a keeper wrote."""

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest

from streams.cli.main import main
from streams.record.history.history_files import HistoryFolder
from streams.record.history.history_keeper import HistoryBounds, HistoryKeeper
from streams.record.history.segments import Segments
from tests.streams.record.history.backend import START, Backend, requests

DOCS = Path(__file__).parents[3] / "docs" / "history.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
HOURS = 3
WCU = 6 * 1.5 + 15  # of the table, each minute


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which the default place of a history has some hours."""
    folder = tmp_path_factory.mktemp("here")
    keep(folder, requests(60 * HOURS + 10, late=False))
    return folder


def keep(folder: Path, lines: list[bytes]) -> None:
    (folder / "uneri-state").mkdir()
    held = Segments(1)
    held.feed(Backend().feed(lines))
    keeper = HistoryKeeper(
        HistoryFolder(str(folder / "uneri-state" / "history")), HistoryBounds(35, 400, 1 << 40)
    )
    for segment in held.complete():
        keeper.write(segment)


@pytest.fixture
def uneri(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Return a function that runs a command line in that folder: exit code and what it says."""
    monkeypatch.chdir(state)

    def run(*words: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        said = capsys.readouterr()
        return int(str(ended.value.code or 0)), (said.out + said.err).strip()

    return run


def test_series_of_a_scope_are_exported_with_their_names(
    uneri: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    file = tmp_path / "items.parquet"
    code, said = uneri("history", "export", str(file), "table:items", "--measure", "wcu")
    assert (code, said) == (
        0,
        f"{file}: {60 * HOURS} rows, 2025-11-27T00:00Z to 2025-11-27T02:59Z",
    )
    rows = pq.read_table(file).to_pylist()
    assert {(row["kind"], row["name"], row["measure"], row["source_kind"]) for row in rows} == {
        ("table", "items", "wcu", None)
    }
    assert {row["observed"] for row in rows[:20]} == {WCU}
    assert rows[0]["seconds"] == 60
    assert rows[0]["start"].timestamp() == START


def test_callers_are_exported_as_csv_from_a_time_on(
    uneri: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    file = tmp_path / "items.csv"
    words = ("table:it*", "--measure", "wcu", "--callers", "--from", "2025-11-27T01:00:00Z")
    code, said = uneri("history", "export", str(file), *words, "--to", "2025-11-27T01:10:00Z")
    assert code == 0, said
    rows = pl.read_csv(file)
    assert sorted(set(rows["source_name"].drop_nulls())) == ["POST /items", "ios", "put-0", "put-1"]
    functions = rows.filter(pl.col("source_kind") == "function")
    assert functions["observed"].sum() == 10 * WCU


def test_no_name_is_a_formula_or_an_order_to_a_terminal_in_csv(
    uneri: Callable[..., tuple[int, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    formula, orders = '=HYPERLINK("http://x")', "put\x1b]0;x\x07\x9b2J\u202e\r\n"
    named = {b'"items"': formula, b'"put-0"': orders, b'"put-1"': " @put", b'"shop"': "注文\u3000-1"}
    lines = requests(70, late=False)
    for old, new in named.items():
        lines = [line.replace(old, json.dumps(new).encode()) for line in lines]
    keep(tmp_path, lines)
    monkeypatch.chdir(tmp_path)
    assert uneri("history", "export", "all.csv", "--callers")[0] == 0
    text = (tmp_path / "all.csv").read_text()
    assert all(character.isprintable() or character in "\n\u3000" for character in text)
    rows = list(csv.DictReader(io.StringIO(text)))
    escaped = r"put\x1b]0;x\x07\x9b2J\u202e\r\n"
    assert {f"'{formula}", escaped, "' @put", "注文\u3000-1"} <= {row["name"] for row in rows}
    assert f"'{formula}" not in {row["source_name"] for row in rows} >= {escaped, "' @put"}

    assert uneri("history", "export", "all.parquet")[0] == 0
    assert {formula, orders} <= set(pq.read_table(tmp_path / "all.parquet")["name"].to_pylist()), (
        "as they are"
    )


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["x.txt"], 2, "x.txt: the file must end in .parquet or .csv"),
        (
            ["x.csv", "table:nothing"],
            1,
            "no series matches; a scope is written kind:name, such as table:items",
        ),
        (
            ["x.csv", "--from", "2026-01-01"],
            1,
            "no rows from 2026-01-01T00:00Z to 2025-11-27T03:00Z; the history",
        ),
        (
            ["x.csv", "--tens"],
            1,
            "the history has no files yet: the first is written when an hour is complete",
        ),
        (["x.csv", "--config", "other.yaml"], 1, "there is no history in elsewhere; --config names"),
    ],
)
def test_what_cannot_be_exported_is_said_in_one_line(
    uneri: Callable[..., tuple[int, str]], state: Path, words: list[str], code: int, said: str
) -> None:
    (state / "other.yaml").write_text("history: {place: elsewhere}")
    found = uneri("history", "export", *words)
    assert found[0] == code
    assert found[1].startswith(f"uneri: {said}")
    assert "\n" not in found[1]
    assert not list(state.glob("x.*"))


def test_more_than_memory_holds_is_refused_with_the_remedy(
    uneri: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.cli.history.MOST_ROWS", 1000)
    code, said = uneri("history", "export", "all.csv")
    assert code == 1
    assert "may be more than 1,000 rows: ask for fewer series, a shorter time, or --tens" in said


def blocks(language: str) -> list[str]:
    return [text for found, text in BLOCK.findall(DOCS.read_text()) if found == language]


def test_the_page_reads_the_files_with_duckdb(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(state)
    [block] = blocks("sql")
    view, query = filter(None, map(str.strip, block.split(";")))
    with duckdb.connect() as connection:
        connection.execute(view)
        found: list[Any] = connection.execute(query).fetchall()
    assert [round(rate * 3600) for _, rate in found] == [60 * WCU] * HOURS


def test_the_page_reads_the_files_with_polars(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(state)
    [block] = blocks("python")
    names: dict[str, Any] = {}
    exec(block, names)  # noqa: S102 - the page's own lines
    callers = names["callers"]
    assert callers["source_name"].to_list() == ["put-1", "put-0"]
    assert callers["wcu"].sum() == 60 * HOURS * WCU
    assert "put-1" in capsys.readouterr().out


def test_the_page_s_own_export_runs(uneri: Callable[..., tuple[int, str]]) -> None:
    [block] = [block for block in blocks("sh") if "history export" in block]
    words = block.split()
    assert words[0] == "uneri"
    code, said = uneri(*words[1:])
    assert (code, said.split(";")[0]) == (1, "uneri: no rows from 2026-11-01T00:00Z to 2026-11-08T00:00Z")
