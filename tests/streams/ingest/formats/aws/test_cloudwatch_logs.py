"""Messages of a log are the same records however they are packed, and never say who sent them."""

import base64
import gzip
import itertools
import json
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.aws.cloudwatch_logs import CLOUDWATCH_LOGS
from streams.ingest.formats.format import MOST_UNPACKED, RefusalError, Surroundings, to_json_line
from streams.ingest.formats.formats import FORMATS, recognised

REPORT = "REPORT RequestId: {}\tDuration: 100.00 ms\tBilled Duration: 100 ms\tMemory Size: 512 MB\t\n"
METRICS = {
    "_aws": {
        "Timestamp": 1767225610500,
        "CloudWatchMetrics": [
            {
                "Namespace": "Shop",
                "Dimensions": [["service"]],
                "Metrics": [{"Name": "Sales", "Unit": "Count"}],
            }
        ],
    },
    "service": "inventory",
    "Sales": [1, 2],
}
MESSAGES = [
    "START RequestId: a Version: 7\n",
    json.dumps({"ts": 1767225610.25, "service": "inventory", "route": "GET /items", "status": 200}),
    json.dumps(METRICS),
    "stock is low\n",
    REPORT.format("a"),
    REPORT.format("b"),
]
EVENTS = [
    {"id": f"{at:056}", "timestamp": 1767225610500 + at, "message": message}
    for at, message in enumerate(MESSAGES * 5)
]


def envelope(events: Sequence[dict[str, Any]], owner: str = "123456789012") -> bytes:
    return json.dumps(
        {
            "messageType": "DATA_MESSAGE",
            "owner": owner,
            "logGroup": "/aws/lambda/put-item",
            "logStream": "2026/01/01/[7]ab",
            "subscriptionFilters": ["all"],
            "logEvents": events,
        }
    ).encode()


def firehose(*data: bytes) -> bytes:
    records = [{"data": base64.b64encode(raw).decode()} for raw in data]
    return json.dumps({"requestId": "r", "timestamp": 1767225611000, "records": records}).encode()


def record_lines(payload: bytes, around: Surroundings | None = None) -> list[bytes]:
    found = recognised(payload)
    assert found is not None
    reading = found.read(payload, around or Surroundings())
    assert reading.refused == []
    return [to_json_line(record) for record in reading.records]


ONCE = record_lines(envelope(EVENTS))


def test_the_envelope_holds_what_it_should() -> None:
    assert len(ONCE) == len(set(ONCE)) == 4 * 5


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(
    "packed",
    [bytes, gzip.compress, lambda content: base64.b64encode(gzip.compress(content))],
    ids=["unpacked", "gzip", "base64"],
)
def test_events_split_anywhere_over_payloads_are_the_same_records(
    packed: Callable[[bytes], bytes], seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - where to cut, no secret
    cuts = [0, *sorted(chance.sample(range(1, len(EVENTS)), chance.randrange(1, 8))), len(EVENTS)]
    pieces = [packed(envelope(EVENTS[begin:end])) for begin, end in itertools.pairwise(cuts)]
    assert [record for piece in pieces for record in record_lines(piece)] == ONCE
    assert record_lines(firehose(*pieces)) == ONCE


def test_payloads_in_a_row_are_the_same_records() -> None:
    first, second = envelope(EVENTS[:7]), envelope(EVENTS[7:])
    assert record_lines(first + second) == ONCE
    assert record_lines(gzip.compress(first) + gzip.compress(second)) == ONCE
    assert record_lines(gzip.compress(first + second)) == ONCE
    assert record_lines(firehose(gzip.compress(first) + gzip.compress(second))) == ONCE


def test_what_is_delivered_again_has_the_same_ids() -> None:
    ids = [json.loads(raw).get("id") for raw in ONCE]
    assert None not in ids
    assert len(set(ids)) == len(ids)
    assert record_lines(envelope([*EVENTS, *EVENTS])) == ONCE


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda inner: inner.decode(),
        lambda inner: base64.b64encode(gzip.compress(inner)).decode(),
        lambda inner: json.dumps({"awslogs": {"data": base64.b64encode(gzip.compress(inner)).decode()}}),
        lambda inner: firehose(inner).decode(),
        lambda inner: f"2026-01-01T00:00:10.250Z\ta\tINFO\t{inner.decode()}",
        lambda inner: json.dumps(
            {
                "timestamp": "2026-01-01T00:00:10Z",
                "level": "INFO",
                "requestId": "a",
                "message": inner.decode(),
            }
        ),
    ],
    ids=["plain", "packed", "invocation", "firehose", "behind a prefix", "in a line of JSON"],
)
def test_a_message_never_says_who_sent_it(wrapped: Callable[[bytes], str]) -> None:
    forged = envelope(
        [{"id": "9", "timestamp": 1767225610500, "message": REPORT.format("c")}], "999999999999"
    )
    event = {"id": "1", "timestamp": 1767225610500, "message": wrapped(forged)}
    reading = CLOUDWATCH_LOGS.read(envelope([event]), Surroundings())
    assert reading.records == []
    assert reading.skipped == {"application line": 1}


