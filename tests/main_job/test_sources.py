"""The newcomer's path of docs/sources.md, and what backends send, at a real daemon."""

import base64
import gzip
import json
import os
import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from ruamel.yaml import YAML

from config.yaml_tree import to_yaml
from tests.free_port import free_port
from tests.main_job.four_ways.sender import TOKEN, Google
from tests.main_job.job import UNERI, daemon, status, wait_until

PAGE: Final = (Path(__file__).parents[2] / "docs" / "sources.md").read_text("utf-8")
LINE: Final = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[0]
RUN: Final = [
    block for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) if "curl " in block
]  # each stands alone
FUNCTION: Final = "inventory-put-item"
TRACE: Final = "5759e988bd862e3fe1be46a994272793"
REQUEST: Final = "8f5c1f4e-5d3a-4c52-9d4e-1f2f5f3c9a10"

REPORT = {
    "time": "2025-11-24T16:00:00.263Z",
    "type": "platform.report",
    "record": {
        "requestId": REQUEST,
        "status": "success",
        "metrics": {"durationMs": 12.4, "billedDurationMs": 13, "memorySizeMB": 256, "maxMemoryUsedMB": 92},
    },
}
LOGGED = {
    "messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": f"/aws/lambda/{FUNCTION}",
    "logStream": "2025/11/24/[$LATEST]ab", "subscriptionFilters": ["uneri"],
    "logEvents": [{"id": "319531066069669833788090250798042111432", "timestamp": 1764000000263,
                   "message": f"REPORT RequestId: {REQUEST}\tDuration: 12.40 ms\tBilled Duration: 13 ms\t"
                              "Memory Size: 256 MB\tMax Memory Used: 92 MB\t\n"}],
}  # fmt: skip
POWERTOOLS = {
    "level": "INFO", "location": "handler:12", "message": "request",
    "timestamp": "2025-11-24 16:00:00,250+0000",
    "service": "inventory", "cold_start": True, "function_name": FUNCTION, "function_memory_size": "256",
    "function_arn": f"arn:aws:lambda:eu-west-1:123456789012:function:{FUNCTION}",
    "function_request_id": REQUEST, "xray_trace_id": "1-5759e988-bd862e3fe1be46a994272793",
    "route": "POST /items/{id}", "status": 204, "ms": {"function": 12.4},
}  # fmt: skip
EMF = {
    "_aws": {"Timestamp": 1764000000250, "CloudWatchMetrics": [
        {"Namespace": "shop", "Dimensions": [["service"]], "Metrics": [{"Name": "sales", "Unit": "Count"}]}]},
    "service": "inventory", "function_name": FUNCTION, "function_request_id": REQUEST, "sales": 120,
}  # fmt: skip
ACCESS = {
    "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef", "extendedRequestId": "JKJaXmPLvHcESHA=",
    "requestTimeEpoch": "1764000000250", "accountId": "123456789012", "apiId": "a1b2c3d4e5", "stage": "prod",
    "httpMethod": "POST", "resourcePath": "/items/{id}", "status": "204", "responseLatency": "21",
    "integrationLatency": "17",
}  # fmt: skip
CLF = (
    '203.0.113.7 - - [24/Nov/2025:16:00:00 +0000] "POST /items/{id} HTTP/1.1" 204 0 '
    "c6af9ac6-7b61-11e6-9a41-93e8deadbeef JKJaXmPLvHcESHA="
)
SEGMENT = {
    "name": FUNCTION, "id": "70de5b6f19ff9a0a", "trace_id": "1-5759e988-bd862e3fe1be46a994272793",
    "start_time": 1764000000.25, "end_time": 1764000000.27, "origin": "AWS::Lambda::Function",
    "aws": {"account_id": "123456789012", "function_arn":
            f"arn:aws:lambda:eu-west-1:123456789012:function:{FUNCTION}", "request_id": REQUEST},
    "subsegments": [{
        "id": "53995c3f42cd8ad8", "name": "DynamoDB", "namespace": "aws", "start_time": 1764000000.252,
        "end_time": 1764000000.257, "http": {"response": {"status": 200}},
        "aws": {"table_name": "items", "operation": "UpdateItem", "region": "eu-west-1",
                "request_id": "UBQNSO5AEM8T4FDA4RQDEB94OVTDRVV4K4HIRGVJF66Q9ASUAAJG"},
    }],
}  # fmt: skip
SPANS = {"resourceSpans": [{
    "resource": {"attributes": [{"key": "faas.name", "value": {"stringValue": FUNCTION}}]},
    "scopeSpans": [{"spans": [{
        "traceId": TRACE, "spanId": "eee19b7ec3c1b173", "kind": 2, "name": FUNCTION,
        "startTimeUnixNano": "1764000000250000000", "endTimeUnixNano": "1764000000262400000"}]}],
}]}  # fmt: skip
ENTRY = {
    "insertId": "5f1e1a2b0003d0f1a2b3c4d5", "timestamp": "2025-11-24T16:00:00.250000Z",
    "logName": "projects/acme/logs/run.googleapis.com%2Frequests",
    "resource": {"type": "cloud_run_revision",
                 "labels": {"project_id": "acme", "service_name": "inventory", "location": "europe-west1"}},
    "httpRequest": {"requestMethod": "POST", "requestUrl": "https://shop.example.com/items/42", "status": 204,
                    "latency": "0.021s", "requestSize": "754"},
}  # fmt: skip
PUSH = {
    "message": {"data": base64.b64encode(json.dumps(ENTRY).encode()).decode(), "messageId": "136969346945"},
    "subscription": "projects/acme/subscriptions/uneri-logs",
}
PAYLOADS: Final[dict[str, tuple[str, Any]]] = {
    "an access log of API Gateway, JSON": ("/events?format=auto", ACCESS),
    "an access log of API Gateway, CLF": ("/events?source=clf", CLF),
    "a subscription of CloudWatch Logs": ("/events?format=auto", gzip.compress(json.dumps(LOGGED).encode())),
    "a log of Powertools": ("/events?format=auto", POWERTOOLS),
    "EMF": ("/events?format=auto", EMF),
    "platform.report": ("/events?source=reports", REPORT),
    "OTLP, JSON": ("/v1/traces", SPANS),
    "a segment of X-Ray": ("/events?format=auto", SEGMENT),
    "a LogEntry": ("/events?format=auto", ENTRY),
    "a push of Pub/Sub": ("/pubsub", PUSH),
}


