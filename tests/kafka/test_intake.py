"""The role intake on real brokers: what it answers with, and what is in the topic then."""

import asyncio
import json
import random
import threading
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kafka.consumer.fetcher import ConsumerRecord

from config.settings import Settings
from streams.drivers.kafka import intake as intake_module
from streams.drivers.kafka.intake import BATCH_BYTES, KafkaIntake, key_of
from streams.drivers.local.log_intake import LogIntake
from streams.drivers.local.sqlite_store import SqliteStore
from streams.engine.stages.rollup_engine import RollupEngine
from streams.ingest.receivers.ingest_handler import IngestHandler
from streams.ingest.receivers.payload_lines import read_native
from streams.offline.sources.open_source import open_source
from streams.process.metrics import Metrics
from streams.process.web.http_server import HttpServer
from streams.process.web.listen_address import listen_address_of
from tests.kafka import topic as topics
from tests.kafka.broker import Broker
from tests.kafka.kafka_app import KEPT, PATIENCE, MakeApp
from tests.kafka.test_input_topics import spans
from tests.laws.partition import fed
from tests.streams.engine.rollup.rollup_oracle import Totals, totals_of
from tests.streams.ingest.receivers.test_changes_receiver import NATIVE as CHANGE
from tests.streams.ingest.receivers.test_firehose_receiver import LOGGED, headers
from tests.streams.ingest.receivers.test_otlp_receiver import GOOD_SPAN, traces
from tests.streams.ingest.receivers.test_pubsub_receiver import ACCOUNT, AUDIENCE, Google
from tests.streams.ingest.receivers.test_pubsub_receiver import PUSH as PUSHED

SAMPLE = {
    "kind": "sample",
    "ts": 1760000000,
    "of": {"kind": "account", "name": "1"},
    "name": "quota",
    "value": 7.0,
}
LEVEL = {
    "resourceMetrics": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
            "scopeMetrics": [
                {
                    "metrics": [
                        {
                            "name": "shop.quota.used",
                            "gauge": {
                                "dataPoints": [{"timeUnixNano": "1760000000000000000", "asDouble": 7.0}]
                            },
                        }
                    ]
                }
            ],
        }
    ]
}
TCP: dict[str, Any] = {"web": {"listen": "127.0.0.1:0", "tcp": "127.0.0.1:0"}}


class Opened:
    """An intake in this process."""

    def __init__(self, url: str, http: aiohttp.ClientSession, intake: KafkaIntake, metrics: Metrics) -> None:
        self.url, self.http, self.intake, self.metrics = url, http, intake, metrics

    async def post(
        self, path: str, body: bytes, **headers: str
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        async with self.http.post(self.url + path, data=body, headers=headers) as answer:
            return answer.status, json.loads(await answer.read() or b"{}"), dict(answer.headers)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Opened]:
    assert settings.kafka is not None
    metrics, listening = Metrics(), listen_address_of(settings, {}, intake=True)
    intake = KafkaIntake(settings, settings.kafka, metrics, listening)
    server = HttpServer("127.0.0.1:0", intake.routes())
    port = await server.start()
    await intake.start(port)
    intake.start_producing()
    try:
        await until(lambda: intake.sink.why_full() is None)
        async with aiohttp.ClientSession() as http:
            yield Opened(f"http://127.0.0.1:{port}", http, intake, metrics)
    finally:
        await intake.stop_accepting()
        await server.stop()
        await intake.stop()


