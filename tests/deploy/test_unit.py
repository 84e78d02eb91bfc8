"""The systemd unit, as systemd itself reads it."""

import sys
from pathlib import Path

import pytest

from tests.deploy.tools import DEPLOY, run, tool

UNIT = DEPLOY / "systemd" / "uneri@.service"


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """Return the unit with a program that exists: verification looks for it."""
    text = UNIT.read_text(encoding="utf-8")
    assert "ExecStart=/opt/uneri/bin/uneri run --config /etc/uneri/%i.yaml" in text
    copy = tmp_path / UNIT.name
    copy.write_text(text.replace("/opt/uneri/bin/uneri", sys.executable), encoding="utf-8")
    return copy


def test_systemd_finds_nothing_wrong_with_the_unit(unit: Path) -> None:
    assert run(tool("systemd-analyze"), "verify", "--man=no", unit, log=True) == ""


def test_the_unit_leaves_little_to_an_attacker(unit: Path) -> None:
    run(tool("systemd-analyze"), "security", "--offline=yes", "--threshold=20", "--no-pager", unit)


def test_the_compiler_may_make_code_executable() -> None:
    directives = {line.partition("=")[0] for line in UNIT.read_text(encoding="utf-8").splitlines()}
    assert "MemoryDenyWriteExecute" not in directives
    assert "ProcSubset" not in directives, "hides the time of the start from the metrics"
