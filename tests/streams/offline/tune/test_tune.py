"""``uneri tune`` on simulated incidents: better in validation, and reproducible."""

import subprocess
from pathlib import Path

import pytest

from alerting.commands.labels import Label, LabelKind
from alerting.evaluation.labels_file import labels_to_yaml
from streams.offline.tune.periods import periods_of
from streams.offline.tune.recording import fingerprint, load_recording, record_steps
from streams.offline.tune.result import write_tuned
from streams.offline.tune.trial import TrialSetup, searched
from tests.streams.cli import forked
from tests.streams.offline.tune.given_history import LIVELY, Given, judged_by


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Given:
    return Given(tmp_path_factory.mktemp("days"), days=2, seed=4)


@pytest.mark.release
def test_the_same_seed_gives_the_same_bytes_whatever_the_number_of_jobs(
    short: Given, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # two batches, the last of them from the model
    monkeypatch.setattr("streams.offline.tune.search.BATCH", 2)
    monkeypatch.setattr("streams.offline.tune.search.STARTUP", 1)
    written = []
    for jobs in (1, 2):
        write_tuned(short.tune(judged_by(**LIVELY), trials=4, jobs=jobs), "", tmp_path / str(jobs))
        written.append([(tmp_path / str(jobs) / name).read_bytes() for name in ("tune.json", "tradeoff.svg")])
    assert written[0] == written[1]


def test_a_trial_reads_no_step_of_the_validation_period(short: Given) -> None:
    settings = judged_by(**LIVELY)
    mark = fingerprint(short.history, settings, (None, None))
    recording = load_recording(mark, short.out) or record_steps(short.history, settings, mark, short.out)
    periods = periods_of(recording.totals, settings, short.labels, 1 / 3)
    judged, _ = searched(TrialSetup(recording.path, mark, settings, tuple(short.labels), periods), {})
    assert judged.last == periods.split < recording.totals.last


@pytest.mark.release
def test_growth_is_searched_by_a_label_that_spans_the_split(short: Given) -> None:
    begin = short.labels[0].start
    grows = Label(kind=LabelKind.INCIDENT, start=begin, end=begin + 20 * 86400, verdict="growth")
    tuned = short.tune(judged_by(**LIVELY), trials=2, jobs=1, also=[grows])
    assert "judge.growth_per_day" in {knob.key for knob in tuned.space.knobs}
    assert tuned.periods.split > begin


def run(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    ended = forked.uneri("tune", *arguments, "--out", "out", cwd=cwd)
    return subprocess.CompletedProcess(
        ended.args, ended.returncode, ended.stdout.decode(), ended.stderr.decode()
    )


@pytest.fixture(scope="module")
def folder(short: Given, tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("files")
    (where / "events.ndjson").write_bytes(b"\n".join(short.lines[:20_000]))
    (where / "empty.ndjson").write_bytes(b"")
    (where / "log.ndjson").write_text('{"level": "info"}')
    (where / "known.yaml").write_text(labels_to_yaml(short.labels), "utf-8")
    (where / "later.yaml").write_text(labels_to_yaml(short.labels[-1:]), "utf-8")
    (where / "bad.yaml").write_text("- {start: 9, end: 3, kind: spike}\n", "utf-8")
    (where / "day.yaml").write_text("time: {step: 300}\njudge: {young: 86400}\n", "utf-8")
    return where


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["events.ndjson"], "nothing to tune for"),
        (["events.ndjson", "--labels", "bad.yaml"], "bad.yaml:1: end is before start"),
        (["events.ndjson", "--labels", "none.yaml"], "none.yaml:1: cannot be read"),
        (["empty.ndjson", "--labels", "known.yaml"], "nothing to judge (0 bad records); check the source"),
        (["log.ndjson", "--labels", "known.yaml"], "nothing to judge (1 bad record); `uneri try` shows"),
        (["none.ndjson", "--labels", "known.yaml"], "no such file"),
        (["events.ndjson", "--labels", "known.yaml"], "baselines need 7.0 days"),
    ],
)
def test_unusable_input_is_reported_in_one_line(folder: Path, arguments: list[str], message: str) -> None:
    ended = run(*arguments, cwd=folder)
    assert ended.returncode == 2
    errors = [line for line in ended.stderr.splitlines() if line.startswith("uneri: ")]
    assert message in errors[-1]
    assert "Traceback" not in ended.stderr
