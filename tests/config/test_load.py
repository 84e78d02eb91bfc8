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


def test_all_problems_are_listed_one_a_line_in_file_order() -> None:
    text = (
        "time:\n  stpe: 30\n  idle: '30'\n"
        "slack:\n  channel: '#a'\n  channel: '#b'\n"
        "limits:\n  accounts: {123456789012: 5}\n"
        "floors:\n  rcu: {absolute: 1}\n"
        "digest: {at: 25:00}\n"
    )
    lines = refusal(text).splitlines()
    places = [(int(m["line"]), int(m["column"])) for m in map(LINE.fullmatch, lines) if m]
    assert places == [(2, 3), (3, 9), (6, 3), (8, 14), (10, 3), (11, 14)]
    assert len(lines) == len(places)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("time: {stpe: 30}", "uneri.yaml:1:8: unknown key 'stpe' in time; did you mean 'step'?"),
        ("step: 30", "uneri.yaml:1:1: unknown key 'step'; 'step' belongs to time"),
        ("local: {zzz: 1}", "uneri.yaml:1:9: unknown key 'zzz' in local; valid keys: listen, tls, hosts"),
        ("time: {step: 61}", "time.step is 61: must be a multiple of bucket, which is 10; 60 is the nearest"),
        (
            "digest: {timezone: Asia/Tokio}",
            "uneri.yaml:1:20: digest.timezone is 'Asia/Tokio': unknown time zone; did",
        ),
        (
            "limits: {tables: {on: {rcu: 1}}}",
            "uneri.yaml:1:19: key 'on' reads as yes or no, not as text; write",
        ),
        (
            "limits: {tables: {no: {rcu: 1}}}",
            "key 'no' reads as yes or no, not as text; write it in quotes: \"no\"",
        ),
        (
            "web: {listen: '127.0.0.1:70000'}",
            "uneri.yaml:1:15: web.listen is '127.0.0.1:70000': must be host:port",
        ),
        (
            "floors: {rcu: {absolute: .nan, relative: 1}}",
            "uneri.yaml:1:26: .nan is not finite; write a number",
        ),
        (
            "floors: {rcu: {absolute: -.inf, relative: 1}}",
            "uneri.yaml:1:26: -.inf is not finite; write a number",
        ),
        ("- 1", "uneri.yaml:1:1: the file holds a list, not keys and values"),
        ("just words", "uneri.yaml:1:1: the file holds 'just words', not keys and values"),
        ("time:\n\tstep: 60", "uneri.yaml:2:1: a tab cannot indent a line or begin a value; use spaces"),
        ("time: {step: 60", "uneri.yaml:1:16: not valid YAML: "),
        ("time: {}\n---\nweb: {}", "uneri.yaml:2:1: a second document begins here"),
        ("time: &a {step: 60}", "uneri.yaml:1:7: anchors and aliases are not supported"),
        ("web: *a", "uneri.yaml:1:6: anchors and aliases are not supported"),
        ("? [a]\n: 1", "uneri.yaml:1:3: a key must be text"),
        ("<<: {step: 60}", "uneri.yaml:1:1: key '<<' reads as a YAML operator"),
        (
            "time: !!python/object:os.system {}",
            "uneri.yaml:1:7: tags such as tag:yaml.org,2002:python/object:os.system",
        ),
        ("time: {step: 60}\nweb: \x01", "uneri.yaml:2:6: character '\\x01' is not allowed in YAML"),
        ("time: " + "[" * 5000, "nested deeper than 20 levels"),
        ("time: {step: " + "9" * 5000 + "}", "uneri.yaml:1:14: time.step is"),
        ("a" * (1 << 20) + "a", "uneri.yaml:1:1: longer than 1048576 characters"),
        (
            "k: 1\n" * 50_001,
            "uneri.yaml:50001:1: more than 100000 keys and values, counted together; check that",
        ),
        ("local: {state: '%s'}" % ("a/" * 3000), "uneri.yaml:1:16: local.state is 'a/a/a/"),
        ("local: {state: '%s'}" % ("a/" * 3000), "too long for a path; shorten it to 4095 bytes"),
        ("local: {state: '%s'}" % ("あ" * 86), "too long for a path; shorten it to"),
        (
            "time: {lateness: 99999999999999999999}",
            "uneri.yaml:1:18: time.lateness is 99999999999999999999: ",
        ),
        ("limits: {tables: {a: {rcu: %s}}}" % ("9" * 40), "uneri.yaml:1:28: limits.tables.a.rcu is inf: "),
        (
            "links: {templates: {aws: {tabel: 'https://x'}}}",
            "uneri.yaml:1:27: unknown link kind 'tabel'; did you",
        ),
        (
            "links: {templates: {aws: {table: 'http://x'}}}",
            "uneri.yaml:1:34: links.templates.aws.table is 'http://x':",
        ),
        (
            "links: {templates: {aws: {table: 'https://x/{nam}'}}}",
            "unknown placeholder {nam}; valid placeholders: name, version",
        ),
    ],
)
def test_a_mistake_is_reported_with_its_place_and_remedy(text: str, expected: str) -> None:
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


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('slack: {token_env: "xoxb-canary-1"}', "1:20: slack.token_env"),
        ("slack:\n  app_token_env: xapp-canary-1\n", "2:18: slack.app_token_env"),
        ("slack:\n  signing_secret_env: 0canary1\n", "2:23: slack.signing_secret_env"),
        ("kafka:\n  password_env: canary 1\n", "2:17: kafka.password_env"),
        (
            "notify:\n  webhooks:\n    - {name: a, url: https://a.example, secret_env: 'whsec_canary1'}\n",
            "3:53: notify.webhooks.0.secret_env",
        ),
        ("slack: {token_env: [canary]}", "1:20: slack.token_env"),
    ],
)
def test_a_secret_in_the_place_of_the_name_of_its_variable_is_refused_and_not_shown(
    text: str, place: str
) -> None:
    message = refusal(text)
    assert message.startswith(f"uneri.yaml:{place} is not the name of an environment variable ")
    assert "keep the secret in the environment" in message
    assert "canary" not in message


