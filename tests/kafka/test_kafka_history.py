"""With Kafka, the role board writes the history: whole, whoever is killed, replaced, or short of a disk."""

import asyncio
import json
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from kafka.admin import KafkaAdminClient

from config.load import load_settings
from config.settings import HistorySettings, Settings
from streams.cli.check.kafka import check_kafka
from streams.drivers.kafka.app import aiokafka_options
from streams.drivers.kafka.board.steps_reader import StepsReader
from streams.drivers.kafka.checkpoints.state_transfer import export_app, import_app
from streams.drivers.kafka.connections.client import open_client
from streams.drivers.kafka.roles import mistake
from streams.drivers.kafka.topics import (
    TopicError,
    existing_topics,
    setup_topics,
    verified_topics,
)
from streams.engine.detect.step_record import decode_step, head_of
from streams.record.history.history_files import MINUTES, NAMES_FILE
from streams.record.history.history_reader import HistoryReader
from streams.record.history.history_rows import COLUMNS, HistoryRows
from streams.record.history.parquet_rows import read_names
from streams.record.history.segments import HOUR, Segments
from streams.record.history.series_names import SeriesKey, SeriesNames
from streams.record.history.step_rows import StepRows
from tests.faults.daemons import Supervisor
from tests.kafka import topic as topics
from tests.kafka.history_app import SHARDS, SOON, HistoryApp
from tests.kafka.kafka_app import PARTITIONS
from tests.streams.record.history.backend import START, Backend, requests

UNERI = Path(sys.executable).with_name("uneri")
HOURS = 4
END = START + HOURS * HOUR
SPIKE = range(60 * 3, 60 * 3 + 20)  # minutes


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    """Return four hours of records, with a spike."""

    def spiked(line: bytes) -> bytes:
        event = json.loads(line)
        if (event["ts"] - START) // 60 in SPIKE:
            event["tables"][0]["wcu"] *= 50
        return json.dumps(event).encode()

    return list(map(spiked, requests(60 * HOURS + 20, late=False)))


@dataclass
class Expected:
    """The history of an engine that is never stopped."""

    records: list[bytes]
    rows: HistoryRows
    names: dict[int, SeriesKey]


@pytest.fixture(scope="module")
def expected(lines: list[bytes]) -> Expected:
    settings = Settings.model_validate({"judge": {"young": 3600}, "time": {"idle": 3600}})
    records = sorted(Backend(SHARDS, settings).feed(lines), key=lambda record: decode_step(record)[:2][::-1])
    held, names = Segments(SHARDS), SeriesNames()
    held.feed(records)
    assert held.until >= END
    rows = StepRows(names).rows([decode_step(body) for hour in held.complete() for body in hour.bodies])
    rows = rows.select(rows.start < END)
    assert (rows.verdict > 0).any(), "the spike is found"
    assert not np.isnan(rows.expected).all()
    return Expected(records, rows, dict(names))


@pytest.fixture
def app(kafka: str, tmp_path: Path, supervisor: Supervisor) -> Iterator[HistoryApp]:
    with HistoryApp(kafka, supervisor, tmp_path) as keeping:
        yield keeping


def same(app: HistoryApp, expected: Expected) -> None:
    """Compare all rows of whole hours, and the names of all series."""
    folder = app.place()
    rows = HistoryReader(folder).rows(MINUTES, 0, END)
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(rows, name), getattr(expected.rows, name), name)
    with folder.open(NAMES_FILE) as file:
        assert dict(read_names(file)) == expected.names


@pytest.mark.release
def test_a_board_killed_again_and_again_writes_what_one_engine_would(
    kafka: str, app: HistoryApp, lines: list[bytes], expected: Expected
) -> None:
    draw = random.Random(33)  # noqa: S311 - no secret
    for worker in ("one", "two"):
        app.start("rollup", "detect", settings=app.elsewhere(), worker=worker)
    kills, size = 0, len(lines) // 5
    for first in range(0, len(lines), size):
        part = lines[first : first + size]
        topics.fill(kafka, app.kafka.requests, [part[number::PARTITIONS] for number in range(PARTITIONS)])
        kills += app.board().kill_at_random(draw, "stage opened", 2)
    assert kills > 3
    last = app.board()
    app.until(lambda: app.written() >= END)
    app.until(lambda: app.shown().get("history_until") == END)
    assert app.shown()["watermark"] >= END
    assert (app.metric("uneri_history_bytes") or 0) > 0
    assert last.stop() == 0
    same(app, expected)


def test_a_board_that_another_process_has_replaced_does_no_harm_when_it_wakes(
    app: HistoryApp, expected: Expected
) -> None:
    half = len(expected.records) // 2
    asleep = app.board("a")
    assert asleep.logged("key=board/0")
    app.leave(expected.records[:half])
    app.until(lambda: app.written() >= START + HOUR)
    asleep.signal(signal.SIGSTOP)
    others = app.elsewhere()
    awake = app.board("b", others)
    app.leave(expected.records[half:])
    app.until(lambda: app.shown(settings=others).get("history_until") == END)
    asleep.signal(signal.SIGCONT)
    app.until(lambda: asleep.code is not None or bool(app.shown()))
    asleep.stop()  # because it was replaced, it may have ended by itself, or stand by
    assert awake.stop() == 0
    same(app, expected)


def test_a_board_that_is_stopped_hands_over_to_the_one_that_stands_by(
    app: HistoryApp, expected: Expected
) -> None:
    half = len(expected.records) // 2
    first = app.board("a")
    assert first.logged("key=board/0")
    others = app.elsewhere()
    app.board("b", others)
    app.leave(expected.records[:half])
    app.until(lambda: app.written() >= START + HOUR)
    assert first.stop() == 0
    app.leave(expected.records[half:])
    app.until(lambda: app.shown(settings=others).get("history_until") == END)
    same(app, expected)


