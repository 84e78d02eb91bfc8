"""Learning is the same however the sources were written and in whatever order they are named."""

import gzip
import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from detectors.state import zstd
from streams.drivers.local.log_judge import SOURCE
from streams.offline.backfill.lesson import Lesson
from streams.offline.sources.open_source import open_source
from tests.streams.offline.backfill.hammered_history import SETTINGS, records

Events = list[dict[str, Any]]
TOKYO = timezone(timedelta(hours=9))


@cache
def some() -> list[bytes]:
    return records()[:4000]


def events() -> Events:
    return [json.loads(line) for line in some()]


def lines(given: Events) -> bytes:
    return b"\n".join(json.dumps(entry).encode() for entry in given)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The state learnt from one file of records in their order."""
    return learnt_from(*one_file(tmp_path_factory.mktemp("plain")))


def learnt_from(*paths: Path) -> dict[str, bytes]:
    """Return the state of the shard."""
    lesson = Lesson(SETTINGS, open_source(list(paths)), 0)
    assert lesson.run()
    found = lesson.learnt([SOURCE])
    assert (found.records, found.bad.total()) == (len(some()), 0)
    return {name: body for name, body in found.engine.items() if name.startswith("detect/0|judge")}


def one_file(folder: Path) -> list[Path]:
    (folder / "all.ndjson").write_bytes(b"\n".join(some()))
    return [folder / "all.ndjson"]


def two_files_the_later_first(folder: Path) -> list[Path]:
    half = len(some()) // 2
    for name, part in (("later", some()[half:]), ("earlier", some()[:half])):
        (folder / f"{name}.ndjson").write_bytes(b"\n".join(part))
    return [folder / "later.ndjson", folder / "earlier.ndjson"]


def packed_in_different_ways(folder: Path) -> list[Path]:
    third = len(some()) // 3
    (folder / "a.ndjson.gz").write_bytes(gzip.compress(b"\n".join(some()[:third])))
    (folder / "b.ndjson.zst").write_bytes(zstd.compress(b"\n".join(some()[third : 2 * third])))
    (folder / "c.ndjson").write_bytes(b"\n".join(some()[2 * third :]))
    return [folder]


def cut_by_host_and_hour(folder: Path) -> list[Path]:
    """Write what several hosts logged at the same time: by name, the hours of one come before all others."""
    of_hosts: dict[tuple[str, int], list[bytes]] = {}
    for number, (line, event) in enumerate(zip(some(), events(), strict=True)):
        of_hosts.setdefault(("cab"[number % 3], int(event["ts"]) // 3600), []).append(line)
    for (host, hour), part in of_hosts.items():
        (folder / f"{host}-{hour}.ndjson.gz").write_bytes(gzip.compress(b"\n".join(part)))
    return [folder]


def in_tokyo_time(folder: Path) -> list[Path]:
    given = events()
    for entry in given:
        entry["ts"] = datetime.fromtimestamp(entry["ts"], TOKYO).isoformat(timespec="milliseconds")
    (folder / "tokyo.ndjson").write_bytes(lines(given))
    return [folder / "tokyo.ndjson"]


def in_milliseconds(folder: Path) -> list[Path]:
    (folder / "ms.ndjson").write_bytes(
        lines([event | {"ts": round(event["ts"] * 1000)} for event in events()])
    )
    return [folder / "ms.ndjson"]


def in_parquet(folder: Path) -> list[Path]:
    given = events()
    names = sorted({name for entry in given for name in entry})
    columns = {name: [entry.get(name) for entry in given] for name in names}
    pq.write_table(pa.table(columns), folder / "all.parquet")
    return [folder / "all.parquet"]


@pytest.mark.variants
@pytest.mark.parametrize(
    "form",
    [
        two_files_the_later_first,
        packed_in_different_ways,
        cut_by_host_and_hour,
        in_tokyo_time,
        in_milliseconds,
        in_parquet,
    ],
)
def test_the_form_of_a_history_makes_no_difference(
    tmp_path: Path, plain: dict[str, bytes], form: Callable[[Path], list[Path]]
) -> None:
    assert learnt_from(*form(tmp_path)) == plain
