import os
from pathlib import Path

import pytest

from config.settings import DeadLetterSettings, Settings, SourcesSettings
from streams.drivers.local.line_inputs import StandardInput
from streams.drivers.local.log_intake import LogIntake
from streams.drivers.local.sqlite_store import SqliteStore
from streams.engine.stages.dead_letter_limit import DeadLetterLimitError
from streams.ingest.formats.inputs import Inputs
from streams.ingest.receivers.payload_lines import line_reader


async def test_every_line_is_taken_in_to_the_end_of_input_also_the_last_without_a_line_end(
    tmp_path: Path,
) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"a\nb\n\nc")
    os.close(writing)
    with SqliteStore(tmp_path / "db") as store:
        assert await StandardInput(reading, LogIntake(store, Settings())).run() == 3
        assert store.read(0).records == [b"a", b"b", b"c"]
    os.close(reading)


async def test_a_line_without_an_end_is_cut_and_what_follows_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "input"
    file.write_bytes(b"x" * 5_000_000 + b"\n" + GOOD + b"\n")
    with SqliteStore(tmp_path / "db") as store, file.open("rb") as reading:
        assert await StandardInput(reading.fileno(), LogIntake(store, Settings())).run() == 2
        long, good = store.read(0).records
        assert (len(long) < 3_000_000, good) == (True, GOOD)


async def test_input_of_garbage_is_not_drained_into_the_dead_letters(tmp_path: Path) -> None:
    file = tmp_path / "input"
    file.write_bytes(b"\n".join([GOOD, *[b"nope"] * 20]))
    settings = Settings(dead_letters=DeadLetterSettings(in_a_row=10))
    with SqliteStore(tmp_path / "db") as store, file.open("rb") as reading:
        with pytest.raises(DeadLetterLimitError, match="standard input, record 12: 11 bad records in a row"):
            await StandardInput(reading.fileno(), LogIntake(store, settings)).run()
        assert store.end == 0


GOOD = b'{"ts": 1760000000, "service": "shop"}'


async def test_lines_of_another_format_become_native(tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    line = b'203.0.113.7 - - [09/Oct/2025:08:53:20 +0000] "GET /items/7 HTTP/1.1" 200 57\n'
    file.write_bytes(line * 3 + b"nope")
    lines = line_reader(Inputs(SourcesSettings()).of(None, "clf"))
    with SqliteStore(tmp_path / "db") as store, file.open("rb") as reading:
        intake = LogIntake(store, Settings())
        assert await StandardInput(reading.fileno(), intake, lines).run() == 4
        first, *_, last = store.read(0).records
        assert b'"route":"GET /items/{id}"' in first
        assert last.startswith(b'{"kind":"refused"')