@pytest.mark.release
def test_while_the_place_is_out_of_reach_steps_wait_in_the_topic_and_none_is_lost(
    app: HistoryApp, expected: Expected, tmp_path: Path
) -> None:
    barred = tmp_path / "history"
    barred.write_text("a file where the folder is to be")
    app.leave(expected.records)
    board = app.board(constants=[*SOON, ["streams.drivers.kafka.board.history_keeping", "ROOM", 1]])
    app.until(lambda: "the history cannot be written" in str(app.shown("/readyz").get("reason")))
    status = app.shown()
    assert status["lag"]["board/0"] > 0, "the rest stays in the topic"
    assert str(barred) in status["history_trouble"] or "director" in status["history_trouble"].lower()
    assert (app.metric("uneri_history_failures_total") or 0) >= 1
    assert app.shown("/healthz"), "it lives"
    board.kill()
    board = app.board(constants=[*SOON, ["streams.drivers.kafka.board.history_keeping", "ROOM", 1]])
    app.until(lambda: "history_trouble" in app.shown())
    barred.unlink()
    app.until(lambda: app.shown().get("history_until") == END)
    assert "history_trouble" not in app.shown()
    assert board.code is None
    same(app, expected)


def test_a_backup_of_the_app_has_the_steps_that_are_in_no_file_yet(
    app: HistoryApp, expected: Expected, tmp_path: Path
) -> None:
    half = len(expected.records) // 2
    app.leave(expected.records[:half])
    board = app.board()
    app.until(lambda: app.written() >= START + HOUR)
    assert board.stop() == 0
    app.leave(expected.records[half:])
    export_app(app.settings, tmp_path / "uneri-state.tar.zst")
    again = app.kafka.model_copy(update={"app": topics.unique("again")})
    app.settings = app.settings.model_copy(update={"kafka": again})
    setup_topics(app.settings)
    import_app(app.settings, tmp_path / "uneri-state.tar.zst")
    app.board()
    app.until(lambda: app.written() >= END)
    same(app, expected)


@pytest.mark.release
def test_after_an_import_a_board_shows_the_hour_that_is_in_no_file_yet(
    app: HistoryApp, expected: Expected, tmp_path: Path
) -> None:
    begun = [record for record in expected.records if head_of(record).start < START + 2 * HOUR + 1800]
    app.leave(begun)
    board = app.board()
    app.until(lambda: app.shown().get("watermark") == START + 2 * HOUR + 1800)
    app.until(lambda: app.written() >= START + 2 * HOUR)
    assert board.stop() == 0
    export_app(app.settings, tmp_path / "uneri-state.tar.zst")
    again = app.kafka.model_copy(update={"app": topics.unique("again")})
    app.settings = app.settings.model_copy(update={"kafka": again})
    setup_topics(app.settings)
    import_app(app.settings, tmp_path / "uneri-state.tar.zst")

    async def read() -> set[int]:
        shown, place = asyncio.Event(), str(app.settings.history.place)
        options = aiokafka_options(again)
        reader = StepsReader(app.names.steps, options, place, shards=SHARDS, step=60, on_steps=shown.set)
        reading = asyncio.create_task(reader.run())
        async with asyncio.timeout(30):
            await shown.wait()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)  # a second cancel would end its closing
        return {decode_step(body).start for body in reader.recent()}

    assert sorted(asyncio.run(read())) == list(range(START + 2 * HOUR, START + 2 * HOUR + 1800, 60))
    app.leave(expected.records[len(begun) :])
    app.board()
    app.until(lambda: app.written() >= END)
    same(app, expected)


@pytest.mark.release
def test_an_app_of_an_earlier_version_asks_to_set_up_the_topic_when_it_is_to_keep_a_history(
    app: HistoryApp,
) -> None:
    settings, ours, name = app.settings, app.kafka, app.names.steps
    with open_client(KafkaAdminClient, bootstrap_servers=ours.brokers) as admin:
        admin.delete_topics([name])
    app.until(lambda: not existing_topics(ours, [name]))
    assert name not in verified_topics(ours), "without a history, it is not missed"
    with pytest.raises(TopicError, match=rf"^Kafka has no topic {name}: run `uneri setup` to create it$"):
        verified_topics(ours, history=True)

    def wrong() -> list[str]:
        found = check_kafka(ours, settings.sources, history=settings.history)
        return [result.text for result in found if result.ok is False]

    assert wrong() == [f"kafka: {name} missing; create them with `uneri setup`"]
    assert f"{name}: created, 1 partition" in setup_topics(settings)
    assert wrong() == []
    assert verified_topics(ours, history=True)[name].partitions == 1


def test_a_board_without_a_place_ends_with_one_line(tmp_path: Path) -> None:
    config = tmp_path / "uneri.yaml"
    config.write_text("kafka: {brokers: ['127.0.0.1:1']}\n")
    done = subprocess.run(
        [UNERI, "run", "--role", "board", "--config", config], capture_output=True, text=True, check=False
    )
    (line,) = (done.stdout + done.stderr).strip().splitlines()
    assert "the role board writes the history to history.place, which is not set; set it" in line
    assert done.returncode == 2
    settings = load_settings(config)
    assert settings.kafka is not None
    (found,) = check_kafka(settings.kafka, settings.sources, ["board"], settings.history)
    assert found.ok is False
    assert "history.place, which is not set" in found.text
    off = HistorySettings(keep=False, place="x")
    assert "history.keep: false turns off" in str(mistake(["board"], settings.kafka, off))
