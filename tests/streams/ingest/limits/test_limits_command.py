"""``uneri limits``: what it shows, what it writes, and how it ends; and the checks of limits."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from config.capacity import load_read_limits
from config.load import load_settings
from streams.cli.check.sources import check_limits
from streams.cli.commands import app
from streams.process.files.locks import locked_file
from tests.streams.ingest.limits.aws_standin import (
    OTHER,
    OWN,
    REGION,
    ROLE,
    AwsStandin,
    make_function,
    make_table,
)

PAGE = Path(__file__).parents[4] / "docs" / "limits.md"


class Shell:
    """A folder with a configuration."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "limits.json"
        self.config = folder / "uneri.yaml"
        self.configure(f"file: {self.file}")

    def configure(self, *limits: str) -> None:
        self.config.write_text("limits:\n" + "".join(f"  {line}\n" for line in limits))

    def limits(self, *options: str) -> tuple[int, list[str], list[str]]:
        """Return exit code, standard output and standard error."""
        done = CliRunner().invoke(app, ["limits", "--config", str(self.config), *options])
        return done.exit_code, done.stdout.splitlines(), done.stderr.splitlines()


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_what_is_read_is_written_and_shown_with_its_age_and_what_is_by_hand_wins(
    aws: AwsStandin, shell: Shell
) -> None:
    make_table(aws.client("dynamodb"), "items", rcu=50, wcu=20)
    make_function(aws, "put", reserved=100)
    code, out, err = shell.limits("--aws", "--write", str(shell.file))
    assert (code, err) == (0, [])
    assert f"{OWN} {REGION}:" in out
    assert "  table    items  50 rcu (provisioned), 20 wcu (provisioned)" in out
    assert "  function put  100 concurrency (reserved)" in out
    assert (
        "  account  all APIs  5,000 requests at once (account limit), 10,000 requests/s (account limit)"
        in out
    )
    assert out[-1] == f"{shell.file}: written"
    shell.configure(f"file: {shell.file}", "tables: {items: {wcu: 15}}")
    code, out, err = shell.limits()
    assert (code, err) == (0, [])
    assert out[:2] == ["by hand (1; they win):", "  table    items  15 wcu"]
    assert "  table    items  50 rcu (provisioned), 20 wcu (provisioned) overridden by hand" in out
    assert re.fullmatch(rf"\d+ read from AWS, \d+ s ago \({re.escape(str(shell.file))}\)", out[-1])


def test_what_could_not_be_read_is_one_line_on_standard_error_and_exit_code_1(
    aws: AwsStandin, shell: Shell
) -> None:
    make_table(aws.client("dynamodb"), "items", rcu=50, wcu=20)
    shell.limits("--aws", "--write", str(shell.file))
    aws.refuse("dynamodb:ListTables", "AccessDeniedException")
    for options in (["--aws", "--write", str(shell.file)], []):
        code, out, err = shell.limits(*options)
        assert code == 1
        assert "  table    items  50 rcu (provisioned), 20 wcu (provisioned)" in out
        assert len(err) == 1
        assert re.fullmatch(
            rf"uneri: {OWN} {REGION} dynamodb: access denied: dynamodb:ListTables; add it to the policy of "
            r"the role \(docs/limits\.md\); last read \d+ s ago",
            err[0],
        )
    assert len(load_read_limits(shell.file).limits) > 10


def test_without_credentials_nothing_is_written(
    aws: AwsStandin, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    said = "uneri: no AWS credentials were found; set AWS_PROFILE, or give the machine or the pod a role"
    assert shell.limits("--aws", "--write", str(shell.file)) == (1, [], [said])
    assert not shell.file.exists()
    assert not aws.asked


def test_a_file_that_another_process_writes_is_left_alone(aws: AwsStandin, shell: Shell) -> None:
    with locked_file(shell.file, "busy"):
        code, _, err = shell.limits("--aws", "--write", str(shell.file))
    assert code == 1
    assert err == [f"uneri: {shell.file}: another uneri reads limits into it; wait for it"]
    assert not aws.asked


def test_a_file_that_nothing_reads_is_pointed_out(aws: AwsStandin, shell: Shell) -> None:
    assert aws.url
    shell.configure("aws: {}")
    other = shell.file.with_name("other.json")
    _, _, err = shell.limits("--aws", "--write", str(other))
    assert err == [f"uneri: to use it, set limits.file: {other}"]


def test_the_options_that_do_not_fit_are_named(shell: Shell) -> None:
    code, out, err = shell.limits("--write", str(shell.file))
    assert (code, out, err) == (2, [], ["uneri: --write keeps what --aws reads; add --aws"])
    code, out, err = shell.limits()
    assert code == 2
    said = f"does not exist; write it with: uneri limits --aws --write {shell.file}, or remove limits.file"
    assert err == [f"uneri: {shell.file}:1:1: {said}"]


def test_without_any_limit_the_way_to_some_is_shown(shell: Shell) -> None:
    shell.configure("{}")
    said = "no limits are known; write them under limits, or read them: uneri limits --aws --write FILE"
    assert shell.limits() == (0, [said], [])


def test_check_says_which_accounts_can_be_read_and_how_old_the_limits_are(
    aws: AwsStandin, shell: Shell
) -> None:
    shell.configure(f"file: {shell.file}", f"aws: {{daily: true, roles: [self, '{ROLE}']}}")
    settings = load_settings(shell.config)
    assert [(limit.ok, limit.text) for limit in check_limits(settings, 0.0)] == [
        (None, "limits: none read from AWS yet"),
        (True, f"limits: AWS account {OWN} can be read ({REGION})"),
        (True, f"limits: AWS account {OTHER} can be read ({REGION})"),
    ]
    aws.refuse("sts:AssumeRole", "AccessDenied")
    refused = list(check_limits(settings, 0.0))[-1]
    assert refused.ok is False
    assert refused.text.startswith(f"limits: {ROLE}: access denied: sts:AssumeRole; allow it")


def test_the_policy_of_the_page_allows_exactly_what_is_asked_for(aws: AwsStandin, shell: Shell) -> None:
    make_table(aws.client("dynamodb"), "items", rcu=50, wcu=20)
    make_function(aws, "put", reserved=100)
    aws.asked.clear()
    shell.limits("--aws")
    (policy,) = re.findall(r"```json\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    (statement,) = json.loads(policy)["Statement"]
    # everybody may ask who they are
    assert sorted(statement["Action"]) == sorted(set(aws.asked) - {"sts:GetCallerIdentity"})
