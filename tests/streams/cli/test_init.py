"""``uneri init`` writes a configuration that works, from a few answers and perhaps a file."""

import json
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer import BadParameter
from typer.testing import CliRunner

from config.load import load_settings
from config.settings import Settings
from streams.cli import try_format
from streams.cli.commands import app
from streams.cli.init import FirstAnswers, asked, configuration
from streams.cli.try_format import Tried
from streams.ingest.formats.inputs import Input
from streams.ingest.formats.payloads import Payload

LINE = '{"t":1796031200250,"method":"GET","url":"/items/17","status":200,"latency_ms":41.2}\n'
NATIVE = '{"ts":1796031200,"service":"shop","route":"GET /items","status":200,"ms":{"total":41.2}}\n'


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def init(*arguments: str, given: str = "") -> tuple[int, str]:
    done = CliRunner().invoke(app, ["init", *arguments], input=given)
    return done.exit_code, done.output


def written(**answers: str) -> tuple[Settings, list[str]]:
    text, _, commands = configuration(FirstAnswers(**answers), None, "uneri.yaml")
    return load_settings("uneri.yaml", text), commands


def test_it_writes_the_input_of_a_file_checks_it_and_says_what_comes_next() -> None:
    Path("my shop.log").write_text(LINE * 3)
    code, out = init("--yes", "--from", "my shop.log")
    assert code == 0
    lines = out.splitlines()
    assert lines[:3] == [
        "uneri.yaml: written",
        "my shop.log: it reads 3 of 3 records",
        "ok     configuration: valid",
    ]
    assert lines[-4:] == [
        "Next:",
        "  uneri run --config uneri.yaml --follow 'my shop.log' --source my-shop",
        "  uneri status --config uneri.yaml",
        "  uneri send-test --config uneri.yaml",
    ]
    sources = load_settings("uneri.yaml").sources
    assert [(given.name, given.format, given.service) for given in sources.inputs] == [
        ("my-shop", "my-shop", "my-shop")
    ]
    tried = CliRunner().invoke(app, ["try", "my shop.log", "--config", "uneri.yaml", "--input", "my-shop"])
    assert "3 payloads: 3 records (request 3), 0 refused, 0 skipped" in tried.output


def test_a_file_in_a_known_format_needs_no_mapping() -> None:
    Path("shop.ndjson").write_text(NATIVE)
    assert init("--yes", "--from", "shop.ndjson")[0] == 0
    sources = load_settings("uneri.yaml").sources
    assert ([given.format for given in sources.inputs], sources.mappings) == (["uneri"], [])


def test_records_of_a_pipe_are_looked_at_and_nothing_is_asked() -> None:
    code, out = init("--from", "-", given=LINE)
    assert (code, "-: it reads 1 of 1 records" in out) == (0, True)
    assert load_settings("uneri.yaml").sources.mappings[0].name == "records"


def test_only_the_beginning_of_a_long_file_or_endless_pipe_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("long.log").write_text(LINE * 1001)
    read = list[bytes]()
    tried = try_format.tried

    def counted(payload: Payload, source: Input) -> Tried:
        read.append(payload.content)
        return tried(payload, source)

    monkeypatch.setattr(try_format, "MOST_RECORDS", 10)  # that are read as one body
    monkeypatch.setattr(try_format, "tried", counted)
    code, out = init("--yes", "--from", "long.log")
    told = "long.log: it reads 1,000 of 1,000 records; what follows them was not looked at"
    assert (code, told in out) == (0, True)
    Path("uneri.yaml").unlink()
    read.clear()
    Path("longer.log").write_text(LINE * 9000)
    assert init("--yes", "--from", "longer.log")[0] == 0
    assert len(read) == 1001


def test_no_file_is_written_over_and_none_without_a_record() -> None:
    Path("notes.txt").write_text("plain text\n")
    code, out = init("--yes", "--from", "notes.txt")
    assert code == 1
    assert "notes.txt: no record in it is read, nor could a mapping be guessed; `uneri try notes.txt`" in out
    assert not Path("uneri.yaml").exists()
    Path("uneri.yaml").write_text("mine")
    code, out = init("--yes")
    assert (code, Path("uneri.yaml").read_text()) == (2, "mine")
    assert out == "uneri: uneri.yaml: it is there already; name another file with --config\n"
    assert init("--yes", "--config", "other.yaml")[0] == 0
    code, out = init("--yes", "--config", "third.yaml", "--from", "nothing.log")
    assert (code, out) == (2, "uneri: nothing.log: no such file\n")


