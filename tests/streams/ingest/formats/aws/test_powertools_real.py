"""Real output of Powertools for AWS Lambda goes through the formats that read it."""

import base64
import gzip
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from typing import Any

import pytest
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit, single_metric

from streams.engine.decode.event import Event
from streams.engine.decode.parse import stamp_of
from streams.ingest.formats.format import Reading, Surroundings, to_json_line
from streams.ingest.formats.formats import FORMATS, recognised

REQUEST = "52fdfc07-2182-154f-163f-5f0f9a621d72"
TRACE = "1-5759e988-bd862e3fe1be46a994272793"
ENDED_MS = 1_767_225_610_500


@dataclass
class Context:
    function_name: str = "put-item"
    memory_limit_in_mb: int = 128
    invoked_function_arn: str = "arn:aws:lambda:eu-west-1:123456789012:function:put-item:live"
    aws_request_id: str = REQUEST
    function_version: str = "7"


@pytest.fixture(autouse=True)
def _in_lambda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "put-item")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", f"Root={TRACE};Parent=557abcec3ee5a047;Sampled=1")
    monkeypatch.delenv("POWERTOOLS_DEV", raising=False)


@pytest.fixture
def log(request: pytest.FixtureRequest) -> tuple[Logger, StringIO]:
    written = StringIO()
    service = f"of {request.node.name}"  # Powertools has one stream for all Loggers of a service
    return Logger(service=service, stream=written, level="DEBUG"), written


def read(name: str, text: str) -> Reading:
    assert text
    for line in text.splitlines():
        found = recognised(line.encode())
        assert found is not None
        assert found.name == name
    return FORMATS[name].read(text.encode(), Surroundings())


def records_of(reading: Reading) -> list[dict[str, Any]]:
    assert not reading.refused
    return [json.loads(to_json_line(record)) for record in reading.records]


def invoked(logger: Logger, handle: Callable[[dict[str, Any], Context], None]) -> None:
    logger.inject_lambda_context(handle, log_event=True)({"path": "/items/7"}, Context())


def test_the_lines_of_an_invocation_are_no_requests(log: tuple[Logger, StringIO]) -> None:
    logger, written = log

    def handle(_event: dict[str, Any], context: Context) -> None:
        logger.debug({"item": 7})
        logger.warning("stock is low", extra={"status_code": 200, "duration_ms": 12})
        try:
            context.__dict__["item"]
        except KeyError:
            logger.exception("no such item")

    invoked(logger, handle)
    found = read("powertools", written.getvalue())
    assert records_of(found) == []
    assert found.skipped == {"log line": 4}


def test_a_line_that_was_written_as_a_request_is_one(log: tuple[Logger, StringIO]) -> None:
    logger, written = log

    def handle(_event: dict[str, Any], _context: Context) -> None:
        logger.info("order accepted")
        logger.info("request", extra={"route": "POST /items/{id}", "status": 201, "ms": {"function": 33.5}})

    invoked(logger, handle)
    (record,) = records_of(read("powertools", written.getvalue()))
    assert record.pop("ts") > 1.7e9
    assert record == {
        "id": f"powertools:{REQUEST}",
        "cloud": "aws",
        "account": "123456789012",
        "region": "eu-west-1",
        "service": logger.service,
        "route": "POST /items/{id}",
        "function": "put-item",
        "status": 201,
        "ms": {"function": 33.5},
        "cold_start": record["cold_start"],
        "joins": f"5759e988bd862e3fe1be46a994272793 {REQUEST}",
        "trace": TRACE,
        "memory_mb": 128.0,
    }


@pytest.mark.parametrize("options", [{}, {"use_rfc3339": True}, {"utc": True}], ids=str)
def test_a_line_says_its_time_in_each_format(options: dict[str, bool]) -> None:
    written = StringIO()
    logger = Logger(service=f"timed {options}", stream=written, **options)  # type: ignore[arg-type]
    before = time.time() - 0.001
    logger.info("request", extra={"route": "GET /items", "status": 200, "function_request_id": REQUEST})
    (record,) = records_of(read("powertools", written.getvalue()))
    assert before <= stamp_of(record["ts"]) <= time.time()  # type: ignore[operator]


def test_an_invocation_with_many_metrics_is_one_request(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = Metrics(namespace="Shop", service="inventory")

    def handle(_event: dict[str, Any], context: Context) -> None:
        metrics.add_metadata(key="requestId", value=context.aws_request_id)
        metrics.add_metric(name="Sales", unit=MetricUnit.Count, value=3)
        metrics.add_metric(name="Sales", unit=MetricUnit.Count, value=4)
        metrics.add_metric(name="Latency", unit=MetricUnit.Seconds, value=0.25)
        with single_metric(name="Refunds", unit=MetricUnit.Count, value=1, namespace="Shop") as metric:
            metric.add_dimension(name="service", value="inventory")

    metrics.log_metrics(handle, capture_cold_start_metric=True)({}, Context())
    found = read("emf", capsys.readouterr().out)
    records = records_of(found)
    assert found.skipped == {"cold start": 1}
    requests = [record for record in records if record.get("kind") != "call"]
    assert [(request["id"], request["ms"]) for request in requests] == [(f"emf:{REQUEST}", {"total": 250.0})]
    amounts = [record["values"] for record in records if "values" in record]
    assert sorted(amounts, key=str) == [{"Refunds": 1.0}, {"Sales": 7.0}]
    assert {record["service"] for record in records} == {"inventory"}


def test_a_log_with_all_of_it_counts_one_request(
    log: tuple[Logger, StringIO], capsys: pytest.CaptureFixture[str]
) -> None:
    logger, written = log
    metrics = Metrics(namespace="Shop", service="inventory")

    def handle(_event: dict[str, Any], _context: Context) -> None:
        logger.info("order accepted")
        metrics.add_metric(name="Sales", unit=MetricUnit.Count, value=3)
        metrics.add_metric(name="Duration", unit=MetricUnit.Milliseconds, value=20)

    invoked(logger, metrics.log_metrics(handle))
    messages = [
        f"START RequestId: {REQUEST} Version: 7\n",
        *written.getvalue().splitlines(keepends=True),
        *capsys.readouterr().out.splitlines(keepends=True),
        f"END RequestId: {REQUEST}\n",
        f"REPORT RequestId: {REQUEST}\tDuration: 21.00 ms\tBilled Duration: 21 ms\tMemory Size: 128 MB\t\n",
    ]
    envelope = {
        "messageType": "DATA_MESSAGE",
        "owner": "123456789012",
        "logGroup": "/aws/lambda/put-item",
        "logStream": "2026/01/01/[7]ab",
        "subscriptionFilters": ["all"],
        "logEvents": [
            {"id": str(at), "timestamp": ENDED_MS, "message": message} for at, message in enumerate(messages)
        ],
    }
    packed = base64.b64encode(gzip.compress(json.dumps(envelope).encode()))
    found = FORMATS["cloudwatch_logs"].read(packed, Surroundings(region="eu-west-1"))
    assert not found.refused
    requests = [record for record in found.records if isinstance(record, Event) and record.kind is None]
    assert {request.function for request in requests} == {"put-item"}
    counting = [request for request in requests if request.counts is None or "function" in request.counts]
    assert [event.id for event in counting] == [f"lambda:{REQUEST}/{ENDED_MS}"]
    values = [record.values for record in found.records if isinstance(record, Event) and record.values]
    assert values == [{"Sales": 3.0}]