@pytest.mark.parametrize("setting", ["slack: {token_file", "kafka: {password_file", "tokens: {read_file"])
def test_a_secret_in_the_place_of_the_path_of_its_file_is_refused_and_not_shown(setting: str) -> None:
    message = refusal(f"{setting}: xoxb-canary/1}}")
    assert "is not the path of a file, which begins with /, ./ or ../; write the path here" in message
    assert "canary" not in message


@pytest.mark.parametrize(
    "url", ["http://x:99999/", "http://x:port/", "http://:80/", "http://[::1", "http://x:0"]
)
def test_an_address_that_nothing_can_be_sent_to_is_refused_at_its_place(url: str) -> None:
    text = f"notify:\n  webhooks:\n    - name: pager\n      url: '{url}'\n"
    assert refusal(text).startswith(
        f"uneri.yaml:4:12: notify.webhooks.0.url is '{url}': not a valid address; write "
    )
    assert refusal(f"slack:\n  base_url: '{url}'\n").startswith("uneri.yaml:2:13: slack.base_url is ")


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


@pytest.mark.parametrize("state", ['"a\\0b"', '"\\uD800"', '""'])
def test_a_path_that_cannot_exist_is_refused_at_its_place(state: str) -> None:
    assert refusal(f"local:\n  state: {state}\n").startswith("uneri.yaml:2:10: local.state is ")


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


@pytest.mark.parametrize("name", ['""', '" "', '"game\\nprod"', "x" * 41])
def test_an_account_has_a_name_that_fits_on_a_line(name: str) -> None:
    message = refusal(f"accounts:\n  '1': {{name: {name}}}\n")
    assert message.startswith("uneri.yaml:2:15: accounts.1.name is")
    assert "write 1 to 40 visible characters on one line" in message


def test_the_id_of_an_account_is_text() -> None:
    assert load_settings(None, "accounts: {'12': {name: game-prod}}").account_names == {"12": "game-prod"}
    assert refusal("accounts: {12: {name: game-prod}}").startswith("uneri.yaml:1:12: ")
