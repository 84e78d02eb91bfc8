"""A mapping is checked with its sample: what does not fit is said."""

import json
from pathlib import Path

from config.load import load_settings
from streams.cli.check.settings_checks import CheckResult
from streams.cli.check.sources import check_mappings

RECORD = {"at": 1760000000, "route": "GET /items", "code": 200, "order": {"total": 3}}


def checked(tmp_path: Path, content: object, more: str = "") -> list[CheckResult]:
    sample = tmp_path / "sample.json"
    if content is not None:
        sample.write_text(content if isinstance(content, str) else json.dumps(content))
    text = (
        f"sources: {{mappings: [{{name: orders, sample: {sample}, fields: {{ts: $.at, route: $.route, "
        f"status: $.code, values.sales: $.order.total}}{more}}}]}}"
    )
    found = list(check_mappings(load_settings(None, text)))
    return [result._replace(text=result.text.replace(f"mapping orders: {sample}: ", "")) for result in found]


def test_a_sample_that_fits_is_counted(tmp_path: Path) -> None:
    lines = f"{json.dumps(RECORD)}\n{json.dumps(RECORD)}\n"
    assert checked(tmp_path, lines) == [CheckResult(True, "records: 2")]
    skips = ", when: [{path: $.code, equals: 200}]"
    lines = f"{json.dumps(RECORD)}\n{json.dumps({**RECORD, 'code': 500})}\n"
    assert checked(tmp_path, lines, skips) == [CheckResult(True, "records: 1, 1 skipped (not $.code is 200)")]


def test_what_does_not_fit_is_reported_a_few_times(tmp_path: Path) -> None:
    found = checked(tmp_path, "".join(f"{json.dumps({**RECORD, 'code': 'OK'})}\n" for _ in range(7)))
    assert found == [
        *[CheckResult(False, "bad_type: status: 'OK' is not a number")] * 3,
        CheckResult(False, "4 more are refused"),
    ]


def test_what_no_record_has_is_noted(tmp_path: Path) -> None:
    found = checked(tmp_path, {"at": 1760000000, "code": 200}, ", tables: [{fields: {name: $.table}}]")
    assert found == [
        CheckResult(None, "no record has route: nothing is at $.route"),
        CheckResult(None, "no record has values.sales: nothing is at $.order.total"),
        CheckResult(None, "no record names its service, route or function: its source must"),
        CheckResult(None, "no record has a table call"),
        CheckResult(True, "records: 1"),
    ]


def test_a_sample_without_records_is_wrong(tmp_path: Path) -> None:
    found = checked(tmp_path, "[]", ", each: '$[*]'")
    assert found == [CheckResult(False, "holds no record")]
    assert checked(tmp_path, "") == [CheckResult(False, "there is nothing in it")]


def test_a_sample_that_is_not_there_is_wrong_and_none_is_a_note(tmp_path: Path) -> None:
    assert checked(tmp_path, None) == [CheckResult(False, "no such file; correct sample")]
    (tmp_path / "sample.json").mkdir()
    assert checked(tmp_path, None) == [
        CheckResult(False, "is a folder; give the files in it; correct sample")
    ]
    text = "sources: {mappings: [{name: orders, fields: {ts: $.at}}]}"
    (one,) = check_mappings(load_settings(None, text))
    assert one.ok is None
    assert "has no sample" in one.text
