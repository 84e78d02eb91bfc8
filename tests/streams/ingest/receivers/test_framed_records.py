"""Framed records at receivers whose schema registry is there, or is not."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.settings import RegistrySettings, Settings, SourcesSettings
from streams.drivers.local.line_inputs import Follow
from streams.drivers.local.log_intake import LogIntake
from streams.drivers.local.sqlite_store import SqliteStore
from streams.ingest.formats.inputs import Inputs
from streams.ingest.receivers.payload_lines import line_reader
from streams.ingest.receivers.tcp_receiver import TcpReceiver
from streams.ingest.registry import registry as registry_module
from streams.ingest.registry.registry import AGAIN_SECONDS, Registry
from streams.process.web.answer_forms import REQUEST_ID
from tests.streams.ingest.receivers.conftest import Serve
from tests.streams.ingest.registry.standin import RegistryStandin
from tests.streams.ingest.registry.test_registry import JSON_BODY, REQUEST, framed


@pytest.fixture
def standin() -> Iterator[RegistryStandin]:
    with RegistryStandin() as running:
        running.has(7, REQUEST)
        running.has(8, "{}", "JSON")
        yield running


def sources(standin: RegistryStandin) -> SourcesSettings:
    return SourcesSettings(registry=RegistrySettings(urls=[standin.url]))


def push(number: int) -> bytes:
    """A line that holds a frame."""
    data = b64encode(framed(8, JSON_BODY)).decode()
    message = {"message": {"data": data, "messageId": str(number)}, "subscription": "s"}
    return json.dumps(message).encode()


async def test_a_body_is_answered_with_503_until_its_schema_is_there(
    serve: Serve, standin: RegistryStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    standin.stop()
    async with serve(Settings(sources=sources(standin))) as serving:
        url = f"{serving.url}/events?format=auto"
        async with serving.http.post(url, data=framed(7)) as answer:
            assert answer.status == 503
            assert answer.headers["Retry-After"] == str(int(AGAIN_SECONDS))
            said = (await answer.json())["error"]
        assert said.startswith("nothing was stored, send it again: the schema registry")
        assert serving.stored == []
        assert serving.counted("uneri_intake_refused_requests_total", "registry") == 1
        async with serving.http.post(url, data=JSON_BODY) as answer:
            assert answer.status == 202, "what needs no schema is taken"
        standin.start()
        monkeypatch.setattr(registry_module, "AGAIN_SECONDS", 0.0)
        for _ in range(3):
            async with serving.http.post(url, data=framed(7)) as answer:
                assert answer.status == 202
        assert [entry["service"] for entry in serving.stored] == ["shop", "注文", "注文", "注文"]
        assert standin.calls == ["/schemas/ids/7"]
        async with serving.http.post(url, data=framed(99)) as answer:
            assert answer.status == 400, "what the registry does not have is never read"
            assert "the schema 99 is not in the registry" in (await answer.json())["error"]


async def test_a_delivery_of_a_topic_with_frames_is_repeated_by_firehose(
    serve: Serve, standin: RegistryStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = [{"data": b64encode(raw).decode()} for raw in (framed(7), framed(8, JSON_BODY))]
    delivery = {"requestId": "r1", "timestamp": 1_760_000_000_000, "records": frames}
    async with serve(Settings(sources=sources(standin))) as serving:
        standin.fault = 500
        for status in (503, 200):
            async with serving.http.post(
                f"{serving.url}/firehose", json=delivery, headers={REQUEST_ID: "r1"}
            ) as answer:
                assert answer.status == status
            standin.fault = None
            monkeypatch.setattr(registry_module, "AGAIN_SECONDS", 0.0)
        assert [entry["service"] for entry in serving.stored] == ["注文", "shop"]


async def test_lines_wait_for_the_registry_and_are_stored_once(
    store: SqliteStore, standin: RegistryStandin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_module, "AGAIN_SECONDS", 0.0)
    standin.stop()
    down = asyncio.Event()
    loop = asyncio.get_running_loop()
    registry = Registry(sources(standin).registry, lambda _: loop.call_soon_threadsafe(down.set))  # type: ignore[arg-type]
    lines = line_reader(Inputs(SourcesSettings(), registry).of(None, "pubsub"))
    intake = LogIntake(store, Settings())
    file = tmp_path / "pushes.ndjson"
    file.write_bytes(b"".join(push(number) + b"\n" for number in range(3)))
    receiver = TcpReceiver("127.0.0.1:0", intake, lines)
    reader, writer = await asyncio.open_connection("127.0.0.1", await receiver.start())
    following = asyncio.create_task(Follow(file, store, intake, 0.01, lines).run())
    try:
        writer.write(push(7) + b"\n")
        writer.write_eof()
        async with asyncio.timeout(30):
            await down.wait()
        assert store.end == 0
        standin.start()
        async with asyncio.timeout(30):
            assert json.loads(await reader.readline()) == {"accepted": 1}
            while store.end < 4:
                await asyncio.sleep(0.01)
        ids = [json.loads(bytes(line))["id"] for line in store.read(0).records]
        assert sorted(ids) == ["pubsub:0", "pubsub:1", "pubsub:2", "pubsub:7"]
    finally:
        following.cancel()
        writer.close()
        await receiver.stop()
