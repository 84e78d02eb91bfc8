"""The notebook API accepts what is natural to write, and explains what it cannot accept."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streams.offline.replay import (
    load_labels,
    load_settings,
    open_history,
    replay,
    replay_curves,
    replay_together,
)

START = 1_760_000_000
SETTINGS = load_settings(None)


@pytest.fixture
def one(tmp_path: Path) -> Path:
    path = tmp_path / "few.ndjson"
    events = ({"ts": START + n, "service": "shop", "status": 200} for n in range(300))
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    return path


def test_paths_and_strings_are_sources(one: Path) -> None:
    for sources in (one, str(one), [one], (str(one),), one.parent):
        assert replay(open_history(sources), SETTINGS).records == 300


def test_a_time_is_seconds_an_aware_datetime_or_text(one: Path) -> None:
    begin, end = datetime.fromtimestamp(START + 100, UTC), START + 200
    tokyo = begin.astimezone(timezone(timedelta(hours=9)))
    seconds: list[Any] = [START + 100, float(START + 100), np.int64(START + 100)]
    for start in (*seconds, begin, tokyo, begin.isoformat()):
        assert replay(open_history(one, between=(start, end)), SETTINGS).records == 100
    assert replay(open_history(one, None, [None, str(end)]), SETTINGS).records == 200  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        ({"sources": []}, ValueError, "no sources; give files"),
        ({"sources": [None]}, TypeError, "None is not a source; give a string or a Path"),
        ({"sources": None}, TypeError, "None is not a source; give a string or a Path"),
        ({"settings": "uneri.yaml"}, TypeError, "settings is a str; pass the result of load_settings"),
        ({"between": START}, TypeError, "between is 1760000000; write (from, to)"),
        ({"between": ("2026-01-31",)}, TypeError, "between is ('2026-01-31',); write (from, to)"),
        ({"between": "ab"}, TypeError, "between is 'ab'; write (from, to)"),
        ({"between": ("soon", None)}, ValueError, "'soon' is not a valid date or time; write 2026"),
        ({"between": (datetime(2026, 1, 31), None)}, ValueError, "2026-01-31 00:00:00 has no time zone"),  # noqa: DTZ001
        ({"between": (None, True)}, TypeError, "True is not a time; give epoch seconds"),
        ({"between": (None, START * 1000)}, ValueError, "1760000000000 is not between"),
        ({"between": (None, float("nan"))}, ValueError, "nan is not between"),
    ],
)
def test_invalid_sources_and_times_are_explained(
    one: Path, how: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=f"^{re.escape(message)}"):
        open_history(**{"sources": one} | how)


def test_settings_and_labels_are_loaded_by_text_too(tmp_path: Path) -> None:
    (tmp_path / "uneri.yaml").write_text("judge: {young: 43200}\n")
    (tmp_path / "known.csv").write_text("start,kind\n2026-01-31,spike\n")
    assert load_settings(str(tmp_path / "uneri.yaml")).judge.young == 43200
    assert load_labels(str(tmp_path / "known.csv"))[0].verdict == "spike"


def test_invalid_histories_and_configurations_are_explained(one: Path) -> None:
    any_: Any = None
    history = open_history(one)
    with pytest.raises(TypeError, match=r"^settings is a NoneType; pass the result of load_settings$"):
        replay(history, any_)
    with pytest.raises(TypeError, match=r"^settings is a NoneType"):
        replay_curves(history, any_, lambda *_: True)
    with pytest.raises(TypeError, match=r"^history is a list; pass the result of open_history$"):
        replay(["one.ndjson"], SETTINGS)  # type: ignore[arg-type]
    with pytest.raises(
        TypeError, match=r"^configs is a single configuration; pass \[settings\], or call replay$"
    ):
        replay_together(history, SETTINGS)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^configs is empty; pass \[settings\]$"):
        replay_together(history, [])
    assert replay(history, SETTINGS).records == 300, "nothing of it was read meanwhile"
