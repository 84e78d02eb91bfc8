"""Another version of a library than the one that was read ends a command with one line."""

from pathlib import Path

import pytest

from streams.cli.main import main
from streams.drivers.kafka.connections.client import GUARD


def test_another_kafka_python_ends_a_command_with_one_line_and_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "uneri.yaml").write_text("kafka: {brokers: ['127.0.0.1:1']}")
    monkeypatch.setattr(GUARD, "versions", {"kafka-python": "9.9"})
    with pytest.raises(SystemExit) as ended:
        main(["setup", "--config", str(tmp_path / "uneri.yaml")])
    assert ended.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "is installed, but Uneri requires 9.9: install the versions in requirements.lock" in line
