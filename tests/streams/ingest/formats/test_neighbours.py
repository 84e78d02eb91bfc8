"""A payload's neighbours in a log cost it nothing: other formats, damage, lines of a platform."""

import gzip
import itertools
import json
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.sections.sources import SourcesSettings
from streams.ingest.formats.format import Reading
from streams.ingest.formats.inputs import Inputs

INPUTS: Final = Inputs(SourcesSettings())
EMF: Final = {
    "_aws": {"Timestamp": 1764000000250, "CloudWatchMetrics": [
        {"Namespace": "shop", "Dimensions": [["service"]], "Metrics": [{"Name": "sales", "Unit": "Count"}]}]},
    "service": "inventory", "function_name": "put", "sales": 120,
}  # fmt: skip
ENTRY: Final = {
    "insertId": "5f1e1a2b", "timestamp": "2025-11-24T16:00:00.25Z",
    "logName": "projects/acme/logs/run.googleapis.com%2Frequests",
    "resource": {"type": "cloud_run_revision", "labels": {"project_id": "acme", "service_name": "inventory"}},
    "httpRequest": {"requestMethod": "POST", "requestUrl": "https://shop.example.com/items", "status": 204},
}  # fmt: skip
ACCESS: Final = {
    "requestId": "c6af9ac6", "requestTimeEpoch": "1764000000250", "accountId": "123456789012",
    "apiId": "a1b2", "stage": "prod", "httpMethod": "POST", "resourcePath": "/items/{id}", "status": "204",
}  # fmt: skip
NATIVE: Final = {"ts": 1764000000.25, "service": "inventory", "id": "a"}
GOOD: Final[dict[str, dict[str, Any]]] = {
    "emf": EMF, "gcp_log_entry": ENTRY, "apigateway": ACCESS, "uneri": NATIVE,
}  # fmt: skip
BAD: Final = (b"hello world", b'\x80\x81{"a"', b'{"requestId": "c6', b"a \0 byte", b"[1, 2", b"}{")


def read(payload: bytes, form: str | None = None) -> Reading:
    return INPUTS.of(None, form).read(payload)


def line(of: dict[str, Any]) -> bytes:
    return json.dumps(of).encode()


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("form", GOOD)
@pytest.mark.parametrize("auto", [False, True])
def test_a_bad_line_costs_its_neighbours_nothing(form: str, bad: bytes, auto: bool) -> None:
    good = line(GOOD[form])
    for at in range(3):
        lines = [good, good]
        lines.insert(at, bad)
        found = read(b"\n".join(lines), None if auto else form)
        assert len(found.records) == 2
        assert found.refused or found.skipped


@given(st.lists(st.sampled_from([line(entry) for entry in GOOD.values()]), min_size=1, max_size=8))
def test_lines_of_several_formats_are_each_read_as_what_they_are(lines: list[bytes]) -> None:
    found = read(b"\n".join(lines))
    assert (len(found.records), found.refused) == (len(lines), [])


@given(st.lists(st.sampled_from([line(entry) for entry in GOOD.values()] + list(BAD)), max_size=8), st.data())
def test_how_lines_are_put_together_changes_no_record(lines: list[bytes], data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(lines) - 1)))))
    parts = [lines[a:b] for a, b in itertools.pairwise([0, *cuts, len(lines)])]
    apart = [record for part in parts if part for record in read(b"\n".join(part)).records]
    assert read(b"\n".join(lines)).records == apart or not lines


def test_a_log_of_lambda_gives_its_metrics_though_it_begins_with_a_platform_line() -> None:
    log = b"\n".join(
        [b"START RequestId: 8f5c1f4e Version: $LATEST", line(EMF), b"END RequestId: 8f5c1f4e"] * 3
    )
    found = read(log)
    assert (len(found.records), found.refused) == (3, [])
    assert len(read(log, "emf").records) == 3


@pytest.mark.parametrize("form", [None, "apigateway"])
def test_lines_are_read_though_they_come_packed(form: str | None) -> None:
    packed = gzip.compress(b"\n".join([line(ACCESS)] * 2))
    assert len(read(packed, form).records) == 2
    assert len(read(packed[:-9], form).refused) == 1


@pytest.mark.release
def test_the_work_on_what_cannot_be_read_is_bounded() -> None:
    for payload in (b"\n" * 1_000_000, b"x\n" * 200_000, line(NATIVE) + b"\n" * 1_000_000 + b"x"):
        assert len(read(payload).records) <= 1
    bomb = gzip.compress(b"\n".join([line(NATIVE)] + [b"x" * 1000] * 60_000))
    assert len(read(bomb).records) <= 1
