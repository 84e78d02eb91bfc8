"""Files decompressed, and files in a format: what they become, in pieces that a replay can go on from."""

import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from config.settings import InputSettings, MappingSettings, Settings, SourcesSettings
from detectors.state import zstd
from streams.ingest.formats import inputs
from streams.offline.sources import file_content
from streams.offline.sources.file_content import decompress
from streams.offline.sources.open_source import open_source
from streams.offline.sources.replay_error import ReplayError
from streams.offline.sources.source import Piece, RecordSource

START = 1_760_000_000
ORDERS = MappingSettings.model_validate(
    {
        "name": "orders",
        "each": "$.orders[*]",
        "fields": {"ts": "$.at", "function": {"const": "put"}},
    }
)
SETTINGS = Settings(
    sources=SourcesSettings(
        mappings=[ORDERS], inputs=[InputSettings(name="shop", format="orders", account="123")]
    )
)


def line(first: int, count: int = 2) -> bytes:
    return json.dumps({"orders": [{"at": START + first + number} for number in range(count)]}).encode()


def stamps(history: RecordSource) -> list[float]:
    return [json.loads(record)["ts"] - START for piece in history.pieces() for record in piece.records or ()]


@pytest.mark.parametrize(
    ("name", "packed"),
    [("a.log", bytes), ("a.log.gz", gzip.compress), ("a.log.zst", zstd.compress)],
)
def test_the_lines_of_a_file_are_payloads(tmp_path: Path, name: str, packed: object) -> None:
    content = b"\n".join(line(2 * number) for number in range(50))
    (tmp_path / name).write_bytes(packed(content))  # type: ignore[operator]
    history = open_source(tmp_path, SETTINGS, form="orders")
    assert stamps(history) == list(range(100))


def test_a_binary_file_is_one_payload(tmp_path: Path) -> None:
    request = ExportTraceServiceRequest()
    of_resource = request.resource_spans.add()
    of_resource.resource.attributes.add(key="faas.name").value.string_value = "put"
    of_resource.scope_spans.add().spans.add(
        trace_id=b"\1" * 16, span_id=b"\1" * 8, name="put", kind=2, start_time_unix_nano=START * 10**9
    )
    (tmp_path / "spans.bin").write_bytes(request.SerializeToString())
    history = open_source(tmp_path / "spans.bin", SETTINGS, form="auto")
    assert stamps(history) == [0]


def test_what_holds_for_the_source_holds_for_its_files_and_refusals_keep_their_place(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"\n".join([line(0), b"garbage", line(2)]))
    pieces = list(open_source(tmp_path / "a.log", SETTINGS, source="shop").pieces())
    assert {json.loads(record)["account"] for piece in pieces for record in piece.records or ()} == {"123"}
    assert pieces[0].parts == 5
    assert [rejection.index for rejection in pieces[0].placed([])] == [2]


def test_files_in_a_format_are_read_in_the_order_of_their_times(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(line(1000))
    (tmp_path / "b.log").write_bytes(line(0))
    assert stamps(open_source(tmp_path, SETTINGS, form="orders")) == [0, 1, 1000, 1001]


def test_records_outside_of_the_asked_time_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"\n".join(line(2 * number) for number in range(50)))
    history = open_source(tmp_path, SETTINGS, (START + 11, START + 14), form="orders")
    assert stamps(history) == [11, 12, 13]


def test_a_stopped_replay_goes_on_behind_every_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "PARTS", 3)
    monkeypatch.setattr(file_content, "BATCH_BYTES", 200)
    (tmp_path / "a.log").write_bytes(b"\n".join(line(2 * number) for number in range(20)))
    first = open_source(tmp_path, SETTINGS, form="orders")
    pieces: list[Piece] = list(first.pieces())
    assert len(pieces) > 8
    for count in range(1, len(pieces)):
        again = open_source(tmp_path, SETTINGS, form="orders")
        again.resume(first.bounds, {"files/0": pieces[count - 1].place})
        rest = [record for piece in pieces[count:] for record in piece.records or ()]
        assert [record for piece in again.pieces() for record in piece.records or ()] == rest


def test_an_unknown_source_or_format_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(line(0))
    with pytest.raises(ReplayError, match=r"no source 'stop' in sources\.inputs: shop"):
        open_source(tmp_path, SETTINGS, source="stop")
    with pytest.raises(ReplayError, match="no format 'otlp'; formats: auto, "):
        open_source(tmp_path, SETTINGS, form="otlp")


CONTENT = bytes(range(256)) * 40 + bytes(300_000)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd.compress], ids=["", ".gz", ".zst"])
@pytest.mark.parametrize("skip", [0, 1, 4096, 300_000])
def test_no_more_is_decompressed_at_a_time_than_is_asked_for(
    pack: Callable[[bytes], bytes], skip: int, request: pytest.FixtureRequest
) -> None:
    suffix = request.node.callspec.id.rpartition("-")[2]
    parts = list(decompress(Path(f"events.ndjson{suffix}"), io.BytesIO(pack(CONTENT)), skip, most=4096))
    assert b"".join(parts) == CONTENT[skip:]
    assert max(map(len, parts)) == 4096


def test_frames_of_zstd_behind_each_other_are_cut_alike() -> None:
    packed = zstd.compress(CONTENT) + zstd.compress(b"") + zstd.compress(CONTENT)
    parts = list(decompress(Path("events.ndjson.zst"), io.BytesIO(packed), most=5000))
    assert b"".join(parts) == CONTENT + CONTENT
    assert max(map(len, parts)) == 5000
