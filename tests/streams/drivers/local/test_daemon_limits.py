"""Limits that were read, in a running embedded daemon."""

from pathlib import Path

import pytest

from config.capacity import NO_LIMITS
from config.settings import Settings
from streams.drivers.local.daemon import LocalDaemon, run_local
from streams.ingest.limits.reading import FoundLimit, PartReading, merged, save_limits
from tests.streams.drivers.world import local_settings, running


def settings(folder: Path) -> Settings:
    return local_settings(folder / "state", limits={"file": str(folder / "limits.json")})


async def test_the_status_shows_how_many_limits_there_are_and_their_age(tmp_path: Path) -> None:
    found = (FoundLimit("table", "items", "wcu", 50.0), FoundLimit("table", "items", "rcu", 90.0))
    parts = [
        PartReading("1", "eu-west-1", "dynamodb", found),
        PartReading("1", "eu-west-1", "lambda", error="access denied: lambda:GetAccountSettings"),
    ]
    save_limits(tmp_path / "limits.json", merged(NO_LIMITS, parts, 1_790_000_000.0))
    daemon = LocalDaemon(settings(tmp_path), clock=lambda: 1_790_010_800.0)
    async with running(daemon):
        shown = daemon.status()["limits"]
    assert shown == [
        "2 read from AWS, 3 h ago",
        "1 eu-west-1 lambda: access denied: lambda:GetAccountSettings; never read",
    ]


def test_a_daemon_with_a_damaged_file_of_limits_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("streams.drivers.local.daemon.prepare_process", lambda *_, **__: None)
    (tmp_path / "limits.json").write_text("{")
    assert run_local(settings(tmp_path), [], None) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{tmp_path}/limits.json:1:1: is not a file of limits" in line
