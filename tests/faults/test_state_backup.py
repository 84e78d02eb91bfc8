"""A backup of the Kafka driver, made while a daemon works, goes on under another name."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from config.settings import KafkaSettings
from streams.cli.state import export_state, import_state
from streams.drivers.kafka.app import aiokafka_options
from streams.drivers.kafka.checkpoints.checkpoints import KafkaCheckpoints
from streams.drivers.kafka.checkpoints.fenced_store import FencedStore
from streams.drivers.kafka.stage import TOPIC
from streams.drivers.kafka.topics import CHECKPOINTS_PARTITIONS, Topics
from streams.engine.detect.gather import JudgedStep
from streams.engine.stages.checkpoint import Checkpoint
from streams.process.files.state_archive import members_of
from tests.faults.daemons import ROOT, Supervisor
from tests.faults.kafka_run import Input, KafkaRun
from tests.faults.traffic import traffic

pytestmark = pytest.mark.release

SEED = 7


@pytest.fixture(scope="module")
def given(kafka: str) -> Input:
    given = Input(kafka, traffic(SEED))
    given.fill(0, 0.6)
    return given


@pytest.fixture(scope="module")
def whole(
    given: Input, supervisor: Supervisor, tmp_path_factory: pytest.TempPathFactory
) -> tuple[KafkaRun, Path]:
    """A daemon that nobody interrupts, and the backup that is made while it reads the second half."""
    folder = tmp_path_factory.mktemp("whole")
    run, file = KafkaRun(given, supervisor, folder), folder / "uneri-state.tar.zst"
    daemon = run.start(never_idle=True)
    assert run.taken_in(daemon, 240), daemon.output()[-3000:]
    given.fill(0.6, 1)
    assert export_state(run.settings, file, "") == 0
    assert run.taken_in(daemon, 240)
    assert daemon.stop() == 0
    report = run.finish()
    assert not report.wrong, report.wrong
    return run, file


def checkpoints(kafka: KafkaSettings, keys: list[str]) -> dict[str, Checkpoint]:
    async def load() -> dict[str, Checkpoint]:
        topic = Topics.of(kafka).checkpoints
        kept = KafkaCheckpoints(FencedStore(topic, CHECKPOINTS_PARTITIONS, aiokafka_options(kafka)))
        try:
            return {key: found for key in keys if (found := await kept.load(key)) is not None}
        finally:
            await kept.close()

    return asyncio.run(load())


def findings(run: KafkaRun, start: int = 0) -> dict[tuple[str, int], str]:
    return {
        (finding.id, finding.revision): repr(finding)
        for _, value in run._read()[run.names.findings][0][start:]
        for finding in msgspec.msgpack.decode(value, type=JudgedStep).findings
    }


def test_a_backup_goes_on_under_another_name_and_finds_the_same(
    given: Input,
    whole: tuple[KafkaRun, Path],
    supervisor: Supervisor,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run, file = whole
    other = KafkaRun(given, supervisor, tmp_path)
    assert other.kafka.app != run.kafka.app
    assert import_state(other.settings, file) == 0, capsys.readouterr().err
    before = checkpoints(other.kafka, other.keys)
    assert before.keys() == set(other.keys)
    daemon = other.start()
    assert other.finished(daemon, 240), daemon.output()[-3000:]
    assert daemon.stop() == 0
    assert "Traceback" not in other.log.read_text()
    bodies = {name: member.read() for name, member in members_of(file) if name.endswith("offsets.json")}
    offsets = msgspec.json.decode(bodies["checkpoints/incidents%2F0/offsets.json"], type=dict[str, int])
    expected = findings(run, offsets[f"{run.names.findings}/0"])
    assert expected
    assert findings(other) == expected
    ours, theirs = checkpoints(other.kafka, other.keys), checkpoints(run.kafka, run.keys)
    for key in (*(key for key in other.keys if key.startswith("rollup/")), "incidents/0"):
        parts, same = ours[key].parts, theirs[key].parts
        assert parts.keys() - {TOPIC} == same.keys() - {TOPIC}
        assert [name for name in parts.keys() - {TOPIC} if parts[name] != same[name]] == []
    for key in (key for key in other.keys if key.startswith("rollup/")):
        assert ours[key].offsets == theirs[key].offsets

    assert import_state(other.settings, file) == 1
    said = capsys.readouterr().err
    assert f"kafka.app {other.kafka.app} has a state already (records on {other.names.checkpoints})" in said


def test_an_import_beside_a_running_daemon_or_into_what_does_not_fit_is_refused(
    given: Input,
    whole: tuple[KafkaRun, Path],
    supervisor: Supervisor,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run, file = whole
    settings = run.settings
    assert settings.kafka is not None
    fewer = settings.model_copy(update={"kafka": settings.kafka.model_copy(update={"shards": 1})})
    assert import_state(fewer, file) == 1
    assert "shards" in capsys.readouterr().err
    other = KafkaRun(given, supervisor, tmp_path)
    daemon = other.start(never_idle=True)
    daemon.logged("started")
    assert import_state(other.settings, file) == 1
    assert f"a daemon of kafka.app {other.kafka.app} runs: stop it" in capsys.readouterr().err
    assert daemon.stop() == 0


KILLED = """
import os, signal, sys
from pathlib import Path
from config.settings import Settings
from streams.cli.state import import_state
from streams.drivers.kafka.checkpoints import state_transfer

records, left = state_transfer.checkpoint_records, [2]

def dying(key, checkpoint):
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    yield from records(key, checkpoint)

state_transfer.checkpoint_records = dying
import_state(Settings.model_validate_json(sys.argv[1]), Path(sys.argv[2]))
"""


def test_an_import_that_is_killed_leaves_nothing_and_can_be_repeated(
    given: Input, whole: tuple[KafkaRun, Path], supervisor: Supervisor, tmp_path: Path
) -> None:
    file = whole[1]
    other = KafkaRun(given, supervisor, tmp_path)
    asked = [sys.executable, "-c", KILLED, other.settings.model_dump_json(), str(file)]
    assert subprocess.run(asked, cwd=ROOT, check=False).returncode == -signal.SIGKILL
    assert import_state(other.settings, file) == 0
    assert checkpoints(other.kafka, other.keys).keys() == set(other.keys)


def test_an_app_without_a_checkpoint_and_a_broker_that_does_not_answer_are_said_in_one_line(
    given: Input, supervisor: Supervisor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = KafkaRun(given, supervisor, tmp_path)
    assert export_state(other.settings, tmp_path / "file", "") == 1
    assert "has no state to export: its daemons have written no checkpoint yet" in capsys.readouterr().err
    nobody = other.settings.model_copy(
        update={"kafka": other.kafka.model_copy(update={"brokers": ["127.0.0.1:1"]})}
    )
    assert export_state(nobody, tmp_path / "file", "") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "does not answer" in line
    assert not (tmp_path / "file").exists()


def test_no_credential_is_in_a_backup(whole: tuple[KafkaRun, Path]) -> None:
    names = [name for name, _ in members_of(whole[1])]
    assert names[0] == "about.json"
    assert names[-1] == "SHA256SUMS"
    assert {name.partition("/")[0] for name in names[1:-1]} == {
        *("checkpoints", "outbox", "rollups", "findings", "notices")
    }
