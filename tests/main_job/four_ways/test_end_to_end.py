"""The main job by each of four ways, through a real daemon: its receivers, its locks, and Slack.

Yesterday comes as native records. Then requests come by the way alone, and a hammer begins.
"""

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import SpanExportResult

from detectors.model.scope import TABLE
from streams.engine.decode.event import Event
from streams.ingest.formats.format import to_json_line
from tests.alerting.slack_standin import SlackStandin
from tests.main_job.four_ways.sender import TOKEN, Google, Sender
from tests.main_job.four_ways.spans import Sdk
from tests.main_job.four_ways.way import events_of, gathered, stamp
from tests.main_job.four_ways.ways import opened
from tests.main_job.hammer import hammer
from tests.main_job.job import Program, hold_to_the_page, pages_of, wait_until
from tests.otelcol.collector import Collector, require_collector
from tests.streams.engine.stages.engine_run import DAY, HAMMER, HOUR, START, backend, records

pytestmark = pytest.mark.release

JUDGE = {"young": 12 * HOUR}
HAMMERED = START + DAY + HOUR
BY_THE_WAY = HAMMERED - 300  # from then on
UNTIL = HAMMERED + 1080  # so that records, and not the clock, carry time beyond what is waited for
EXPORTED = 400
"""Spans of one export of the SDK."""


@pytest.fixture(autouse=True)
def _locked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("UNERI_INTAKE_TOKEN", "UNERI_READ_TOKEN", "UNERI_TOKEN"):
        monkeypatch.setenv(name, TOKEN)


def traffic(*, tables: bool = True) -> list[Event]:
    """Return the scenario, with a hammer of a table or, where tables are not seen, of a function."""
    lines = records(backend(*[HAMMER | {"at": HAMMERED - START}] if tables else [], hours=2))
    if not tables:
        lines = sorted(
            [*lines, *hammer(lines, HAMMERED, HAMMERED + 60)], key=lambda line: float(json.loads(line)["ts"])
        )
    return [event for event in events_of(lines) if stamp(event) < UNTIL]


def split(events: Sequence[Event]) -> tuple[list[bytes], list[Event]]:
    """Return the native records, and those that come by the way."""
    before = [to_json_line(event) for event in events if stamp(event) < BY_THE_WAY]
    return before, [event for event in events if stamp(event) >= BY_THE_WAY]


def judged(slack: SlackStandin, program: Program, *, until: int = HAMMERED + 600) -> None:
    wait_until(
        lambda: program.judged_until() >= until and bool(pages_of(slack.messages)) and program.delivered(),
        "the page",
    )


@pytest.mark.parametrize("name", ["middleware", "gateway", "log entries"])
def test_a_daemon_pages_once_about_what_a_way_sends_it(
    name: str, slack: SlackStandin, tmp_path: Path
) -> None:
    google = Google()
    with opened(name) as way, google.serving() as keys:
        tables = TABLE in way.carried
        before, after = split([way.native(event) for event in traffic(tables=tables)])
        sources = {"inputs": [dict(entry) for entry in way.inputs], "pubsub": google.section(keys)}
        program = Program(tmp_path, slack, judge=JUDGE, sources=sources)
        with program.running():
            with closing(Sender(program.port, google.token())) as sender:
                sender.native(before)
                for some in gathered(after):
                    sender.send(way.deliveries(some))
            judged(slack, program)
    (page,) = pages_of(slack.messages)
    if tables:
        hold_to_the_page(page)
    else:
        headline = page.blocks[0]["text"]["text"]
        assert "inventory-put-item" in headline or "POST /items/{id}" in headline
        assert "ios 3.2.1" in str(page.blocks)


def export(collector: Collector, events: Sequence[Event]) -> None:
    """Have the SDK send the spans of requests to a collector."""
    sdk, exporter = Sdk(), OTLPSpanExporter(endpoint=collector.url)
    for some in gathered(events):
        spans = sdk.spans(some)
        for first in range(0, len(spans), EXPORTED):
            assert exporter.export(spans[first : first + EXPORTED]) is SpanExportResult.SUCCESS
    exporter.shutdown()  # type: ignore[no-untyped-call]


def test_a_daemon_pages_once_about_the_spans_of_a_collector(slack: SlackStandin, tmp_path: Path) -> None:
    require_collector()
    program = Program(tmp_path, slack, judge=JUDGE)
    before, after = split(traffic())
    environment = {"UNERI_URL": f"http://127.0.0.1:{program.port}", "UNERI_TOKEN": TOKEN}
    with program.running():
        with closing(Sender(program.port)) as sender:
            sender.native(before)
        with Collector(tmp_path, "otlp_http/uneri", environment) as collector:
            export(collector, after)
        judged(slack, program)
    (page,) = pages_of(slack.messages)
    hold_to_the_page(page)


def test_workers_page_once_about_the_spans_that_a_collector_writes_to_kafka(
    kafka: str, slack: SlackStandin, tmp_path: Path
) -> None:
    require_collector()
    spans = "otlp_spans"
    inputs = [{"name": "spans", "format": "otlp_proto", "topic": spans}]
    program = Program(
        tmp_path,
        slack,
        kafka,
        topics=[spans],
        time={"idle": 3},
        judge=JUDGE,
        sources={"inputs": inputs},
    )
    with Collector(tmp_path, "kafka/uneri", {"KAFKA_BROKERS": kafka}) as collector:
        export(collector, traffic())
    with program.running():
        judged(slack, program)
    (page,) = pages_of(slack.messages)
    hold_to_the_page(page)
