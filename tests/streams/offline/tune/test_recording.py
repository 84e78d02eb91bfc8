"""A recording of measured steps gives the incidents of its history, and is reused."""

from pathlib import Path

import pytest

from alerting.incidents.answers import incident_entry
from alerting.incidents.incident import Incident
from config.settings import JudgeSettings, RollupSettings, Settings
from detectors.state.state import StateError
from streams.offline.replay import replay
from streams.offline.tune.recording import NAME, Recording, fingerprint, load_recording, record_steps
from streams.offline.tune.trial import judge_recording
from tests.alerting.given import written
from tests.faults.traffic import Traffic, traffic
from tests.streams.offline.sources.memory_source import MemorySource

SETTINGS = Settings(judge=JudgeSettings(young=3600))
DULL = Settings(judge=JudgeSettings(young=3600, sensitivity=0.2, persist=4))


@pytest.fixture(scope="module")
def given() -> Traffic:
    return traffic(3)


def history(given: Traffic) -> MemorySource:
    return MemorySource({f"r/{n}": records for n, records in enumerate(given.partitions)}, (190, 401))


@pytest.fixture(scope="module")
def recording(given: Traffic, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return record_steps(
        history(given),
        SETTINGS,
        fingerprint(history(given), SETTINGS),
        tmp_path_factory.mktemp("recording"),
    )


def report_of(incident: Incident) -> dict[str, object]:
    line = written(incident_entry(incident))
    return {key: value for key, value in line.items() if key != "examples"}  # not recorded


@pytest.mark.variants
@pytest.mark.parametrize("settings", [SETTINGS, DULL], ids=["sensitive", "dull"])
def test_a_recording_is_judged_as_its_history_is(
    given: Traffic, recording: Recording, settings: Settings
) -> None:
    found = replay(history(given), settings)
    judged = judge_recording(recording, settings)
    assert list(map(report_of, judged.incidents)) == list(map(report_of, found.incidents))
    assert (judged.first, judged.last) == (found.first, found.last)
    assert settings is DULL or judged.incidents


def test_nothing_after_the_given_time_is_read(recording: Recording) -> None:
    until = recording.totals.first + 1800
    assert [step.start + 60 <= until for step in recording.steps(until)] == [True] * 30


def test_a_recording_is_reused_only_for_the_same_history_and_rollup(
    given: Traffic, recording: Recording
) -> None:
    folder = recording.path.parent
    again = load_recording(fingerprint(history(given), DULL), folder)
    assert again is not None
    assert again.totals == recording.totals
    other = MemorySource({"r/0": given.partitions[0]})
    assert load_recording(fingerprint(other, SETTINGS), folder) is None
    folded = SETTINGS.model_copy(update={"rollup": RollupSettings(max_paths=3)})
    assert load_recording(fingerprint(history(given), folded), folder) is None
    assert load_recording(fingerprint(history(given), SETTINGS, (0, None)), folder) is None


def test_a_truncated_or_changed_recording_is_not_reused(
    given: Traffic, recording: Recording, tmp_path: Path
) -> None:
    mark = fingerprint(history(given), SETTINGS)
    whole = recording.path.read_bytes()
    for broken in (whole[:-7], whole[:200], b"", whole[:20] + b"?" + whole[21:]):
        (tmp_path / NAME).write_bytes(broken)
        with pytest.raises(StateError):
            Recording(tmp_path / NAME, mark)
        assert load_recording(mark, tmp_path) is None


def test_a_recording_with_any_byte_damaged_is_not_reused(
    given: Traffic, recording: Recording, tmp_path: Path
) -> None:
    mark = fingerprint(history(given), SETTINGS)
    whole = recording.path.read_bytes()
    assert load_recording(mark, recording.path.parent) is not None
    for at in (*range(24), *range(24, len(whole), len(whole) // 60)):
        (tmp_path / NAME).write_bytes(whole[:at] + bytes([255 - whole[at]]) + whole[at + 1 :])
        assert load_recording(mark, tmp_path) is None, at
