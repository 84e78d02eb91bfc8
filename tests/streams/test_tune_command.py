"""The command around a search: what cannot be asked for, and what goes wrong on the way, in one line each."""

from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from detectors.state import StateError
from streams import tune_command
from streams.commands import app
from streams.replay_source import ReplayError
from streams.tune_command import TuneAsked, run_tune


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (BrokenProcessPool(), "a process that made trials was killed"),
        (StateError("the recording is damaged"), "recording.zst: the recording is damaged; delete it"),
    ],
)
def test_what_goes_wrong_on_the_way_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception, said: str
) -> None:
    def tune(*_: object) -> None:
        raise error

    monkeypatch.setattr(tune_command, "tune", tune)
    monkeypatch.setattr(tune_command, "open_history", lambda *_: SimpleNamespace(notes=()))
    with pytest.raises(ReplayError, match=said) as caught:
        run_tune(TuneAsked(["x"], tmp_path, pages_per_week=1))
    assert "\n" not in str(caught.value)


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
def test_a_number_that_means_nothing_is_refused_before_anything_is_read(
    tmp_path: Path, option: str, value: str
) -> None:
    asked = ["tune", str(tmp_path / "none.ndjson"), "--out", str(tmp_path / "out"), option, value]
    ended = CliRunner().invoke(app, asked)
    assert ended.exit_code == 2
    assert option in ended.output
    assert not list(tmp_path.iterdir())
