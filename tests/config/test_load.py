"""A configuration is read strictly, and what is wrong is reported by file, line and column."""

import difflib
import os
import re
from pathlib import Path
from typing import Any

import pytest

from alerting.evaluation.labels_file import read_labels
from config import bounded_read
from config.load import ConfigError, load_settings
from config.settings import KafkaSettings, Settings

LINE = re.compile(r"(?P<file>.+?):(?P<line>\d+):(?P<column>\d+): (?P<message>.+?); (?P<remedy>.+)")


def refusal(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings(Path("uneri.yaml"), text)
    return str(caught.value)


def test_without_a_file_the_defaults_hold() -> None:
    assert load_settings(None) == Settings()


@pytest.mark.parametrize(
    "text", ["", "# nothing but a comment\n", "\ufeff", "---\n", "time:\n", "time: {}\n"]
)
def test_an_empty_file_or_section_means_the_defaults(tmp_path: Path, text: str) -> None:
    path = tmp_path / "uneri.yaml"
    path.write_text(text, encoding="utf-8")
    assert load_settings(path) == Settings()


def test_an_empty_kafka_section_chooses_kafka_and_null_does_not() -> None:
    assert load_settings(None, "kafka:\n").kafka == KafkaSettings()
    assert load_settings(None, "kafka: null\n").kafka is None


def test_the_example_is_valid_and_differs_from_the_defaults_only_where_it_says_so() -> None:
    path = Path(__file__).parents[2] / "examples" / "uneri.yaml"
    example = load_settings(path)
    assert example.kafka == KafkaSettings()
    assert example.links.templates
    assert example.limits.tables
    assert example.account_names
    stated = {"kafka", "links", "limits", "money", "accounts"}
    assert example.model_dump(exclude=stated) == Settings().model_dump(exclude=stated)
    assert example.model_fields_set == set(Settings.model_fields)


def test_the_daemon_of_the_compose_file_finds_kafka_and_is_reachable() -> None:
    settings = load_settings(Path(__file__).parents[2] / "examples" / "compose.yaml")
    assert settings.kafka == KafkaSettings(brokers=["kafka:9092"])
    assert settings.web.listen == "0.0.0.0:8766"


def test_the_verdict_absence_may_still_be_written_as_silence() -> None:
    text = "notify: {quiet_hours: [{start: '22:00', end: '07:00', match: {verdicts: [silence, absence]}}]}"
    assert load_settings(None, text).notify.quiet_hours[0].match.verdicts == ["absence", "absence"]
    assert read_labels("- {start: 1760000000, kind: silence}\n", "known.yaml")[0].verdict == "absence"


def test_a_time_of_day_and_large_numbers_are_read_as_written() -> None:
    settings = load_settings(None, "digest: {at: 10:30}\nfloors: {rcu: {absolute: 1e3, relative: 2}}\n")
    assert settings.digest.at == "10:30"
    assert settings.floors.rcu.absolute == 1000.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("time: {}\nweb: \x01", "uneri.yaml:2:6: character '\\x01' is not allowed in YAML"),
        ("time: " + "[" * 5000, "nested deeper than 20 levels"),
        ("time: {step: " + "9" * 5000 + "}", "uneri.yaml:1:14: time.step is"),
        ("a" * (1 << 20) + "a", "uneri.yaml:1:1: longer than 1048576 characters"),
        (
            "k: 1\n" * 50_001,
            "uneri.yaml:50001:1: more than 100000 keys and values, counted together; check that",
        ),
        ("local: {state: '%s'}" % ("a/" * 3000), "too long for a path; shorten it to 4095 bytes"),
    ],
)
def test_a_large_mistake_is_one_line_with_its_place_and_remedy(text: str, expected: str) -> None:
    message = refusal(text)
    assert expected in message
    assert LINE.fullmatch(message)


def test_a_bomb_of_aliases_is_refused_at_once() -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{name}: &{name} [{','.join(['*' + before] * 9)}]\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    assert refusal(bomb).startswith("uneri.yaml:1:4: anchors and aliases are not supported")


def test_a_key_cannot_send_control_characters_to_the_terminal() -> None:
    message = refusal('limits: {tables: {"a\\e[31m\\nb": {rcu: -1}}}')
    assert message.isprintable()


def test_a_file_that_cannot_be_read_is_one_clear_line(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(ConfigError, match=r":1:1: cannot be read: .+; check the path"):
            load_settings(path)


def test_bytes_that_are_not_text_are_reported_by_place(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes("slack:\n  channel: 'é".encode() + b"\xe9'\n")
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    assert str(caught.value) == f"{path}:2:14: is not UTF-8 text; save it as UTF-8"


def test_the_problems_of_a_hopeless_file_are_counted_and_the_first_ones_listed() -> None:
    lines = refusal("".join(f"key{number}: {{}}\n" for number in range(1000))).splitlines()
    assert len(lines) == 21
    assert lines[0].startswith("uneri.yaml:1:1: unknown key 'key0'; valid keys: ")
    assert lines[19].startswith("uneri.yaml:20:1: unknown key 'key19'; ")
    assert lines[20] == "uneri.yaml: and 980 more"


def test_the_first_problems_are_those_of_the_file_and_not_of_the_schema() -> None:
    text = "".join(f"key{number}: 1\n" for number in range(30))
    lines = refusal("kafka: {brokers: 5}\n" + text + "time: {step: 61}\n").splitlines()
    assert lines[0].startswith("uneri.yaml:1:18: kafka.brokers")
    assert [line.split(":")[1] for line in lines[:20]] == [str(number) for number in range(1, 21)]
    assert lines[20] == "uneri.yaml: and 12 more"


def test_the_work_for_an_unknown_key_does_not_grow_with_their_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared = 0
    close_matches = difflib.get_close_matches

    def counting(*args: Any) -> list[str]:
        nonlocal compared
        compared += 1
        return close_matches(*args)

    monkeypatch.setattr(difflib, "get_close_matches", counting)
    refusal("".join(f"key{number}:\n" for number in range(5000)) + "kafka: {brokers: []}\n")
    assert compared <= 20


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/full"])
def test_a_device_without_an_end_is_one_clear_line(path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    assert (
        str(caught.value) == f"{path}:1:1: longer than 1048576 characters; check that this is the right file"
    )


def test_a_huge_file_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "core"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # a hole: takes no space, but no memory holds it
    with pytest.raises(ConfigError, match="longer than 1048576 characters"):
        load_settings(path)


def test_a_pipe_is_read_to_its_end_and_one_without_a_writer_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"time: {step: 120}\n")
    os.close(writing)
    assert load_settings(f"/dev/fd/{reading}").time.step == 120
    os.close(reading)
    monkeypatch.setattr(bounded_read, "PATIENCE_SECONDS", 0.05)
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(ConfigError, match="1:1: cannot be read: nothing was written to it"):
        load_settings(path)
