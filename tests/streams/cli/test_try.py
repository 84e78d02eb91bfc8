"""``uneri try`` shows what becomes of payloads, and why not."""

import base64
import gzip
import io
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from config.settings import SourcesSettings
from streams.cli import try_format
from streams.ingest.formats.inputs import Inputs
from tests.streams.cli import forked
from tests.streams.ingest.registry.standin import RegistryStandin
from tests.streams.ingest.registry.test_registry import REQUEST, framed

UNERI = [sys.executable, "-c", "from streams.cli.main import main; main()"]
GOOD = '{"ts":1760000000,"service":"inventory","route":"GET /items","status":200,"ms":{"total":41.2}}'
CONFIG = """
sources:
  mappings:
    - name: orders
      each: $.records[*]
      when: [{path: $.path, equals: /health, then: skip}]
      fields: {ts: {path: $.at, unit: ms}, service: {const: orders}, status: $.code}
"""


def try_(*arguments: object, given: bytes = b"") -> tuple[int, str, str]:
    done = forked.uneri("try", *arguments, given=given)
    assert b"Traceback" not in done.stderr
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_each_payload_is_shown_with_its_format_and_a_summary(tmp_path: Path) -> None:
    change = (
        '{"kind":"change","ts":1760000000,"of":{"kind":"function","name":"f"},"what":"deploy","version":"42"}'
    )
    sample = (
        '{"kind":"sample","ts":1760000000,"of":{"kind":"account","name":"1"},"name":"q","value":3,"limit":9}'
    )
    file = tmp_path / "events.ndjson"
    file.write_text(f"{GOOD}\n{change}\n{sample}")
    code, out, err = try_(file)
    assert (code, err) == (0, "")
    assert out.splitlines()[:10] == [
        f"{file}: a JSON document on each line",
        "line 1: uneri",
        "  request  2025-10-09 08:53:20.000Z · inventory · GET /items · status 200 · total 41.2 ms",
        "line 2: uneri",
        "  change   2025-10-09 08:53:20.000Z · function f · deploy 42",
        "line 3: uneri",
        "  sample   2025-10-09 08:53:20.000Z · account 1 · q 3 of 9",
        "",
        "3 payloads: 3 records (request 1, change 1, sample 1), 0 refused, 0 skipped",
        "  read as    uneri 3; times from 2025-10-09 08:53:20Z to 2025-10-09 08:53:20Z",
    ]


