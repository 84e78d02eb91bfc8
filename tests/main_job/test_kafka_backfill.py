"""With Kafka, history is learnt shard by shard: before the first start, while daemons run, through kills."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import NewTopic

from config.load import load_settings
from config.settings import KafkaSettings, Settings
from streams.drivers.kafka.checkpoints.checkpoints import KafkaCheckpoints
from streams.drivers.kafka.checkpoints.fenced_store import FencedStore
from streams.drivers.kafka.connections.client import open_client
from streams.drivers.kafka.stage import TOPIC
from streams.drivers.kafka.stages import REQUESTED
from streams.drivers.kafka.topics import CHECKPOINTS_PARTITIONS, Topics, setup_topics
from streams.engine.stages.checkpoint import Checkpoint
from tests.kafka import topic as topics
from tests.streams.offline.backfill.hammered_history import BEGIN, HAMMERED, at, records

UNERI = Path(sys.executable).with_name("uneri")
SHARDS = 2
PATIENCE = 240


class App:
    """An app of its own on a requests topic, and its daemon."""

    def __init__(self, folder: Path, kafka: str, requests: str) -> None:
        self.name = topics.unique("app")
        self.config = folder / f"{self.name}.yaml"
        self.config.write_text(
            f"kafka: {{brokers: ['{kafka}'], app: {self.name}, requests: {requests}, shards: {SHARDS}}}\n"
            "web: {listen: '127.0.0.1:0'}\ntime: {idle: 3600}\njudge: {young: 86400}\n"
            "notify: {since: 2020-01-01}\n"
        )
        self.settings: Settings = load_settings(self.config)
        setup_topics(self.settings)

    @property
    def kafka(self) -> KafkaSettings:
        assert self.settings.kafka is not None
        return self.settings.kafka

    async def start(self) -> None:
        self.daemon = await asyncio.create_subprocess_exec(
            UNERI, "run", "--config", self.config,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        self.said: list[str] = []
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.daemon.stderr is not None
        while line := await self.daemon.stderr.readline():
            self.said.append(line.decode())

    def count(self, text: str) -> int:
        return sum(text in line for line in self.said)

    async def until(self, text: str, times: int = 1) -> None:
        async with asyncio.timeout(PATIENCE):
            while self.count(text) < times:
                assert self.daemon.returncode is None, "".join(self.said)
                await asyncio.sleep(0.1)

    async def until_read(self, count: int) -> None:
        """Wait until checkpoints include this many requests, and every block that was made of them."""
        async with asyncio.timeout(PATIENCE):
            while not await asyncio.to_thread(self._has_read, count):
                assert self.daemon.returncode is None, "".join(self.said)
                await asyncio.sleep(0.2)

    def _has_read(self, count: int) -> bool:
        broker, blocks = self.kafka.brokers[0], Topics.of(self.kafka).rollups
        if topics.committed(broker, self.name, self.kafka.requests, 1) != [count]:
            return False  # and more blocks are to come
        with open_client(KafkaConsumer, bootstrap_servers=broker) as consumer:
            ends = consumer.end_offsets([TopicPartition(blocks, shard) for shard in range(SHARDS)])
        return topics.committed(broker, self.name, blocks, SHARDS) == list(ends.values())

    async def stop(self, how: int = signal.SIGTERM) -> None:
        self.daemon.send_signal(how)
        await asyncio.wait_for(self.daemon.wait(), 60)
        await self._reading
        assert "Traceback" not in "".join(self.said)

    async def backfill(self, *arguments: str, config: Path | None = None) -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            UNERI, "backfill", *arguments, "--config", config or self.config,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
        return process.returncode or 0, out.decode(), err.decode()

    async def shards(self) -> list[dict[str, bytes]]:
        """Return the state of each shard, as its checkpoint has it."""
        names = Topics.of(self.kafka)
        store = FencedStore(
            names.checkpoints, CHECKPOINTS_PARTITIONS, {"bootstrap_servers": self.kafka.brokers}
        )
        found: list[Checkpoint | None] = [
            await KafkaCheckpoints(store).peek(f"detect/{shard}") for shard in range(SHARDS)
        ]
        return [
            {name: body for name, body in checkpoint.parts.items() if name != TOPIC}
            for checkpoint in found
            if checkpoint is not None
        ]


@pytest.fixture
def requests(kafka: str) -> str:
    name = topics.unique("requests")
    topics.create(kafka, NewTopic(name, 1, 1, topic_configs={"retention.ms": "-1"}))
    return name


@pytest.fixture
def history(tmp_path: Path) -> str:
    path = tmp_path / "history.ndjson"
    path.write_bytes(b"\n".join(records()[: at(BEGIN + 600)]))  # it overlaps what is live
    return str(path)


async def fill(app: App, first: float, last: float) -> int:
    """Send what came between two moments; return how many records there are now."""
    some = records()[at(first) : at(last)]
    await asyncio.to_thread(topics.fill, app.kafka.brokers[0], app.kafka.requests, [some])
    return at(last) - at(BEGIN)


async def test_a_running_daemon_goes_on_as_if_the_history_had_come_before_its_first_start(
    kafka: str, tmp_path: Path, requests: str, history: str
) -> None:
    middle, end = HAMMERED + 300, HAMMERED + 3900  # past the hour
    running = App(tmp_path, kafka, requests)
    await running.start()
    await running.until_read(await fill(running, BEGIN, middle))
    young = [len(parts) for parts in await running.shards()]
    code, out, err = await running.backfill(history)
    assert code == 0, err
    assert f"learnt from {at(BEGIN):,} records, up to" in out
    assert "each of the 2 shards takes this up by itself" in out
    await running.stop(signal.SIGKILL)  # wherever it is with that
    await running.start()
    async with asyncio.timeout(PATIENCE):  # until each has parts of the days before, not only been asked
        while not all(
            REQUESTED.name not in parts and len(parts) > few
            for parts, few in zip(await running.shards(), young, strict=True)
        ):
            await asyncio.sleep(0.5)
    count = await fill(running, middle, end)
    await running.until_read(count)
    await running.stop()

    there = App(tmp_path, kafka, requests)
    code, out, err = await there.backfill(history, "--to", str(int(BEGIN)))
    assert code == 0, err
    await there.start()
    await there.until("the history is taken up", SHARDS)
    await there.until_read(count)
    await there.stop()
    mine, theirs = await running.shards(), await there.shards()
    assert [len(parts) > few for parts, few in zip(mine, young, strict=True)] == [True, True]
    assert mine == theirs


async def test_a_stopped_backfill_goes_on_and_what_it_taught_is_taken_back(
    kafka: str, tmp_path: Path, requests: str, history: str
) -> None:
    app = App(tmp_path, kafka, requests)
    process = await asyncio.create_subprocess_exec(
        UNERI, "backfill", history, "--config", app.config, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    await asyncio.sleep(6)
    process.send_signal(signal.SIGINT)
    _, err = await process.communicate()
    assert process.returncode in (0, 130), err.decode()  # through, or stopped somewhere
    code, out, err_ = await app.backfill(history)
    assert code == 0, err_
    await app.start()
    count = await fill(app, BEGIN, HAMMERED + 1200)
    await app.until("the history is taken up", SHARDS)
    await app.until_read(count)
    taught = [len(parts) for parts in await app.shards()]
    other = tmp_path / "other.yaml"
    other.write_text(app.config.read_text().replace("young: 86400", "young: 86400, weeks: 3"))
    code, out, err_ = await app.backfill(history, "--restart", config=other)
    assert (code, "judge by other settings than this command" in err_) == (2, True)
    code, out, err_ = await app.backfill("--undo")
    assert (code, "what backfills taught is to be forgotten" in out) == (0, True)
    await app.until("the history is taken up", 2 * SHARDS)
    await app.stop()
    assert all(len(parts) < many for parts, many in zip(await app.shards(), taught, strict=True))
