"""A secret that cannot be used ends a command with one line that names its variable, and is never shown."""

import os
from pathlib import Path

import pytest

from config.secret import SecretError, SecretPlace, passphrase_in, token_in
from config.settings import KafkaSettings, SlackSettings, TokensSettings, WebhookSettings
from streams.drivers.kafka.connections.connection import connection_options
from streams.notify.http_sinks import key_of
from streams.notify.interactions import slack_secrets
from streams.process.web.tokens import AccessScope, hash_of, load_tokens, new_token, own_authorization
from tests.streams.cli import forked

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
    done = forked.uneri(*arguments, cwd=folder, env=kept | secrets)
    return done.returncode, (done.stdout + done.stderr).decode()


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
        ("memos", "--url", NOWHERE),
        ("note", "3f9a", "so", "--url", NOWHERE),
        ("incident", "3f9a", "--url", NOWHERE),
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
        token_in(SecretPlace("TOKEN"), {"TOKEN": secret})
    assert "canary" not in str(caught.value)


def test_a_passphrase_may_have_spaces_and_letters_of_any_language(monkeypatch: pytest.MonkeyPatch) -> None:
    assert passphrase_in(SecretPlace("WORD"), {"WORD": " pass wörd "}) == " pass wörd "
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


def test_a_secret_may_be_in_a_file_that_the_settings_or_the_environment_name(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("xoxb-1\n")
    assert token_in(SecretPlace("TOKEN", str(file)), {"TOKEN": "another"}) == "xoxb-1"
    assert token_in(SecretPlace("TOKEN"), {"TOKEN_FILE": str(file)}) == "xoxb-1"
    file.write_text(" pass wörd \r\n", encoding="utf-8")
    assert passphrase_in(SecretPlace("", str(file)), {}) == " pass wörd "


def test_a_file_is_read_again_so_that_a_rotated_secret_is_used(tmp_path: Path) -> None:
    file = tmp_path / "token"
    place = SecretPlace("TOKEN", str(file))
    for secret in ("first", "second"):
        file.write_text(secret)
        assert token_in(place, {}) == secret


def test_two_places_for_one_secret_are_refused() -> None:
    with pytest.raises(SecretError, match="TOKEN and TOKEN_FILE are both set; unset one of them"):
        token_in(SecretPlace("TOKEN"), {"TOKEN": "canary", "TOKEN_FILE": "/run/secrets/token"})


@pytest.mark.parametrize(
    ("contents", "said"),
    [
        (None, "the secret cannot be read (No such file or directory); correct the path or its permissions"),
        (b"", "the file of the secret is empty; write the secret into it"),
        (b"\n", "the file of the secret is empty; write the secret into it"),
        (b"\xff\xfecanary", "the secret cannot be read (not a text file); correct the path or its perm"),
        (b"canary\nx", "the token contains a space, a line break or a character that is not ASCII"),
        (b"c" * 70_000, "larger than 64 KiB; name the file with the secret"),
    ],
)
def test_a_file_that_holds_no_secret_is_named_in_one_line_without_its_content(
    tmp_path: Path, contents: bytes | None, said: str
) -> None:
    file = tmp_path / "token"
    if contents is not None:
        file.write_bytes(contents)
    with pytest.raises(SecretError) as caught:
        token_in(SecretPlace("TOKEN", str(file)), {})
    assert str(caught.value).startswith(f"{file}: {said}")
    assert "canary" not in str(caught.value)


def test_every_secret_of_the_settings_may_be_in_a_file(tmp_path: Path) -> None:
    def kept(name: str, secret: str) -> str:
        (tmp_path / name).write_text(f"{secret}\n")
        return str(tmp_path / name)

    slack = SlackSettings(
        token_file=kept("bot", "xoxb-1"),
        app_token_file=kept("app", "xapp-1"),
        signing_secret_file=kept("signing", "5" * 32),
    )
    assert slack_secrets(slack, {}) == ("xoxb-1", "xapp-1", "5" * 32)
    kafka = KafkaSettings(
        security="sasl_plaintext",
        sasl_mechanism="PLAIN",
        username_file=kept("user", "uneri"),
        password_file=kept("word", "pass word"),
    )
    assert connection_options(kafka)["sasl_plain_password"] == "pass word"  # noqa: S105
    webhook = WebhookSettings(name="pager", url="https://pager.example", secret_file=kept("hook", "s" * 40))
    assert key_of(webhook, {}) == b"s" * 40
    sender, other = new_token(), new_token()
    tokens = load_tokens(TokensSettings(intake_file=kept("intake", f"{sender}\n{hash_of(other)}")), {})
    assert all(tokens.allowed(text) == {AccessScope.INTAKE} for text in (sender, other))
    assert own_authorization({"UNERI_TOKEN_FILE": kept("own", sender)})["Authorization"].endswith(sender)


def test_a_daemon_whose_file_of_a_secret_is_missing_does_not_print_messages_instead(tmp_path: Path) -> None:
    (tmp_path / "uneri.yaml").write_text("slack: {token_file: ./token}\n")
    code, said = run(tmp_path, "run", "--config", "uneri.yaml")
    assert code == 2
    assert "./token: the secret cannot be read (No such file or directory)" in said
