"""``uneri replay --history`` writes the history that a daemon would have written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from config.settings import Settings
from streams.cli.main import main
from streams.offline.replay.replay_pass import ReplayPass, Stopped
from streams.offline.sources.open_source import open_source
from streams.record.history.history_files import MINUTES, TENS, HistoryFolder
from streams.record.history.history_filling import HistoryFilling
from streams.record.history.history_keeper import HistoryBounds
from streams.record.history.history_reader import HistoryReader
from tests.streams.record.history.backend import START, Backend, requests
from tests.streams.record.history.rows import plain

LINES = requests(26 * 60, late=False, within=10)
PLENTY = HistoryBounds(35, 400, 1 << 40)
CONFIG = "judge: {young: 3600}\ntime: {step: 300}\n"
SETTINGS = Settings.model_validate({"judge": {"young": 3600}, "time": {"step": 300}})


def rows_in(place: Path, resolution: str = MINUTES) -> list[Any]:
    return plain(HistoryReader(HistoryFolder(str(place))).rows(resolution, 0, 1 << 40))


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a history of what an engine leaves that judges the same records."""
    place = tmp_path_factory.mktemp("expected")
    backend = Backend(settings=SETTINGS)
    filling = HistoryFilling(str(place), PLENTY)
    for at in range(0, len(LINES), 2000):
        filling.feed(backend.feed(LINES[at : at + 2000]))
    filling.feed(backend.finish())
    filling.finish()
    return place


@pytest.fixture
def events(tmp_path: Path) -> Path:
    (tmp_path / "events.ndjson").write_bytes(b"\n".join(LINES))
    (tmp_path / "uneri.yaml").write_text(CONFIG)
    return tmp_path


@pytest.fixture
def uneri(events: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    def run(*words: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main([*words, "--config", str(events / "uneri.yaml")])
        said = capsys.readouterr()
        return int(str(ended.value.code or 0)), (said.out + said.err).strip()

    return run


def test_a_replay_writes_a_history_that_is_exported_like_that_of_a_daemon(
    uneri: Callable[..., tuple[int, str]], events: Path, expected: Path
) -> None:
    words = ("replay", str(events / "events.ndjson"), "--out", str(events / "out"))
    code, said = uneri(*words, "--history", str(events / "history"))
    assert code == 0, said
    found = rows_in(events / "history")
    assert [row[:4] for row in found] == [row[:4] for row in rows_in(expected)]
    assert len(rows_in(events / "history", TENS)) == len(rows_in(expected, TENS)) > 0
    (events / "uneri.yaml").write_text(f"{CONFIG}history: {{place: '{events / 'history'}'}}\n")
    file = events / "items.parquet"
    code, said = uneri("history", "export", str(file), "table:items", "--measure", "wcu")
    assert code == 0, said
    assert pq.read_table(file).to_pylist()[0]["start"].timestamp() == START
    (events / "uneri.yaml").write_text(CONFIG)
    code, said = uneri(*words, "--history", str(events / "history"))
    assert code == 2
    assert "holds a history already; name another folder" in said


def test_a_replay_that_is_stopped_and_goes_on_writes_the_same(events: Path, expected: Path) -> None:
    place = events / "history"
    state = None
    for pieces in (5, 3, 10**9):
        history = open_source([str(events / "events.ndjson")], SETTINGS, (None, None))
        reading = ReplayPass(history, [SETTINGS], filling=(filling := HistoryFilling(str(place), PLENTY)))
        if state is not None:
            reading.resume(state)
        left = iter(range(pieces))
        try:
            reading.run(stopping=lambda left=left: next(left, None) is None)  # type: ignore[misc]
        except Stopped:
            state = reading.state("")
    filling.finish()
    assert [row[:4] for row in rows_in(place)] == [row[:4] for row in rows_in(expected)]
