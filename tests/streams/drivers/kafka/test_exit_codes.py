"""What the exit code tells a supervisor."""

import errno
import io
import os

import pytest
from aiokafka.errors import InvalidTimestampError, KafkaTimeoutError, OutOfOrderSequenceNumber
from structlog.testing import capture_logs

from detectors.state.state import NewerStateError, StateError
from streams.drivers.kafka.stage_host import fatal


@pytest.mark.parametrize(
    ("error", "code"),
    [(NewerStateError("uneri 9.9.9 wrote it"), 2), (StateError("is damaged"), 1), (OSError("is away"), 1)],
)
def test_a_daemon_is_not_started_again_on_the_state_of_a_newer_version(
    error: Exception, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ends(error, monkeypatch) == code


def ends(error: Exception, monkeypatch: pytest.MonkeyPatch) -> object:
    """Return the exit code of a daemon that ends by this error."""

    def end(code: int) -> None:
        raise SystemExit(code)

    monkeypatch.setattr(os, "_exit", end)
    with pytest.raises(SystemExit) as ended:
        fatal(error)
    return ended.value.code


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (InvalidTimestampError(), "set the clock that is wrong"),
        (KafkaTimeoutError(), "check kafka.brokers"),
        (OutOfOrderSequenceNumber(), "a broker come back with an older disk"),
    ],
)
def test_what_kafka_does_not_accept_or_answer_is_said_with_its_remedy(
    error: Exception, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with capture_logs() as logs:
        assert ends(error, monkeypatch) == 1
    assert remedy in logs[0]["event"]


def test_a_daemon_ends_also_where_the_disk_of_its_output_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.StringIO):
        def flush(self) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("sys.stdout", Full())
    with capture_logs():
        assert ends(OSError("is away"), monkeypatch) == 1
