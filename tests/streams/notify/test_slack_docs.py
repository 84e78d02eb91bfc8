"""The Slack page matches the code."""

import re
from pathlib import Path

import pytest

from alerting.commands.slash import Help, parse
from alerting.evaluation.labels_file import read_labels
from config.yaml_tree import read_tree

PAGE = (Path(__file__).parents[3] / "docs" / "slack.md").read_text("utf-8")
VERBS = ("whom", "which", "note")  # what is wrong with a verb alone
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", PAGE, re.DOTALL)


def test_the_manifest_is_yaml_with_the_command_and_every_scope_that_is_used() -> None:
    (manifest,) = (read_tree(text).data for _, text in BLOCKS if text.startswith("display_information"))
    (command,) = manifest["features"]["slash_commands"]
    assert command["command"] == "/uneri"
    scopes = {"chat:write", "files:write", "channels:history", "commands", "usergroups:read"}
    assert set(manifest["oauth_config"]["scopes"]["bot"]) == scopes
    assert manifest["settings"]["interactivity"]["is_enabled"]
    for usage in command["usage_hint"].split(" | "):
        assert not isinstance(parse(usage), Help) or usage == "help"


@pytest.mark.parametrize("written", sorted(set(re.findall(r"`/uneri ([^`]+)`", PAGE))))
def test_every_command_on_the_page_is_understood(written: str) -> None:
    assert parse(written) == Help() if written == "help" else not isinstance(parse(written), Help)


@pytest.mark.parametrize(
    "word", re.findall(r"`([^\x00-\x7f]+)`", PAGE.partition("Japanese ")[2].partition("\n##")[0])
)
def test_every_japanese_word_on_the_page_is_understood(word: str) -> None:
    parsed = parse(word)
    if not isinstance(parsed, Help) or (parsed.fault is not None and parsed.fault.value in VERBS):
        return  # a verb: valid, or incomplete
    assert not isinstance(parse(f"silence {word} 2h"), Help), "it is a valid scope"


def test_both_forms_of_labels_on_the_page_are_read() -> None:
    (known,) = (text for kind, text in BLOCKS if kind == "yaml" and text.startswith("- start"))
    (table,) = (text for _, text in BLOCKS if text.startswith("start,"))
    assert read_labels(known, "a.yaml")[0] == read_labels(table, "a.csv")[0]