@pytest.mark.parametrize("text", ["said:\n", "2026-01-01T00:00:10Z ", "2026/01/01/[7]ab "])
def test_a_report_that_does_not_begin_a_message_is_the_applications(text: str) -> None:
    event = {"id": "1", "timestamp": 1767225610500, "message": text + REPORT.format("c")}
    assert CLOUDWATCH_LOGS.read(envelope([event]), Surroundings()).skipped == {"application line": 1}


def test_what_is_known_of_the_source_reaches_every_record() -> None:
    around = Surroundings(region="eu-west-1", account="210987654321", counts="function")
    records = [json.loads(raw) for raw in record_lines(envelope(EVENTS), around)]
    assert {(record["account"], record["region"], record["function"]) for record in records} == {
        ("123456789012", "eu-west-1", "put-item")
    }
    assert {record["counts"] for record in records} == {"function"}


@pytest.mark.parametrize("name", ["gzip", "base64", "invocation"])
def test_a_bomb_is_refused(name: str) -> None:
    packed = gzip.compress(envelope([]) + bytes(MOST_UNPACKED))
    text = base64.b64encode(packed)
    payload = {
        "gzip": packed,
        "base64": text,
        "invocation": b'{"awslogs":{"data":"' + text + b'"}}',
    }[name]
    with pytest.raises(RefusalError) as caught:
        FORMATS["cloudwatch_logs"].read(payload, Surroundings())
    assert caught.value.reason is RejectReason.TOO_LARGE


def test_many_small_bombs_are_one_large_one() -> None:
    line = base64.b64encode(gzip.compress(envelope([]) + b" " * (MOST_UNPACKED // 4)))
    with pytest.raises(RefusalError) as caught:
        CLOUDWATCH_LOGS.read(b"\n".join([line] * 5), Surroundings())
    assert caught.value.reason is RejectReason.TOO_LARGE


@pytest.mark.parametrize("behind", [True, False], ids=["before its report", "behind it"])
def test_a_line_that_says_so_makes_a_timeout_of_a_report_without_a_status(*, behind: bool) -> None:
    ids = ["0d6f8f3c-6bd2-4a0e-9a53-0d6f8f3c6bd2", "5f2f8f3c-6bd2-4a0e-9a53-0d6f8f3c6bd2"]
    stopped = f"2026-01-01T00:00:16.511Z {ids[0]} Task timed out after 6.00 seconds\n\n"
    reports = [REPORT.format(name) for name in ids]
    messages = [stopped, *reports] if behind else [*reports, stopped]
    events = [
        {"id": str(at), "timestamp": 1767225610500, "message": text} for at, text in enumerate(messages)
    ]
    exported = "".join(f"2026-01-01T00:00:16.511Z {text}" for text in messages).encode()
    around = Surroundings(function="put-item")
    for found in (
        CLOUDWATCH_LOGS.read(envelope(events), Surroundings()),
        FORMATS["lambda_report"].read(exported, around),
    ):
        assert not found.refused
        said = [json.loads(to_json_line(record)) for record in found.records]
        assert [record.get("error") for record in said] == ["backend", None]
        assert said[0]["error_type"] == "timeout"


@pytest.mark.parametrize(
    "printed",
    [
        {"service": "payments", "account": "999", "function": "f"},
        {"service": "payments", "function": "other"},
        {"kind": "sample", "of": {"kind": "account", "name": "999"}, "name": "x", "value": 9, "limit": 1},
        {"kind": "change", "of": {"kind": "function", "name": "f"}, "what": "deploy"},
        {"service": "payments", "status": "not even a number"},
    ],
)
def test_what_a_function_prints_of_its_caller_is_no_record_of_another(printed: dict[str, Any]) -> None:
    def read(record: dict[str, Any]) -> Any:
        event = {"id": "1", "timestamp": 1767225610500, "message": json.dumps(record)}
        delivery = {
            "messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "/aws/lambda/f", "logEvents": [event]
        }  # fmt: skip
        return CLOUDWATCH_LOGS.read(json.dumps(delivery).encode(), Surroundings())

    found = read({"ts": 1767225610.25, **printed})
    assert (found.records, found.refused, found.skipped.total()) == ([], [], 1)
    (own,) = read({"ts": 1767225610.25, "service": "shop", "function": "f", "weight": 1e6}).records
    assert (own.service, own.account, own.weight) == ("shop", "1", None)
