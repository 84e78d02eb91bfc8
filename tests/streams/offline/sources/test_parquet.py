"""Events in Parquet equal the same events as JSON."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from config.settings import JudgeSettings, Settings, SourcesSettings
from streams.ingest.formats.inputs import Inputs
from streams.offline.replay import Replayed, replay
from streams.offline.sources.files import FileSource
from streams.offline.sources.replay_error import ReplayError
from tests.faults.traffic import START, traffic
from tests.streams.offline.sources.memory_source import MemorySource

RECORDS = [
    record for record in traffic(5, 1).partitions[0] if record.startswith(b'{"ts"') and b"NaN" not in record
]
SETTINGS = Settings(judge=JudgeSettings(young=3600))


@pytest.fixture(scope="module")
def found() -> Replayed:
    return replay(MemorySource({"files/0": RECORDS}, [4000]), SETTINGS)


def same(one: Replayed, other: Replayed) -> bool:
    return bool(one.findings) and (one.findings, one.incidents, one.records) == (
        other.findings,
        other.incidents,
        other.records,
    )


@pytest.mark.variants
@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.binary(), pa.large_string(), pa.large_binary(), pa.string_view(), pa.binary_view()],
)
def test_a_column_of_whole_records_is_read_as_it_is(
    tmp_path: Path, kind: pa.DataType, found: Replayed
) -> None:
    values = [record.decode() for record in RECORDS] if "string" in str(kind) else RECORDS
    table = pa.table({"key": pa.nulls(len(values)), "value": pa.array(values, kind)})
    pq.write_table(table, tmp_path / "topic.parquet", row_group_size=1500)
    assert same(replay(FileSource([tmp_path]), SETTINGS), found)


def test_nested_columns_give_the_same_findings(tmp_path: Path, found: Replayed) -> None:
    table = pa.Table.from_pylist([json.loads(record) for record in RECORDS])
    pq.write_table(table, tmp_path / "events.parquet", row_group_size=999)
    assert same(replay(FileSource([tmp_path / "events.parquet"]), SETTINGS), found)


def test_dotted_names_and_arrow_times_become_fields(tmp_path: Path) -> None:
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
        (piece, end) = FileSource([tmp_path / "one.parquet"]).pieces()
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


def test_a_file_without_events_or_damaged_is_reported_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "other.parquet"
    pq.write_table(pa.table({"time": [1], "host": ["a"]}), file)
    with pytest.raises(ReplayError, match=r"other.parquet: neither .* \(found time, host\)"):
        list(FileSource([file]).pieces())
    file.write_bytes(b"PAR1 and nothing else")
    with pytest.raises(ReplayError, match="is damaged, or its suffix does not match") as caught:
        list(FileSource([file]).pieces())
    assert "\n" not in str(caught.value)


def test_a_replay_resumes_at_the_row_where_it_stopped(tmp_path: Path) -> None:
    table = pa.table({"value": [record.decode() for record in RECORDS]})
    pq.write_table(table, tmp_path / "topic.parquet", row_group_size=1100)
    whole = [record for piece in FileSource([tmp_path]).pieces() for record in piece.records or ()]
    assert whole == RECORDS
    for count in (1, 2, 4):
        first = FileSource([tmp_path])
        pieces = first.pieces()
        read_pieces = [next(pieces) for _ in range(count)]
        again = FileSource([tmp_path])
        again.resume(json.loads(json.dumps(first.bounds)), {"files/0": read_pieces[-1].place})
        rest = [record for piece in (*read_pieces, *again.pieces()) for record in piece.records or ()]
        assert rest == RECORDS


def events(table: pa.Table, tmp_path: Path, **how: Any) -> list[dict[str, Any]]:
    pq.write_table(table, tmp_path / "some.parquet", **how)
    pieces = FileSource([tmp_path / "some.parquet"]).pieces()
    return [json.loads(record) for piece in pieces for record in piece.records or ()]


def test_nulls_are_absent_and_unknown_columns_are_not_read(tmp_path: Path) -> None:
    call = pa.struct([("name", pa.string()), ("wcu", pa.float64()), ("rcu", pa.float64())])
    table = pa.table(
        {
            "ts": [1.5, None, float("nan")],
            "function": ["buy", "sell", None],
            "error": pa.array([None, "fatal", None], pa.string()),
            "tables": pa.array([[{"name": "items", "wcu": 2.5, "rcu": None}], [], None], pa.list_(call)),
            "received": pa.array([0, 0, 0], pa.timestamp("ns")),
        }
    )
    assert events(table, tmp_path) == [
        {"ts": 1.5, "function": "buy", "tables": [{"name": "items", "wcu": 2.5}]},
        {"function": "sell", "error": "fatal", "tables": []},
        {"ts": None},
    ]


def test_text_declared_as_bytes_is_text_and_a_time_out_of_range_is_left_to_the_decoder(
    tmp_path: Path,
) -> None:
    table = pa.table(
        {
            "ts": pa.array([0, 2**62], pa.timestamp("us")),
            "service": pa.array([b"shop", b"\xff"], pa.binary()),
        }
    )
    assert events(table, tmp_path) == [
        {"ts": 0.0, "service": "shop"},
        {"ts": 2**62 / 1e6, "service": "\ufffd"},
    ]


def test_a_map_is_an_object_whatever_its_keys_are(tmp_path: Path) -> None:
    table = pa.table(
        {
            "ts": [1.5],
            "client": pa.array([[(b"name", b"ios")]], pa.map_(pa.binary(), pa.binary())),
            "values": pa.array([[([1], 2.0)]], pa.map_(pa.list_(pa.int64()), pa.float64())),
            "service": ["shop"],
        }
    )
    assert events(table, tmp_path) == [
        {"ts": 1.5, "client": {"name": "ios"}, "values": {"[1]": 2.0}, "service": "shop"}
    ]


def test_fixed_size_records_are_whole_ones_and_a_null_column_holds_none(tmp_path: Path) -> None:
    for number, column in enumerate((pa.array([b"{}", b"[]"], pa.binary(2)), pa.nulls(2))):
        pq.write_table(pa.table({"value": column}), tmp_path / "topic.parquet")
        records = [r for piece in FileSource([tmp_path]).pieces() for r in piece.records or ()]
        assert records == [[b"{}", b"[]"], []][number]


def test_duplicate_columns_and_unknown_zones_are_reported_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "odd.parquet"
    pq.write_table(pa.table([["{}"], ["{}"]], names=["value", "value"]), file)
    with pytest.raises(ReplayError, match="more than one column named value"):
        list(FileSource([file]).pieces())
    seen = pa.array(
        [{"name": "ios", "seen": 1}],
        pa.struct([("name", pa.string()), ("seen", pa.timestamp("us", "No/Where"))]),
    )
    pq.write_table(pa.table({"ts": [1.0], "service": ["shop"], "client": seen}), file)
    with pytest.raises(ReplayError, match="unknown time zone 'No/Where'"):
        list(FileSource([file]).pieces())


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.binary(), pa.large_binary(), pa.dictionary(pa.int32(), pa.string())]
)
def test_whole_records_without_nulls_are_read_from_any_row_on(tmp_path: Path, kind: pa.DataType) -> None:
    given = ["{}", None, "[]", "{}", None] * 2000
    values = pa.array([text if text is None or kind != pa.binary() else text.encode() for text in given])
    pq.write_table(pa.table({"record": values.cast(kind)}), tmp_path / "topic.parquet")
    for skip in (0, 1, 4000, 5003):
        history = FileSource([tmp_path])
        history.resume(history.bounds, {"files/0": [0, skip]})
        expected = [text.encode() for text in given[skip:] if text is not None]
        assert [record for piece in history.pieces() for record in piece.records or ()] == expected


def test_payloads_between_nulls_are_read_from_any_place_on(tmp_path: Path) -> None:
    given = [
        None if row % 3 == 1 else b'{"ts":1760000000,"id":"%d","service":"shop"}' % row for row in range(9000)
    ]
    pq.write_table(pa.table({"value": pa.array(given)}), tmp_path / "topic.parquet")
    input_ = Inputs(SourcesSettings()).of(None, "uneri")

    def source() -> FileSource:
        return FileSource([tmp_path / "topic.parquet"], input_=input_)

    read = [piece for piece in source().pieces() if piece.records]
    assert len(read) > 2
    rows = 0
    for piece in read:
        rows += len(piece.records or ())
        again = source()
        again.resume(again.bounds, {"files/0": piece.place})
        rest = [json.loads(record)["id"] for rest in again.pieces() for record in rest.records or ()]
        assert rest == [str(row) for row in range(9000) if row % 3 != 1][rows:]


def test_a_value_column_beside_the_fields_of_an_event_is_not_a_whole_record(tmp_path: Path) -> None:
    table = pa.table({"ts": [1], "service": ["shop"], "value": ["much"]})
    assert events(table, tmp_path) == [{"ts": 1, "service": "shop"}]


def test_rows_determine_the_fraction_read(tmp_path: Path) -> None:
    pq.write_table(pa.table({"value": ["{}"] * 16_000}), tmp_path / "a.parquet", row_group_size=16_000)
    done = [piece.done for piece in FileSource([tmp_path]).pieces()]
    assert done == [0.25, 0.5, 0.75, 1.0, 1.0]


def test_invalid_text_is_reported_in_one_line(tmp_path: Path) -> None:
    broken = pa.array([b"\xff"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"ts": [1], "service": broken}), tmp_path / "broken.parquet")
    with pytest.raises(ReplayError, match=r"broken.parquet: .*utf-8.* is damaged"):
        list(FileSource([tmp_path]).pieces())


def test_a_folder_mixes_all_kinds_by_name(tmp_path: Path) -> None:
    pq.write_table(pa.table({"value": ["2"]}), tmp_path / "b.parquet")
    (tmp_path / "a.ndjson.gz").write_bytes(gzip.compress(b"1"))
    (tmp_path / "c.jsonl").write_bytes(b"3")
    assert [record for piece in FileSource([tmp_path]).pieces() for record in piece.records or ()] == [
        b"1",
        b"2",
        b"3",
    ]