def test_a_refusal_is_shown_with_its_reason_its_remedy_and_where(tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    red = r'{"ts":1760000000,"service":"a","error":"\u001b[31m"}'
    file.write_text(f'{GOOD}\n\n{{"service":"inventory"}}\n{red}\n')
    code, out, _ = try_(file, "--format", "uneri")
    assert code == 1
    assert out.splitlines()[3:7] == [
        "line 3: uneri",
        "  refused  no_ts: an event needs ts, the epoch seconds at which the request started",
        "  remedy   add the time at which the request started",
        '  in       {"service":"inventory"}',
    ]
    assert "1 record (request 1), 2 refused (no_ts 1, unknown_error 1)" in out
    assert "\x1b" not in out


def test_as_json_the_records_can_be_sent_on_and_refusals_are_apart() -> None:
    code, out, err = try_("-", "--json", given=f"{GOOD}\nnope\n".encode())
    assert code == 1
    assert json.loads(out) == json.loads(GOOD)
    refusal = json.loads(err)
    assert base64.b64decode(refusal.pop("record")) == b"nope"
    assert refusal == {
        "file": "-",
        "payload": "line 2",
        "format": "uneri",  # of its neighbour
        "reason": "not_json",
        "detail": "JSON is malformed: invalid character (byte 4)",
        "remedy": "check where the line is cut, and that quotes inside texts are escaped",
    }
    again, sent_on, _ = try_("-", "--json", "--format", "uneri", given=out.encode())
    assert (again, sent_on) == (0, out)


def test_as_json_every_time_is_epoch_seconds() -> None:
    texts = ("1760000000", "1760000000123", '"2025-10-09T08:53:20Z"')
    _, out, _ = try_(
        "-", "--json", given="\n".join(f'{{"ts":{text},"service":"a"}}' for text in texts).encode()
    )
    assert [json.loads(line)["ts"] for line in out.splitlines()] == [1760000000, 1760000000.123, 1760000000]


def test_as_json_it_prints_nothing_that_a_terminal_obeys_and_the_same_record(tmp_path: Path) -> None:
    record = '{"ts":1760000000,"service":"put\u009b2J\u202e\u200b","route":"GET /\u65e5\u672c"}'
    file = tmp_path / "a\u202eb.ndjson"
    file.write_text(f"{record}\nnope\n")
    _, out, err = try_(file, "--json")
    assert not [character for character in out + err if not (character.isprintable() or character == "\n")]
    assert json.loads(out)["service"] == json.loads(record)["service"]
    assert "\u65e5\u672c" in out, "what is seen stays"
    assert json.loads(err)["file"] == str(file)


@pytest.mark.parametrize("named", ["orders", "auto"])
def test_a_mapping_of_the_configuration_is_a_format(tmp_path: Path, named: str) -> None:
    config, file = tmp_path / "uneri.yaml", tmp_path / "orders.json"
    config.write_text(CONFIG)
    records = [{"at": 1760000000250, "code": "201"}, {"at": 1, "path": "/health"}, {"at": 1760000000}]
    file.write_text(json.dumps({"records": records}, indent=2))
    code, out, _ = try_(file, "--config", config, "--format", named)
    assert code == 1
    assert out.splitlines()[1:4] == [
        "the whole: orders",
        "  request  2025-10-09 08:53:20.250Z · orders · status 201",
        "  refused  bad_ts: ts 1760000.0 is not between the years 2000 and 2100",
    ]
    assert "  skipped  1 × $.path is /health" in out


def test_several_files_packed_and_not_from_files_and_from_a_pipe(tmp_path: Path) -> None:
    packed = tmp_path / "events.gz"
    packed.write_bytes(gzip.compress(GOOD.encode()))
    code, out, _ = try_(packed, "-", given=f"[{GOOD},\n{GOOD}]".encode())
    assert code == 0
    assert f"{packed}: a JSON document on each line, packed by gzip" in out
    assert "standard input: a JSON array" in out
    assert "\n3 payloads: 3 records" in out


def test_what_holds_for_a_whole_source_can_be_said() -> None:
    report = b"2026-01-01T00:00:10.500Z REPORT RequestId: bf5f58db-ef7d-4cb2-b3c6-266eba1bbedb\t"
    report += b"Duration: 395.99 ms\tBilled Duration: 396 ms\tMemory Size: 512 MB\tMax Memory Used: 301 MB\n"
    code, out, _ = try_("-", "--format", "lambda_report", given=report)
    assert code == 1
    assert "--source function=…" in out
    said = ("--source", "function=orders-put", "--source", "counts=function", "--json")
    code, out, _ = try_("-", "--format", "lambda_report", *said, given=report)
    assert code == 0
    assert (json.loads(out)["function"], json.loads(out)["counts"]) == ("orders-put", "function")


def test_an_input_of_the_configuration_decides_as_at_the_door(tmp_path: Path) -> None:
    config = tmp_path / "uneri.yaml"
    config.write_text(
        "sources: {inputs: [{name: edge, format: apigateway, service: shop, keys: {ms: ms.total}, "
        "templates: ['/users/{name}'], counts: 'service,route'}]}"
    )
    line = {
        "requestTime": "09/Oct/2025:08:53:20 +0000",
        "requestId": "1",
        "httpMethod": "GET",
        "path": "/users/ann",
    }
    given = json.dumps({**line, "status": 200, "ms": "41"}).encode()
    asked = ("-", "--config", config, "--input", "edge", "--json")
    code, out, err = try_(*asked, "--source", "account=7", given=given)
    assert (code, err) == (0, "")
    record = json.loads(out)
    assert (record["route"], record["ms"]) == ("GET /users/{name}", {"total": 41.0})
    assert (record["service"], record["account"], record["counts"]) == ("shop", "7", "service,route")
    code, _, err = try_(*asked, "--format", "alb", given=given)
    assert (code, json.loads(err)["format"]) == (1, "alb"), "a format that is named wins"
    code, _, err = try_("-", "--config", config, "--input", "edges")
    assert (code, err) == (2, "uneri: no source 'edges' in sources.inputs: edge\n")


def test_an_empty_file_is_refused() -> None:
    code, out, _ = try_("-")
    assert code == 1
    assert "refused  empty: there is nothing in it" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--format", "unery", "-"), "no format 'unery'; formats: auto, "),
        (("-", "--source", "table=items"), "--source table=items: write one of cloud, "),
        (("-", "--source", "counts=tables"), "--source counts=tables: write kinds of scope"),
        (("nothing.json",), "nothing.json: no such file"),
        ((str(Path(__file__).parent),), "is a folder; give the files in it"),
        (("/dev/null",), "/dev/null: not a regular file"),
        (("-", "--config", "nothing.yaml"), "cannot be read"),
    ],
)
def test_a_wrong_use_is_one_line_and_2(arguments: tuple[str, ...], said: str) -> None:
    code, out, err = try_(*arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert len(err.splitlines()) == 1


def test_a_reader_that_has_seen_enough_ends_it_quietly(tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_text(f"{GOOD}\n" * 3_000)  # more than a pipe holds
    with subprocess.Popen([*UNERI, "try", file], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout
        assert running.stderr
        running.stdout.readline()
        running.stdout.close()
        assert running.wait(60) == 0
        assert running.stderr.read() == b""


def test_a_frame_is_read_by_the_schema_of_the_registry(tmp_path: Path) -> None:
    config = tmp_path / "uneri.yaml"
    with RegistryStandin() as registry:
        registry.has(7, REQUEST)
        config.write_text(f"sources: {{registry: {{urls: ['{registry.url}']}}}}")
        code, out, err = try_("-", "--json", "--config", config, given=framed(7))
        assert (code, err) == (0, "")
        assert json.loads(out)["service"] == "注文"
        code, _, err = try_("-", "--json", "--config", config, given=framed(99))
        assert code == 1
        assert json.loads(err)["detail"] == "the schema 99 is not in the registry"


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("arguments", [(), ("--format", "uneri"), ("--format", "alb")])
def test_a_text_in_utf_16_is_named_with_how_to_convert_it(
    tmp_path: Path, order: str, arguments: tuple[str, ...]
) -> None:
    file = tmp_path / "windows.log"
    file.write_bytes(f"\ufeff{GOOD}\r\n{GOOD}\r\n".encode(order))
    code, out, _ = try_(file, *arguments)
    assert code == 1
    assert "the text is UTF-16; send UTF-8, as `iconv -f UTF-16 -t UTF-8` writes it" in out
    assert "1 payload: 0 records, 1 refused (unknown_format 1)" in out


def test_an_interrupt_of_a_pipe_without_an_end_is_followed_by_the_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(try_format, "MOST_UNPACKED", 10 * len(GOOD))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BufferedReader(Endless(100))))
    source = Inputs(SourcesSettings()).of(None)
    assert try_format.try_files([Path("-")], source, as_json=False, now=1_760_000_000) == 0
    assert "payloads: 100 records (request 100), 0 refused" in capsys.readouterr().out
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BufferedReader(Endless(0))))
    with pytest.raises(KeyboardInterrupt):
        try_format.try_files([Path("-")], source, as_json=False, now=1_760_000_000)


class Endless(io.RawIOBase):
    """Gives lines until somebody presses Ctrl-C."""

    def __init__(self, left: int) -> None:
        self._left = left

    def readable(self) -> bool:
        return True

    def readinto(self, into: memoryview) -> int:  # type: ignore[override]
        if not self._left:
            raise KeyboardInterrupt
        self._left -= 1
        line = f"{GOOD}\n".encode()
        into[: len(line)] = line
        return len(line)
