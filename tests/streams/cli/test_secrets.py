"""A secret that cannot be used ends a command with one line that names its variable, and is never shown."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.secret import SecretError, passphrase_in, token_in
from config.settings import KafkaSettings
from streams.kafka.client import connection_options

UNERI = Path(sys.executable).with_name("uneri")
NOWHERE = "http://127.0.0.1:1"
BAD = ["canary\nx", "canary x", "canary\u00e9", "canary\x1b[2J", "canary\udc80"]
KAFKA = """
kafka:
  brokers: ["127.0.0.1:1"]
  security: sasl_plaintext
  sasl_mechanism: PLAIN
  username_env: NAME
  password_env: WORD
"""


def run(folder: Path, *arguments: str, **secrets: str) -> tuple[int, str]:
    """Run a command in a folder with these environment variables; return its exit code and all it printed."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("SLACK_", "UNERI_TOKEN"))
    }
    done = subprocess.run(
        [UNERI, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=kept | secrets,
    )
    return done.returncode, done.stdout + done.stderr


def assert_one_line(found: tuple[int, str], variable: str) -> None:
    code, said = found
    assert code == 2, said
    [line] = said.splitlines()
    assert variable in line
    assert "contains" in line
    assert "set it to" in line
    assert "canary" not in line


@pytest.mark.parametrize(
    "arguments",
    [
        ("status", "--url", NOWHERE),
        ("labels", "--url", NOWHERE),
        ("silences", "--url", NOWHERE),
        ("silence", "table:items", "--for", "2h", "--url", NOWHERE),
        ("simulate", "quiet", "--to", f"{NOWHERE}/events"),
    ],
)
def test_a_command_says_that_its_token_cannot_be_sent_instead_of_showing_it(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    assert_one_line(run(tmp_path, *arguments, UNERI_TOKEN="canary\nx"), "UNERI_TOKEN")  # noqa: S106


@pytest.mark.parametrize("variable", ["SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET"])
def test_neither_a_daemon_nor_a_test_starts_with_a_secret_of_slack_that_cannot_be_used(
    tmp_path: Path, variable: str
) -> None:
    for command in ("run", "send-test"):
        assert_one_line(run(tmp_path, command, **{variable: "canary\nx"}), variable)


def test_a_password_of_kafka_that_nobody_typed_ends_the_daemon_and_the_setup(tmp_path: Path) -> None:
    (tmp_path / "uneri.yaml").write_text(KAFKA)
    for command in ("run", "setup"):
        found = run(tmp_path, command, "--config", "uneri.yaml", NAME="uneri", WORD="canary\n")
        assert_one_line(found, "kafka.password_env: WORD: ")
    code, said = run(tmp_path, "setup", "--config", "uneri.yaml", NAME="uneri")
    assert (code, said.splitlines()) == (
        2,
        ["uneri: kafka.password_env: the environment variable WORD is not set"],
    )


@pytest.mark.parametrize("secret", BAD)
def test_what_no_header_can_hold_is_no_token(secret: str) -> None:
    with pytest.raises(SecretError, match="TOKEN: the token contains") as caught:
        token_in("TOKEN", {"TOKEN": secret})
    assert "canary" not in str(caught.value)


def test_a_passphrase_may_have_spaces_and_letters_of_any_language(monkeypatch: pytest.MonkeyPatch) -> None:
    assert passphrase_in("WORD", {"WORD": " pass wörd "}) == " pass wörd "
    monkeypatch.setenv("WORD", "pass wörd")
    monkeypatch.setenv("NAME", "uneri")
    kafka = KafkaSettings(
        brokers=["127.0.0.1:1"],
        security="sasl_plaintext",
        sasl_mechanism="PLAIN",
        username_env="NAME",
        password_env="WORD",  # noqa: S106 - the name of a variable
    )
    assert connection_options(kafka)["sasl_plain_password"] == "pass wörd"  # noqa: S105
