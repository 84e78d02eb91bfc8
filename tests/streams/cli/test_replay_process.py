"""``uneri replay`` at the command line: killed and resumed, asked to stop, refused in one line."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from streams.cli.commands import app
from streams.offline.sources import file_content, reading
from streams.process.files.locks import locked_output
from tests.faults.traffic import traffic
from tests.streams.cli import forked

CONFIG = "judge: {young: 3600}\n"

LIVES = """
import os, signal, sys
from streams.offline.replay import replay_pass
from streams.offline.sources import file_content, reading
from streams.cli.main import main

left, name = int(sys.argv[1]), sys.argv[2]
del sys.argv[1:3]
reading.SAVED_EVERY = 0  # after every piece
file_content.READ = 20_000
judge = replay_pass.ReplayPass._judge

def dying(self, piece):
    global left
    judge(self, piece)
    left -= 1
    if not left:
        os.kill(os.getpid(), getattr(signal, name))

replay_pass.ReplayPass._judge = dying
main()
"""


ASKED_EARLY_OR_LATE = """
import os, signal, sys
from importlib.abc import MetaPathFinder
from streams.cli.main import main

where = sys.argv.pop(1)

def ask():
    os.kill(os.getpid(), signal.SIGTERM)

class Loading(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == where:
            ask()

sys.meta_path.insert(0, Loading())
if where in {"reports", "history"}:
    from streams.cli import replay as replay_command
    from streams.offline.replay import output as replay_output
    if where == "reports":
        replay_output.write_report = lambda *_, **__: ask()
    else:
        replay_command.open_source = lambda *_, **__: ask()
main()
"""


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("events")
    (records,) = traffic(3, 1).partitions
    half = len(records) // 2
    (folder / "a.ndjson").write_bytes(b"\n".join(records[:half]))
    (folder / "b.ndjson").write_bytes(b"\n".join(records[half:]))
    (folder / "uneri.yaml").write_text(CONFIG)
    return folder


Done = subprocess.CompletedProcess[str]


def replay(events: Path, out: Path, *more: str) -> Result:
    asked = ["replay", events, "--out", out, "--config", events / "uneri.yaml", *more]
    return CliRunner().invoke(app, [str(word) for word in asked])


def dying(events: Path, out: Path, pieces: int, name: str, *more: str) -> Done:
    """Replay in a process that gets a signal after so many pieces."""
    asked = ["replay", events, "--out", out, "--config", events / "uneri.yaml", *more]
    return forked_program(LIVES, pieces, name, *asked)


def forked_program(program: str, *arguments: object) -> Done:
    done = forked.uneri(*arguments, program=program)
    return Done(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def left_in(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(out.iterdir())}


@pytest.fixture(scope="module")
def uninterrupted(events: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("whole") / "out"
    done = replay(events, out, "--series")
    assert done.exit_code == 0, done.stderr
    return left_in(out)


def test_a_replay_killed_again_and_again_writes_the_files_of_an_uninterrupted_one(
    events: Path, tmp_path: Path, uninterrupted: dict[str, bytes]
) -> None:
    out = tmp_path / "out"
    for pieces in (5, 40):
        died = dying(events, out, pieces, "SIGKILL", "--series")
        assert died.returncode == -signal.SIGKILL, died.stderr
        assert not (out / "findings.jsonl").exists()
    last = replay(events, out, "--series")
    assert last.exit_code == 0
    assert "uneri: resuming at " in last.stderr
    assert left_in(out).keys() == uninterrupted.keys()
    for name, data in left_in(out).items():
        assert data == uninterrupted[name], name


def test_asked_to_stop_it_keeps_its_state_and_says_how_to_resume(
    events: Path, tmp_path: Path, uninterrupted: dict[str, bytes]
) -> None:
    out = tmp_path / "out"
    for name in ("SIGINT", "SIGTERM"):
        stopped = dying(events, out, 9, name, "--series")
        assert stopped.returncode == 130
        assert "run the same command again to resume" in stopped.stderr
        assert "Traceback" not in stopped.stderr
    other = replay(events, out)
    assert other.exit_code == 2
    assert "contains an unfinished replay of another source, time range or configuration" in other.stderr
    assert replay(events, out, "--series").exit_code == 0
    assert left_in(out)["incidents.jsonl"] == uninterrupted["incidents.jsonl"]


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("streams.cli.commands", ""),
        ("streams.cli.replay", ""),
        ("history", ""),
        (
            "reports",
            "uneri: stopped while writing the results; run the same command again to write them\n",
        ),
    ],
)
def test_it_stops_alike_whenever_it_is_asked_to(events: Path, tmp_path: Path, where: str, said: str) -> None:
    out = tmp_path / "out"
    asked = ["replay", events, "--out", out, "--config", events / "uneri.yaml"]
    if where.startswith("streams."):  # while it loads
        command = [sys.executable, "-c", ASKED_EARLY_OR_LATE, where, *map(str, asked)]
        stopped = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    else:
        stopped = forked_program(ASKED_EARLY_OR_LATE, where, *asked)
    assert stopped.returncode == 130, stopped.stderr
    assert stopped.stderr.endswith(said)
    assert "Traceback" not in stopped.stderr
    assert not (out / "report.html").exists()
    assert not (out / ".report.html.part").exists()


def test_a_failure_while_writing_the_results_is_resumed_with_the_same_command(
    events: Path, tmp_path: Path, uninterrupted: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "SAVED_EVERY", 0)
    monkeypatch.setattr(file_content, "READ", 100_000)
    out = tmp_path / "out"
    (out / "report.html").mkdir(parents=True)
    failed = replay(events, out, "--series")
    assert failed.exit_code == 2
    assert "report.html" in failed.stderr
    (out / "report.html").rmdir()
    last = replay(events, out, "--series")
    assert last.exit_code == 0, last.stderr
    assert "uneri: resuming at " in last.stderr
    assert left_in(out) == uninterrupted


def test_parts_of_a_replay_killed_at_its_very_end_are_deleted_by_the_next(
    events: Path, tmp_path: Path
) -> None:
    parts = tmp_path / "out" / ".series"
    parts.mkdir(parents=True)
    for name in ("0.parquet", "1.parquet", ".1.parquet.part"):
        (parts / name).write_bytes(b"left")
    assert replay(events, tmp_path / "out").exit_code == 0
    assert not parts.exists()


def test_restart_starts_over_and_ignores_an_unfinished_replay(events: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    dying(events, out, 9, "SIGTERM")
    done = replay(events, out, "--restart")
    assert done.exit_code == 0
    assert "resuming" not in done.stderr
    assert not (out / ".replay-state").exists()


def test_files_that_changed_while_it_was_stopped_are_refused(events: Path, tmp_path: Path) -> None:
    folder = tmp_path / "events"
    folder.mkdir()
    for file in events.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    out = tmp_path / "out"
    assert dying(folder, out, 9, "SIGTERM").returncode == 130
    time.sleep(0.01)
    (folder / "b.ndjson").write_bytes(b'{"ts": 1760000000, "service": "shop"}\n')
    refused = replay(folder, out)
    assert refused.exit_code == 2
    assert refused.stderr.endswith("b.ndjson: changed since the replay started; start over with --restart\n")


def test_two_configurations_write_the_findings_of_each(events: Path, tmp_path: Path) -> None:
    dull = tmp_path / "dull.yaml"
    dull.write_text("judge: {young: 3600, sensitivity: 0.2}\n")
    out = tmp_path / "out"
    done = replay(events, out, "--against", str(dull))
    assert done.exit_code == 0, done.stderr
    assert (out / "incidents.jsonl").read_bytes() != (out / "against" / "incidents.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--from", "2025-10-10", "--to", "2025-10-09"], "--from must be before --to"),
        (["--from", "2030-01-01"], "nothing to judge between --from and --to (15 records, all bad: "),
        (["--from", "yesterday"], "Invalid value"),
        (["--against", "/nowhere.yaml"], "/nowhere.yaml"),
    ],
)
def test_invalid_options_are_refused(events: Path, tmp_path: Path, more: list[str], said: str) -> None:
    refused = replay(events, tmp_path / "out", *more)
    assert refused.exit_code == 2
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_file_of_something_else_is_refused_with_the_reason_and_what_shows_more(tmp_path: Path) -> None:
    folder = tmp_path / "events"
    folder.mkdir()
    (folder / "uneri.yaml").write_text(CONFIG)
    (folder / "log.ndjson").write_text('{"level": "info", "msg": "hello"}\n')
    refused = replay(folder, tmp_path / "out")
    assert refused.exit_code == 2
    assert "nothing to judge (1 record, all bad: 1 no_ts); `uneri try` shows" in refused.stderr


def test_a_folder_that_cannot_be_written_is_reported_in_one_line(events: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    refused = replay(events, tmp_path / "out")
    assert refused.exit_code == 2
    assert refused.stderr.count("\n") == 1
    assert "choose another folder with --out" in refused.stderr


def test_a_file_in_the_place_of_the_folder_is_said_to_be_none(events: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    for out in (tmp_path / "out", Path("/dev/full")):
        refused = replay(events, out)
        assert refused.stderr == f"uneri: {out}: is no folder; choose another folder with --out\n"
        assert refused.exit_code == 2


def test_a_reader_that_leaves_ends_a_replay_quietly_with_all_results(events: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    kept = tmp_path / "kept"
    replay(events, kept)
    reader, writer = os.pipe()
    os.close(reader)
    try:
        code = "from streams.cli.main import main; main()"
        command = [sys.executable, "-c", code, "replay", str(events), "--out", str(out)]
        done = subprocess.run(
            command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False, timeout=300
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")
    assert left_in(out).keys() == left_in(kept).keys()


def test_a_folder_that_another_replay_writes_to_is_refused_and_left_alone(
    events: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert dying(events, out, 9, "SIGTERM").returncode == 130
    with locked_output(out):
        before = left_in(out)
        refused = replay(events, out, "--restart")
        assert left_in(out) == before, refused.stderr
    assert refused.exit_code == 2
    assert refused.stderr.endswith(
        f"uneri: {out}: another uneri writes its results there; "
        "wait for it, or choose another folder with --out\n"
    )


@pytest.mark.parametrize("more", [[], ["--restart"]])
def test_a_folder_in_place_of_the_state_is_refused(events: Path, tmp_path: Path, more: list[str]) -> None:
    state = tmp_path / "out" / ".replay-state"
    state.mkdir(parents=True)
    refused = replay(events, tmp_path / "out", *more)
    assert refused.exit_code == 2
    assert (
        refused.stderr
        == f"uneri: {state}: is a folder, but must be the state file of a replay; move it away\n"
    )


KNOWN = """\
- {start: 2025-10-09T11:35:00Z, end: 2025-10-09T12:05:00Z, kind: incident, scope: 'table:items'}
- {start: 2025-10-09T10:30:00Z, end: 2025-10-09T10:40:00Z, kind: spike, scope: 'table:other'}
"""


def test_labels_say_what_was_found_and_a_gate_fails_on_what_was_missed(events: Path, tmp_path: Path) -> None:
    (tmp_path / "known.yaml").write_text(KNOWN)
    out = tmp_path / "out"
    done = replay(events, out, "--labels", str(tmp_path / "known.yaml"), "--fail-on", "missed-labels")
    assert done.exit_code == 1
    assert "missed-labels: 1 of 2 not found" in done.stderr
    assert "1 of 2 labels found (50 %)" in done.stdout
    measured = json.loads((out / "evaluation.json").read_bytes())
    assert measured["total"]["found"] == 1
    assert measured["found"][0]["label"]["scope"] == "table:items"
    assert "table:other" in (out / "report.html").read_text("utf-8")


def test_files_of_an_earlier_replay_that_the_new_one_does_not_write_are_deleted(
    events: Path, tmp_path: Path, uninterrupted: dict[str, bytes]
) -> None:
    out = tmp_path / "out"
    (out / "against").mkdir(parents=True)
    old = ("comparison.json", "evaluation.json", "series.parquet", "dead-letters.jsonl", "report.html")
    behind = ("findings.jsonl", "incidents.jsonl", "dead-letters.jsonl", "evaluation.json")
    for name in (*old, *(f"against/{name}" for name in behind)):
        (out / name).write_bytes(b"old")
    refused = replay(events, out, "--from", "2030-01-01")
    assert refused.exit_code == 2
    assert (out / "comparison.json").exists(), "there is nothing new yet"
    (out / "notes.txt").write_bytes(b"of someone else")
    assert replay(events, out).exit_code == 0
    new = left_in(out)
    assert new.pop("notes.txt") == b"of someone else"
    new["series.parquet"] = uninterrupted["series.parquet"]
    assert new == uninterrupted


def test_foreign_files_in_the_folder_of_the_other_configuration_stay(events: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "against").mkdir(parents=True)
    (out / "against" / "notes.txt").write_bytes(b"of someone else")
    (out / "against" / "evaluation.json").write_bytes(b"old")
    assert replay(events, out).exit_code == 0
    assert [path.name for path in (out / "against").iterdir()] == ["notes.txt"]


def test_a_gate_fails_on_pages_that_the_other_configuration_does_not_have(
    events: Path, tmp_path: Path
) -> None:
    dull, out = tmp_path / "dull.yaml", tmp_path / "out"
    dull.write_text("judge: {young: 3600, sensitivity: 0.2}\n")
    fewer = replay(events, out, "--against", str(dull), "--fail-on", "new-pages")
    assert fewer.exit_code == 0
    assert "1 lost page" in fewer.stdout
    asked = ["replay", events, "--out", out, "--config", dull, "--against", events / "uneri.yaml"]
    more = CliRunner().invoke(app, [str(word) for word in (*asked, "--fail-on", "new-pages")])
    assert more.exit_code == 1
    assert "new-pages: 1 not in A" in more.stderr
    assert len(json.loads((out / "comparison.json").read_bytes())["only_b"]) >= 1


@pytest.mark.parametrize(
    ("labels", "more", "said"),
    [
        ("- {start: nine, kind: spike}\n", [], "known.yaml:1: start is 'nine', not a valid date or time"),
        ("- {start: 9, kind: party}\n", [], "known.yaml:1: kind is 'party'"),
        (KNOWN, ["--fail-on", "new-pages"], "add --against"),
        (KNOWN, ["--fail-on", "anything"], "--fail-on anything: must be new-pages or missed-labels"),
        (
            "- {start: 5, kind: not_an_anomaly}",
            ["--fail-on", "missed-labels"],
            "known.yaml contains no labels of incidents",
        ),
    ],
)
def test_invalid_labels_and_gates_are_refused_before_anything_is_read(
    events: Path, tmp_path: Path, labels: str, more: list[str], said: str
) -> None:
    (tmp_path / "known.yaml").write_text(labels)
    refused = replay(events, tmp_path / "out", "--labels", str(tmp_path / "known.yaml"), *more)
    assert refused.exit_code == 2
    assert said in refused.stderr
    assert not (tmp_path / "out").exists()


def test_a_missing_token_is_reported_before_anything_is_read(
    events: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SLACK_BOT_TOKEN", raising=False)
    refused = replay(events, tmp_path / "out", "--post", "#spare")
    assert refused.exit_code == 2
    assert refused.stderr == "uneri: SLACK_BOT_TOKEN is not set; --post needs the Slack bot token in it\n"
    assert not (tmp_path / "out").exists()