async def until(done: Any, seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not done():
            await asyncio.sleep(0.02)


def in_topic(settings: Settings) -> list[ConsumerRecord]:
    assert settings.kafka is not None
    return topics.read(settings.kafka.brokers[0], settings.kafka.requests)


def ids(found: Iterable[ConsumerRecord]) -> list[str]:
    return [json.loads(record.value)["id"] for record in found]


def event(name: str, **more: object) -> bytes:
    fields = {"ts": round(time.time(), 3), "id": name, "account": "1", "service": "shop", "function": "f"}
    return json.dumps(fields | more).encode()


@pytest.fixture
async def google() -> AsyncIterator[Google]:
    made = Google()
    app = web.Application()
    app.add_routes([web.get("/certs", made.publish)])
    async with TestServer(app) as server:
        made.url = str(server.make_url("/certs"))
        yield made


async def test_every_receiver_writes_records_under_the_key_of_their_request(
    make_app: MakeApp, google: Google
) -> None:
    pubsub = {"audience": AUDIENCE, "service_accounts": [ACCOUNT], "keys": google.url}
    app = await asyncio.to_thread(make_app, partitions=0, **TCP, sources={"pubsub": pubsub})
    settings = app.settings
    async with opened(settings) as open_:
        lines = [event("a", joins="5b8efff798038103d269b633813fc60c"), event("b"), b"nonsense"]
        status, answer, _ = await open_.post("/events", b"\n".join([*lines, json.dumps(SAMPLE).encode()]))
        assert (status, answer["accepted"]) == (202, 3)
        assert answer["refused"] == [
            {"line": 3, "reason": "not_json", "detail": answer["refused"][0]["detail"]}
        ]
        of_json = {"Content-Type": "application/json"}
        of_proto = {"Content-Type": "application/x-protobuf"}
        for path, body, given in (
            ("/v1/traces", traces(GOOD_SPAN), of_json),
            ("/v1/traces", spans(0), of_proto),
            ("/v1/logs", b"", of_proto),
            ("/v1/metrics", json.dumps(LEVEL).encode(), of_json),
            ("/firehose", LOGGED, headers()),
            ("/pubsub", PUSHED, {"Authorization": f"Bearer {google.token()}"}),
            ("/changes", json.dumps(CHANGE).encode(), {}),
        ):
            status, answer, _ = await open_.post(path, body, **given)
            assert status in {200, 202, 204}, (path, answer)
        assert open_.intake._tcp is not None
        (listening,) = open_.intake._tcp._connections._listening
        port = listening.getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(event("tcp") + b"\n")
        writer.write_eof()
        assert json.loads(await reader.readline()) == {"accepted": 1}
        writer.close()
        assert (
            open_.metrics.registry.get_sample_value("uneri_intake_refused_requests_total", {"reason": "busy"})
            is None
        )

    found = await asyncio.to_thread(in_topic, settings)
    assert len(found) == 4 + 1 + 20 + 1 + 1 + 1 + 1 + 1
    assert all(record.key == key_of(record.value) for record in found)
    of_one_trace = [record for record in found if record.key == b"5b8efff798038103d269b633813fc60c"]
    assert len(of_one_trace) == 2, "the log and the span"
    assert len({record.partition for record in of_one_trace}) == 1
    assert len({record.partition for record in found}) > 1
    kinds = [json.loads(record.value).get("kind") for record in found if record.value != b"nonsense"]
    assert {"sample", "change"} <= set(kinds)
    assert {record.timestamp_type for record in found} == {1}, "the broker says when they arrived"


async def post_until_answered(
    open_: Opened, names: Sequence[str], statuses: dict[str, int], bodies: dict[str, bytes]
) -> None:
    """Post an event each, a repeat as it was posted before, and note the last status."""

    async def post(name: str) -> None:
        status, answer, given = await open_.post("/events", bodies.setdefault(name, event(name)))
        assert status == 202 or (status == 503 and "Retry-After" in given and answer["error"]), answer
        statuses[name] = status

    await asyncio.gather(*map(post, names))


@pytest.mark.variants
@pytest.mark.parametrize("trouble", ["kill", "freeze"])
async def test_a_broker_in_trouble_is_503_and_what_was_accepted_is_there(
    own_broker: Broker, trouble: str, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_module, "ACK_SECONDS", 3.0)
    settings = (await asyncio.to_thread(make_app, own_broker.address, partitions=0, **TCP)).settings
    names = [f"r{number}" for number in range(600)]
    statuses: dict[str, int] = {}
    bodies: dict[str, bytes] = {}
    async with opened(settings) as open_:
        await post_until_answered(open_, names[:100], statuses, bodies)
        posting = asyncio.create_task(post_until_answered(open_, names[100:500], statuses, bodies))
        await until(lambda: len(statuses) > 150)
        await asyncio.to_thread(getattr(own_broker, trouble))
        await posting
        await post_until_answered(open_, names[500:], statuses, bodies)
        assert {statuses[name] for name in names[500:]} == {503}, "at once, without waiting for the broker"
        accepted = [name for name, status in statuses.items() if status == 202]
        assert 150 < len(accepted) < 500
        if trouble == "kill":
            await asyncio.to_thread(own_broker.start)
        else:
            own_broker.thaw()
        await until(lambda: open_.intake.sink.why_full() is None)
        before = await asyncio.to_thread(in_topic, settings)
        assert set(accepted) <= set(ids(before))
        await post_until_answered(
            open_, [name for name, status in statuses.items() if status == 503], statuses, bodies
        )
        assert set(statuses.values()) == {202}
    after = await asyncio.to_thread(in_topic, settings)
    assert set(ids(after)) == set(names)
    assert records_counted(settings) == len(names), "repeats are counted once"


def records_counted(settings: Settings) -> int:
    assert settings.kafka is not None
    history = open_source(f"kafka://{settings.kafka.brokers[0]}/{settings.kafka.requests}", settings)
    rolling = RollupEngine(settings, history.partitions)
    blocks = []
    for piece in history.pieces(rolling.watermark):
        if piece.records is None:
            blocks += rolling.finish(piece.partition).blocks
        else:
            blocks += rolling.feed(piece.partition, piece.records, piece.arrived).blocks
    return sum(block.records for block in blocks if not block.idle)


async def test_a_topic_that_takes_less_refuses_by_name_and_others_are_not_affected(
    make_app: MakeApp,
) -> None:
    taking_less = {**KEPT, "max.message.bytes": "200000"}
    settings = (await asyncio.to_thread(make_app, configs=taking_less, **TCP)).settings
    large = event("large", error_type="x" * 300_000)
    async with opened(settings) as open_:
        status, answer, given = await open_.post("/events", large)
        assert (status, given["Retry-After"]) == (503, "5"), answer
        assert "raise its max.message.bytes" in answer["error"]
        await until(lambda: open_.intake.sink.why_full() is None)
        status, answer, _ = await open_.post("/events", b"\n".join([event("a"), large, event("b")]))
        assert (status, answer["accepted"]) == (202, 2)
        assert [(line["line"], line["reason"]) for line in answer["refused"]] == [(2, "too_large")]
        status, answer, _ = await open_.post("/events", large)
        assert (status, answer["refused"][0]["reason"]) == (400, "too_large")
        fits = event("fits", error_type="x" * 2 * BATCH_BYTES)
        assert (await open_.post("/events", fits))[0] == 202
    found = [json.loads(record.value) for record in await asyncio.to_thread(in_topic, settings)]
    assert sorted(record.get("id", record.get("reason")) for record in found) == [
        "a",
        "b",
        "fits",
        "too_large",
    ]


@pytest.mark.release
async def test_a_flood_is_bounded_and_asked_to_wait(
    own_broker: Broker, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_module, "MOST_HELD", 1024 * 1024)
    monkeypatch.setattr(intake_module, "ACK_SECONDS", 3.0)
    settings = (await asyncio.to_thread(make_app, own_broker.address, partitions=0, **TCP)).settings
    body = b"\n".join(event(f"e{number}") for number in range(4000))  # 400 KiB
    async with opened(settings) as open_:
        assert (await open_.post("/events", body))[0] == 202
        own_broker.freeze()
        most = 0

        async def watch() -> None:
            nonlocal most
            while True:
                most = max(most, open_.intake.sink.held)
                await asyncio.sleep(0.01)

        watching = asyncio.create_task(watch())
        answers = await asyncio.gather(*(open_.post("/events", body) for _ in range(60)))
        watching.cancel()
        assert {status for status, *_ in answers} == {503}
        assert all("Retry-After" in given for *_, given in answers)
        assert 0 < most <= intake_module.MOST_HELD
        assert open_.intake.sink.held == 0
        own_broker.thaw()
        await until(lambda: open_.intake.sink.why_full() is None)
        assert (await open_.post("/events", body))[0] == 202


def posted(url: str, body: bytes) -> int:
    asked = urllib.request.Request(url, data=body)  # noqa: S310 - of this test
    try:
        with urllib.request.urlopen(asked, timeout=20) as answer:  # noqa: S310
            code: int = answer.status
            return code
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


@pytest.mark.release
def test_a_stop_while_senders_post_loses_nothing_that_was_accepted(make_app: MakeApp) -> None:
    app = make_app(partitions=0)
    running = app.start("intake")
    url = f"http://{app.settings.web.listen}/events"
    accepted: list[str] = []
    ended = threading.Event()

    def send(sender: int) -> None:
        for number in range(100_000):
            name = f"{sender}-{number}"
            code = posted(url, event(name))
            if code == 202:
                accepted.append(name)
            elif ended.is_set():
                return

    app.until(app.ready)
    shown = app.shown()
    assert shown["roles"] == "intake"
    assert shown["intake"].startswith("takes records")
    senders = [threading.Thread(target=send, args=(number,)) for number in range(4)]
    for sender in senders:
        sender.start()
    try:
        app.until(lambda: len(accepted) > 200)
    finally:
        ended.set()
        code = running.stop()
    for sender in senders:
        sender.join(30)
    assert code == 0, running.output()
    found = ids(in_topic(app.settings))
    assert len(found) == len(set(found))
    assert set(accepted) <= set(found)


def request_of(number: int, ts: float) -> list[bytes]:
    """An access log, a report and a span of one request."""
    trace = f"{number + 1:032x}"
    shared: dict[str, Any] = {"ts": ts, "account": "1", "cloud": "aws", "region": "eu"}
    log = {
        "id": f"apigw:{number}",
        "service": "api",
        "route": "PUT /items",
        "client": {"name": "ios"},
        "status": 200 if number % 5 else 503,
        "ms": {"total": 41.5},
        "counts": "account,service,route,client",
        "joins": f"{trace} req-{number}",
    }
    report = {
        "id": f"lambda:{number}",
        "function": "put-item",
        "ms": {"function": 33.25},
        "counts": "function",
        "joins": f"{trace} req-{number}",
    }
    call = {
        "id": f"span:{number}",
        "kind": "call",
        "function": "put-item",
        "tables": [{"name": "items", "op": "UpdateItem", "wcu": 2.5}],
        "joins": trace,
    }
    return [json.dumps(shared | entry).encode() for entry in (log, report, call)]


async def through_the_log(bodies: Sequence[bytes], folder: Path) -> Totals:
    """The totals of what the embedded driver's receivers store."""
    with SqliteStore(folder / "db") as store:
        handler = IngestHandler(LogIntake(store, Settings()))
        for body in bodies:
            await handler.store(read_native(body))
        lines = [bytes(record) for record in store.read(0).records]
    blocks = fed(lines, arrived=np.full(len(lines), time.time())).blocks
    return {key: value for key, value in totals_of(blocks).items() if value}


@pytest.mark.release
def test_from_the_receiver_to_the_rollup_the_totals_are_those_of_the_embedded_receivers(
    make_app: MakeApp, tmp_path: Path
) -> None:
    app = make_app(partitions=0, time={"idle": 10, "lateness": 10})  # what is sent again comes before
    begin = time.time() - 120  # a rollup that is ten minutes behind would tell steps
    lines = [raw for number in range(300) for raw in request_of(number, begin + number * 0.03)]
    chance = random.Random(4)  # noqa: S311
    chance.shuffle(lines)
    bodies = [b"\n".join(lines[at : at + 25]) for at in range(0, len(lines), 25)]
    bodies += chance.sample(bodies, 4)  # senders that had no answer
    expected = asyncio.run(through_the_log(bodies, tmp_path))
    running = app.start("intake", "rollup", "detect", "incidents", "notify")
    app.until(app.ready)
    for body in bodies:
        assert posted(f"http://{app.settings.web.listen}/events", body) == 202

    def totals() -> Totals:
        return {key: value for key, value in totals_of(app.blocks()).items() if value}

    app.until(lambda: totals() == pytest.approx(expected))
    assert running.stop() == 0
    assert totals() == pytest.approx(expected)


def test_without_its_topic_it_ends_with_the_remedy(make_app: MakeApp) -> None:
    app = make_app(prepared=False)
    running = app.start("intake")
    assert running.wait(PATIENCE) == 1
    assert f"Kafka has no topic {app.kafka.requests}: run `uneri setup` to create it" in running.output()
    inputs = [{"name": "spans", "topic": "spans"}]
    nowhere = make_app(prepared=False, kafka={"requests": ""}, sources={"inputs": inputs}).start("intake")
    assert nowhere.wait(PATIENCE) == 2
    said = nowhere.output()
    assert "the role intake writes to the topic kafka.requests, which is empty" in said
