"""The log: one event a line, for people or for programs, with the same keys and without secrets."""

import json
import logging
import re
import subprocess
import sys
from typing import Any

import pytest
from aiokafka.errors import UnknownError

from config.load import load_settings
from streams.process.logs import RepeatFilter

PROGRAM = """
import logging, sys
import structlog
from config.settings import LogSettings
from streams.process.logs import configure_logs
configure_logs(LogSettings(format=sys.argv[1], level=sys.argv[2]))
log = structlog.get_logger("uneri.test")
log.debug("small")
log.info("incident opened", incident="5f0c", about="table \\u3046\\u306d\\u308a", count=3)
log.warning("two\\nlines", names=["a", "b"])
logging.getLogger("aiokafka").warning("a library says %s", "so")
def fail(token):
    raise ValueError("no good")
try:
    fail("".join(["uneri_", "secret"]))
except ValueError:
    logging.getLogger("library").exception("it failed")
fail("".join(["uneri_", "secret"]))
"""


def logged(form: str, level: str = "info") -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, form, level], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    return done.stderr


def objects(form: str, level: str = "info") -> list[dict[str, Any]]:
    return [json.loads(line) for line in logged(form, level).splitlines()]


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_traceback_in_the_log_shows_no_values_which_may_be_secrets(form: str) -> None:
    said = logged(form)
    assert "it failed" in said
    assert "ValueError: no good" in said
    assert "uneri_secret" not in said


def test_every_line_for_programs_is_one_object_even_of_a_library_and_of_what_nobody_caught() -> None:
    found = objects("json")
    assert [(entry["level"], entry["logger"], entry["event"]) for entry in found] == [
        ("info", "uneri.test", "incident opened"),
        ("warning", "uneri.test", "two\nlines"),
        ("warning", "aiokafka", "a library says so"),
        ("error", "library", "it failed"),
        ("critical", "uneri", "ended by an error"),
    ]
    assert list(found[0]) == ["timestamp", "level", "logger", "event", "incident", "about", "count"]
    assert found[0]["about"] == "table うねり"
    assert found[1]["names"] == ["a", "b"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", found[0]["timestamp"])
    assert found[3]["exception"].endswith("ValueError: no good")


def test_both_forms_say_the_same() -> None:
    said = logged("text")
    for entry in objects("json"):
        event = " ".join(entry["event"].splitlines())
        line = next(line for line in said.splitlines() if event in line)
        assert f"[{entry['level']:<9}]" in line
        for key in set(entry) - {"timestamp", "level", "logger", "event", "exception"}:
            assert f"{key}=" in line


def test_what_is_below_the_level_is_not_logged_and_what_ends_a_daemon_always_is() -> None:
    assert objects("json", "debug")[0]["event"] == "small"
    assert [line["event"] for line in objects("json", "error")] == ["it failed", "ended by an error"]


def test_the_log_has_two_forms_and_four_levels() -> None:
    settings = load_settings(None, "log: {format: json, level: debug}\n")
    assert (settings.log.format, settings.log.level) == ("json", "debug")


SENT = """
import sys
import structlog
from config.settings import LogSettings
from streams.process.logs import configure_logs
configure_logs(LogSettings(format=sys.argv[1]))
log = structlog.get_logger("uneri.test")
sent = "a\\x1b]0;title\\x07\\x00\\x9b2J\\u202eb\\nc"
try:
    raise ValueError(sent)
except ValueError:
    log.exception(sent, path=sent, paths=[sent])
"""


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_a_sender_wrote_never_reaches_the_terminal_as_a_command(form: str) -> None:
    done = subprocess.run([sys.executable, "-c", SENT, form], capture_output=True, check=True)
    said = done.stderr.decode()
    assert not re.findall("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", said)
    if form == "json":
        sent = "a\x1b]0;title\x07\x00\x9b2J\u202eb\nc"
        one = json.loads(said)
        assert (one["event"], one["path"], one["paths"]) == (sent, sent, [sent]), "nothing is lost"
    else:
        assert r"path=a\x1b]0;title\x07\x00\x9b2J\u202eb\nc" in said


def test_what_a_library_repeats_is_logged_once_a_minute_with_how_often() -> None:
    now = 0.0
    repeats = RepeatFilter(lambda: now)

    def logs(name: str, text: str, *values: object) -> int | None:
        record = logging.LogRecord(name, logging.ERROR, "", 0, text, values, None)
        return getattr(record, "more", 0) if repeats.filter(record) else None

    assert logs("aiokafka", "no node %s", 1) == 0
    assert [logs("aiokafka", "no node %s", node) for node in range(300)] == [None] * 300
    assert logs("aiokafka.cluster", "no node %s", 1) == 0, "another part of it"
    assert [logs("uneri.kafka", "connected") for _ in range(2)] == [0, 0]
    now = 60.0
    assert logs("aiokafka", "no node %s", 2) == 300


def test_what_kafka_answers_is_logged_without_a_traceback() -> None:
    error = UnknownError("UnknownError")
    record = logging.LogRecord(
        "aiokafka.producer.sender", logging.ERROR, "", 0, "Unexpected error in %s", ("sender",),
        (UnknownError, error, None),
    )  # fmt: skip
    assert RepeatFilter().filter(record)
    assert record.getMessage() == f"Unexpected error in sender: {error}"
    assert record.exc_info is None