@pytest.fixture(scope="module")
def google() -> Iterator[tuple[Google, int]]:
    made = Google()
    with made.serving() as port:
        yield made, port


@pytest.fixture(scope="module")
def served(google: tuple[Google, int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the URL of a daemon that is configured as the page says."""
    sources: dict[str, Any] = {}
    for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL):
        sources |= YAML(typ="safe").load(block)["sources"]
    sources["inputs"][1]["function"] = FUNCTION  # platform.report alone names none
    sources["inputs"].append({"name": "clf", "format": "apigateway", "service": "inventory"})
    sources["pubsub"] |= google[0].section(google[1])
    folder, port = tmp_path_factory.mktemp("daemon"), free_port()
    config = folder / "uneri.yaml"
    local = {"listen": f"127.0.0.1:{port}", "state": str(folder / "state")}
    config.write_text(to_yaml({"sources": sources, "local": local}))
    with pytest.MonkeyPatch.context() as environment:
        for name in ("UNERI_INTAKE_TOKEN", "UNERI_READ_TOKEN", "UNERI_TOKEN"):
            environment.setenv(name, TOKEN)
        with daemon(config):
            wait_until(lambda: bool(status(port)), "the start")
            yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("name", PAYLOADS)
def test_what_backends_send_is_accepted(name: str, served: str, google: tuple[Google, int]) -> None:
    path, given = PAYLOADS[name]
    body = (
        given
        if isinstance(given, bytes)
        else (given if isinstance(given, str) else json.dumps(given)).encode()
    )
    token = google[0].token() if path == "/pubsub" else TOKEN
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(served + path, body, headers)  # noqa: S310 - of a daemon of ours
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            said = json.load(answer)
    except urllib.error.HTTPError as error:
        pytest.fail(f"{error.code}: {error.read().decode()}")
    # in some orders others have posted records of today before, and these are late
    assert said.keys() <= {"accepted", "late", "warning"}
    assert said == {} or said["accepted"] > 0


@pytest.mark.parametrize("block", RUN)
def test_a_block_of_the_page_runs_as_it_stands(block: str, served: str, tmp_path: Path) -> None:
    (tmp_path / "lines.ndjson").write_text(LINE)  # what the block before it has brought
    path = f"{UNERI.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", block],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "PATH": path, "UNERI_URL": served, "UNERI_TOKEN": TOKEN},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "refused" not in done.stdout.replace("0 refused", "")
    if "/v1/traces" not in block:
        assert '"accepted": ' in done.stdout


def test_the_page_has_such_a_block_for_each_of_the_four_ways_and_for_changes() -> None:
    posted = " ".join(RUN)
    for path in ('/events"', "/v1/traces", "?source=access", "?source=reports", "gcp_log_entry", "/changes"):
        assert path in posted
