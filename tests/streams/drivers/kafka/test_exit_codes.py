"""What the exit code tells a supervisor."""

import os

import pytest

from detectors.state.state import NewerStateError, StateError
from streams.drivers.kafka.stage_host import fatal


@pytest.mark.parametrize(
    ("error", "code"),
    [(NewerStateError("uneri 9.9.9 wrote it"), 2), (StateError("is damaged"), 1), (OSError("is away"), 1)],
)
def test_a_daemon_is_not_started_again_on_the_state_of_a_newer_version(
    error: Exception, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(code: int) -> None:
        raise SystemExit(code)

    monkeypatch.setattr(os, "_exit", end)
    with pytest.raises(SystemExit) as ended:
        fatal(error)
    assert ended.value.code == code
