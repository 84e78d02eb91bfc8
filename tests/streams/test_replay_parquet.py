"""Events in Parquet are the events that the same records are as JSON."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from config.settings import Judge, Settings
from streams.replay import Replayed, replay
from streams.replay_files import FileHistory
from streams.replay_source import ReplayError
from tests.faults.traffic import START, traffic
from tests.streams.memory_history import MemoryHistory

RECORDS = [
    record for record in traffic(5, 1).partitions[0] if record.startswith(b'{"ts"') and b"NaN" not in record
]
SETTINGS = Settings(judge=Judge(young=3600))


@pytest.fixture(scope="module")
def found() -> Replayed:
    return replay(MemoryHistory({"files/0": RECORDS}, [4000]), SETTINGS)


def same(one: Replayed, other: Replayed) -> bool:
    return bool(one.findings) and (one.findings, one.incidents, one.records) == (
        other.findings,
        other.incidents,
        other.records,
    )


@pytest.mark.parametrize("kind", [pa.string(), pa.binary(), pa.large_string()])
def test_a_column_of_whole_records_is_read_as_it_is(
    tmp_path: Path, kind: pa.DataType, found: Replayed
) -> None:
    values = [record.decode() for record in RECORDS] if kind != pa.binary() else RECORDS
    table = pa.table({"key": pa.nulls(len(values)), "value": pa.array(values, kind)})
    pq.write_table(table, tmp_path / "topic.parquet", row_group_size=1500)
    assert same(replay(FileHistory([tmp_path]), SETTINGS), found)


def test_a_column_a_field_nested_gives_the_same_findings(tmp_path: Path, found: Replayed) -> None:
    table = pa.Table.from_pylist([json.loads(record) for record in RECORDS])
    pq.write_table(table, tmp_path / "events.parquet", row_group_size=999)
    assert same(replay(FileHistory([tmp_path / "events.parquet"]), SETTINGS), found)


def test_dotted_names_and_arrow_times_are_the_fields_they_say(tmp_path: Path) -> None:
    moment = datetime.fromtimestamp(START + 0.25, UTC)
    for unit in ("ms", "us", "ns"):
        table = pa.table(
            {
                "ts": pa.array([moment], pa.timestamp(unit, "UTC")),
                "service": ["shop"],
                "ms.total": [41.5],
                "client.name": ["ios"],
                "client.version": pa.array([None], pa.string()),
                "values": pa.array([[("sales", 12.5)]], pa.map_(pa.string(), pa.float64())),
            }
        )
        pq.write_table(table, tmp_path / "one.parquet")
        (piece, end) = FileHistory([tmp_path / "one.parquet"]).pieces()
        assert piece.records is not None
        assert [json.loads(record) for record in piece.records] == [
            {
                "ts": START + 0.25,
                "service": "shop",
                "ms": {"total": 41.5},
                "client": {"name": "ios"},
                "values": {"sales": 12.5},
            }
        ]
        assert end.records is None


def test_a_file_that_holds_no_events_or_is_damaged_is_said_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "other.parquet"
    pq.write_table(pa.table({"time": [1], "host": ["a"]}), file)
    with pytest.raises(ReplayError, match=r"other.parquet: has neither .* \(it has time, host\)"):
        list(FileHistory([file]).pieces())
    file.write_bytes(b"PAR1 and nothing else")
    with pytest.raises(ReplayError, match="is damaged or not what its name says") as caught:
        list(FileHistory([file]).pieces())
    assert "\n" not in str(caught.value)


def test_a_replay_goes_on_at_the_row_where_it_was_left(tmp_path: Path) -> None:
    table = pa.table({"value": [record.decode() for record in RECORDS]})
    pq.write_table(table, tmp_path / "topic.parquet", row_group_size=1100)
    whole = [record for piece in FileHistory([tmp_path]).pieces() for record in piece.records or ()]
    assert whole == RECORDS
    for count in (1, 2, 4):
        first = FileHistory([tmp_path])
        pieces = first.pieces()
        taken = [next(pieces) for _ in range(count)]
        again = FileHistory([tmp_path])
        again.resume(json.loads(json.dumps(first.bounds)), {"files/0": taken[-1].place})
        rest = [record for piece in (*taken, *again.pieces()) for record in piece.records or ()]
        assert rest == RECORDS