def test_the_defaults_ask_for_nothing_and_page_in_the_terminal() -> None:
    assert init("--yes")[0] == 0
    settings = load_settings("uneri.yaml")
    assert (settings.digest.timezone, settings.calendar.timezone) == ("Asia/Tokyo", "Asia/Tokyo")
    assert (
        settings.model_copy(
            update={name: getattr(Settings(), name) for name in ("sources", "digest", "calendar")}
        )
        == Settings()
    )


def test_a_topic_of_kafka_is_read_with_its_format_recognised() -> None:
    settings, commands = written(origin="kafka://a:9092,b:9092/Shop.requests", service="shop")
    assert settings.kafka is not None
    assert (settings.kafka.brokers, settings.kafka.requests) == (["a:9092", "b:9092"], "")
    (given,) = settings.sources.inputs
    assert (given.name, given.topic, given.service) == ("shop", "Shop.requests", "shop")
    assert commands[:2] == ["uneri setup --config uneri.yaml", "uneri run --config uneri.yaml"]


def test_a_sample_of_a_topic_gives_its_input_a_mapping(tmp_path: Path) -> None:
    (file := tmp_path / "sample.log").write_text(LINE)
    text, _, commands = configuration(FirstAnswers(origin="kafka://a:9092/shop"), file, "uneri.yaml")
    (given,) = load_settings(None, text).sources.inputs
    assert (given.topic, given.format) == ("shop", "sample")
    assert "setup" in commands[0]


def test_pages_go_to_a_channel_or_a_webhook() -> None:
    assert written(pages="#shop-alerts")[0].slack.channel == "#shop-alerts"
    notify = written(pages="https://pager.example.com/x")[0].notify
    assert [hook.url for hook in notify.webhooks] == ["https://pager.example.com/x"]
    assert [route.to for route in notify.routes] == [["webhook:pager"]]


def test_holidays_are_those_of_a_country_or_none() -> None:
    assert written(holidays="DE/BY")[0].calendar.holidays == "DE/BY"
    assert written(holidays="none")[0].calendar.holidays is None


@pytest.mark.parametrize("origin", ["http", "otel", "kafka://a:9092/shop", "shop.log", "shop.json"])
def test_what_comes_next_are_three_commands(origin: str) -> None:
    Path("shop.log").write_text(LINE)
    Path("shop.json").write_text(json.dumps(json.loads(LINE), indent=1))
    _, commands = written(origin=origin)
    assert len(commands) == 3
    for name, *options in map(shlex.split, commands):
        if name == "uneri":
            assert CliRunner().invoke(app, [options[0], "--help"]).exit_code == 0
            assert {option for option in options if option.startswith("--")} <= {
                word.strip(",") for word in CliRunner().invoke(app, [options[0], "--help"]).output.split()
            }
        else:
            assert name in ("curl", "export")


def test_five_questions_are_asked_and_each_wrong_answer_again() -> None:
    answers: Iterator[str] = iter(
        [
            "shop",
            "kafka://a",
            "nothing.log",
            "otel",
            "nowhere",
            "#alerts",
            "Asia/Tokio",
            "Asia/Tokyo",
            "jp",
            "JP",
        ]
    )
    questions, wrong = list[str](), list[str]()

    def ask(question: str, _: str, check: Callable[[str], str]) -> str:
        questions.append(question)
        while True:
            try:
                return check(next(answers))
            except BadParameter as error:
                wrong.append(str(error))

    assert asked(ask, None) == FirstAnswers("shop", "otel", "#alerts", "Asia/Tokyo", "JP")
    assert len(questions) == 5
    assert [text.split(";")[-1].strip() for text in wrong] == [
        "write kafka://host:9092/topic",
        "nothing.log: no such file",
        "write #channel, https://… or terminal",
        "did you mean 'Asia/Tokyo'?",
        "did you mean 'JP'?",
    ]
