"""The command around a search: invalid options, and failures on the way, in one line each."""

from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from alerting.commands.labels import Label, LabelKind
from detectors.state.state import StateError
from streams.cli import tune as tune_command
from streams.cli.commands import app
from streams.cli.tune import TuneOptions, run_tune
from streams.offline.sources.replay_error import ReplayError
from streams.offline.tune.periods import contradictions
from streams.offline.tune.pick import Rule
from streams.offline.tune.trial import OutcomePair
from streams.process.files.locks import locked_output
from tests.streams.offline.tune.tuned_search import outcome, tuned


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (BrokenProcessPool(), "a trial process was killed"),
        (StateError("the recording is damaged"), "recording.zst: the recording is damaged; delete the file"),
    ],
)
def test_failures_on_the_way_are_reported_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception, message: str
) -> None:
    def tune(*_: object) -> None:
        raise error

    monkeypatch.setattr(tune_command, "tune", tune)
    monkeypatch.setattr(tune_command, "open_source", lambda *_: SimpleNamespace(notes=()))
    with pytest.raises(ReplayError, match=message) as caught:
        run_tune(TuneOptions(["x"], tmp_path, pages_per_week=1))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("written", ["", "[]", "- {start: 9, end: 12, kind: expected}\n"])
def test_labels_with_nothing_to_find_are_refused_before_history_is_read(tmp_path: Path, written: str) -> None:
    labels = tmp_path / "known.yaml"
    labels.write_text(written, "utf-8")
    with pytest.raises(ReplayError, match=r"known\.yaml: no label describes an incident"):
        run_tune(TuneOptions([str(tmp_path / "none.ndjson")], tmp_path / "out", labels=labels))


def test_contradictory_labels_are_reported() -> None:
    known = [
        Label(kind=kind, start=start, end=start + 600, scope="table:items")
        for kind, start in ((LabelKind.INCIDENT, 0), (LabelKind.EXPECTED, 900), (LabelKind.EXPECTED, 0))
    ]
    (message,) = contradictions(known, ZoneInfo("Asia/Tokyo"))
    assert message.startswith(
        "contradictory labels for table:items from 1970-01-01 09:00 JST to 1970-01-01 09:10 JST: "
    )
    assert message.endswith("expected and incident; keep one of them")


def test_a_second_search_into_a_folder_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tune_command, "open_source", lambda *_: SimpleNamespace(notes=()))
    with locked_output(tmp_path), pytest.raises(ReplayError, match="another uneri writes its results there"):
        run_tune(TuneOptions(["x"], tmp_path, pages_per_week=1))


@pytest.mark.parametrize(
    "written",
    [
        b"judge: {young: 86400, sensitivity: 2.0}  # bold\r\n",
        b"? judge\r\n: young: 86400  # bold\r\n",
    ],
)
def test_a_proposal_keeps_the_comments_and_line_ends_of_the_configuration(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, written: bytes
) -> None:
    config = tmp_path / "ours.yaml"
    config.write_bytes(written)
    found = tuned(
        Rule(False, 15), *(OutcomePair(outcome(0, 0, pages), outcome(0, 0, pages)) for pages in (20, 8))
    )
    monkeypatch.setattr(tune_command, "tune", lambda *_: found)
    monkeypatch.setattr(tune_command, "open_source", lambda *_: SimpleNamespace(notes=()))
    assert run_tune(TuneOptions(["x"], tmp_path, config, pages_per_week=15)) == 0
    proposed = (tmp_path / "proposed.yaml").read_bytes()
    assert b"# bold\r\n" in proposed
    assert proposed.count(b"\r\n") == proposed.count(b"\n")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--seed", "4294967296"),
        ("--seed", "-1"),
        ("--pages-per-week", "inf"),
        ("--pages-per-week", "nan"),
        ("--pages-per-week", "-1"),
        ("--validate-share", "nan"),
    ],
)
def test_an_invalid_number_is_refused_before_anything_is_read(
    tmp_path: Path, option: str, value: str
) -> None:
    asked = ["tune", str(tmp_path / "none.ndjson"), "--out", str(tmp_path / "out"), option, value]
    ended = CliRunner().invoke(app, asked)
    assert ended.exit_code == 2
    assert option in ended.output
    assert not list(tmp_path.iterdir())
