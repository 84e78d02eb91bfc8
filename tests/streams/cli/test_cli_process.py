"""Whatever goes wrong ends in one clear line and the right exit code."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from streams.process.web.tokens import hash_of
from tests.streams.cli import forked

UNERI = Path(sys.executable).with_name("uneri")


def uneri(*arguments: object) -> tuple[int, list[str]]:
    done = forked.uneri(*arguments)
    said = done.stderr.decode()
    assert "Traceback" not in said
    return done.returncode, said.splitlines()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("jugde: {}", "1:1: unknown key 'jugde'"),
        ("judge:\n  weeks: many", "2:10: "),
        ("judge: {weeks: 4}\njudge: {weeks: 5}", "2:1: "),
        ("judge:\n\tweeks: 4", "2:1: "),
    ],
)
def test_a_wrong_config_is_refused_by_line_and_column(tmp_path: Path, text: str, said: str) -> None:
    config = tmp_path / "uneri.yaml"
    config.write_text(text)
    for command in ("run", "check"):
        code, lines = uneri(command, "--config", config)
        assert code == 2
        assert len(lines) == 1
        assert f"{config}:{said}" in lines[0]


@pytest.mark.parametrize(
    "arguments",
    [
        ("replay", "nothing.ndjson", "--out", "out"),
        ("replay", "kafka://127.0.0.1:abc/x", "--out", "out"),
        ("replay", "x.ndjson", "--out", "out", "--from", "2026-02-01", "--to", "2026-01-01"),
        ("simulate", "no-such-scenario"),
        ("simulate", "demo", "--from", "2030-01-01", "--until", "2020-01-01"),
        ("run", "--role", "rollup"),
        ("run", "--follow", str(Path(__file__).parent)),
        ("run", "--stdin", "--format", "nope"),
        ("run", "--stdin", "--source", "nope"),
        ("run", "--format", "alb"),
        ("setup",),
        ("silence", "table:\udcff", "--for", "1h"),  # what a shell passes of bytes that are not UTF-8
        ("silence", "table:items", "--for", "1h", "--why", "\udcff"),
        ("incident", "\udcff"),
    ],
)
def test_a_contradiction_is_refused_in_one_line(arguments: tuple[str, ...]) -> None:
    code, lines = uneri(*arguments)
    assert code == 2
    assert len(lines) == 1


@pytest.mark.parametrize("to", [">&-", ">/dev/full"])
@pytest.mark.parametrize(
    "arguments", ["--help", "simulate quiet --until 2026-01-01T00:01:00Z", "try pyproject.toml"]
)
def test_a_standard_output_that_takes_nothing_is_no_traceback(arguments: str, to: str) -> None:
    line = f"{UNERI} {arguments} {to}"
    done = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=60, check=False)  # noqa: S602
    assert "Traceback" not in done.stderr
    assert done.returncode == (1 if to == ">/dev/full" or "try" in arguments else 0)


def test_an_empty_scenario_is_refused_by_line_and_column(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("")
    code, lines = uneri("simulate", tmp_path / "empty.yaml")
    assert code == 2
    assert lines
    assert all(":1:1: " in line for line in lines)


def test_an_interrupt_while_the_command_still_loads_ends_it_without_a_word() -> None:
    begun = (
        "import signal, os, sys; sys.path.insert(0, sys.argv.pop(1)); "
        "signal.signal(signal.SIGINT, signal.default_int_handler); "  # who runs the tests may ignore it
        "from streams.cli.main import main; main()"
    )
    slow = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "typer.py").write_text(slow)
        done = subprocess.run(
            [sys.executable, "-c", begun, folder, "check"], capture_output=True, text=True, check=False
        )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_a_missing_daemon_is_reported_in_one_line(closed_port: int) -> None:
    code, lines = uneri("status", "--url", f"http://127.0.0.1:{closed_port}")
    assert (code, len(lines)) == (1, 1)
    assert "is it running?" in lines[0]


def test_check_reports_that_kafka_and_slack_do_not_answer(tmp_path: Path, closed_port: int) -> None:
    config = tmp_path / "uneri.yaml"
    config.write_text(
        f"kafka: {{brokers: ['127.0.0.1:{closed_port}']}}\nslack: {{base_url: 'http://127.0.0.1:{closed_port}/'}}"
    )
    done = subprocess.run(
        [UNERI, "check", "--config", config],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "SLACK_BOT_TOKEN": "xoxb-1"},
    )
    assert done.returncode == 1
    wrong = [line for line in done.stdout.splitlines() if line.startswith("WRONG")]
    assert [line.split()[1] for line in wrong] == ["kafka:", "slack:"]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("unreachable", "then"), [("kafka", "retrying"), ("slack", "retrying")])
def test_a_daemon_says_once_what_does_not_answer_keeps_trying_and_stops_cleanly(
    tmp_path: Path, closed_port: int, unreachable: str, then: str
) -> None:
    config = tmp_path / "uneri.yaml"
    sections = {
        "kafka": f"kafka: {{brokers: ['127.0.0.1:{closed_port}']}}\nweb: {{listen: '127.0.0.1:0'}}",
        "slack": f"slack: {{base_url: 'http://127.0.0.1:{closed_port}/'}}\n"
        f"local: {{listen: '127.0.0.1:0', state: '{tmp_path / 'state'}'}}",
    }
    config.write_text(sections[unreachable])
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [UNERI, "run", "--config", config], stderr=log, env={**os.environ, "SLACK_BOT_TOKEN": "xoxb-1"}
        )
    try:
        deadline = time.monotonic() + 60
        while "does not answer" not in (tmp_path / "log").read_text():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()  # when it failed: another test must not meet it
    said = (tmp_path / "log").read_text()
    assert said.count("does not answer") == 1
    assert then in said
    assert "Traceback" not in said


def test_an_address_open_to_a_network_without_a_lock_ends_the_start_and_fails_the_check(
    tmp_path: Path,
) -> None:
    config = tmp_path / "uneri.yaml"
    config.write_text(f"local: {{listen: '0.0.0.0:0', state: {tmp_path / 'state'}}}")
    code, lines = uneri("run", "--config", config)
    assert (code, len(lines)) == (2, 1)
    assert "open to the network without a lock; set tokens (UNERI_INTAKE_TOKEN," in lines[0]
    assert uneri("check", "--config", config) == (1, [])
    config.write_text(f"local: {{listen: '0.0.0.0:0', insecure: true, state: {tmp_path / 'state'}}}")
    assert uneri("check", "--config", config) == (0, [])
    config.write_text("kafka: {brokers: ['127.0.0.1:9']}\nweb: {listen: '0.0.0.0:0'}")
    code, lines = uneri("run", "--config", config)
    assert (code, len(lines)) == (2, 1)
    assert "web.listen 0.0.0.0:0: open to the network without a lock" in lines[0]


def test_a_new_token_is_printed_with_the_line_that_is_kept_of_it() -> None:
    done = subprocess.run([UNERI, "token", "read", "intake"], capture_output=True, text=True, check=True)
    made = done.stdout.strip()
    assert len(made) > 40
    assert done.stderr == f"for tokens.file: read,intake {hash_of(made)}\n"
    assert uneri("token", "admin") == (2, ["uneri: admin: not a scope; choose from intake, read, operate"])
