"""One pass of the Kafka daemon over the input, with any number of kills, and a check of its results."""

import asyncio
import contextlib
import functools
import random
import signal
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import NewTopic

from config.settings import JudgeSettings, KafkaSettings, NotifySettings, Settings, TimeSettings, WebSettings
from streams.drivers.kafka.app import aiokafka_options
from streams.drivers.kafka.checkpoints.checkpoints import KafkaCheckpoints
from streams.drivers.kafka.checkpoints.fenced_store import FencedStore
from streams.drivers.kafka.checkpoints.hanging_transactions import HangingTransactions
from streams.drivers.kafka.connections.client import open_client
from streams.drivers.kafka.notices import NoticesPart, NotifyStage
from streams.drivers.kafka.stage import CLOSED, TOPIC
from streams.drivers.kafka.stages import DetectStage, IncidentsStage, RollupStage
from streams.drivers.kafka.topics import CHECKPOINTS_PARTITIONS, Topics, setup_topics
from streams.engine.detect.gather import JudgedStep
from streams.engine.rollup.blocks.block_codec import decode_block
from streams.engine.stages.checkpoint import Checkpoint
from streams.ingest.batch_consumer.chunk import Chunk
from tests.faults.daemons import Daemon, Supervisor, wait_until
from tests.faults.oracle import Truth, undisturbed
from tests.faults.traffic import Traffic
from tests.kafka import topic as topics

SHARDS = 2
NEVER_IDLE = 3600  # seconds: longer than any test
PRODUCED_BYTES = 8_000  # of a batch: the input is small, and must come in many chunks


@dataclass
class Report:
    """Mismatches and figures of a run."""

    wrong: list[str] = field(default_factory=list)
    kills: int = 0
    again: int = 0  # blocks and judged steps that were emitted more than once

    def compare(self, what: str, expected: Any, found: Any) -> None:
        """Note a difference."""
        if expected != found:
            self.wrong.append(f"{what}: {_short(found)} instead of {_short(expected)}")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 300 else f"{text[:300]}…"


class Input:
    """A requests topic with its records and expected results. Runs may share it: each is a consumer group."""

    def __init__(self, broker: str, traffic: Traffic, *, replication: int = 1) -> None:
        self.broker = broker
        self.brokers = broker.split(",")
        self.partitions, self.arrived = traffic
        self.requests = topics.unique("requests")
        self.sources = [f"{self.requests}/{number}" for number in range(len(self.partitions))]
        self.replication = replication
        config = {"retention.ms": "-1"}
        topic = NewTopic(self.requests, len(self.sources), replication, topic_configs=config)
        topics.create(self.brokers[0], topic)

    def fill(self, first: float = 0, last: float = 1) -> None:
        """Write a stretch of the records, by share of each partition."""
        runs = [
            slice(int(len(partition) * first), int(len(partition) * last)) for partition in self.partitions
        ]
        parts = [partition[run] for partition, run in zip(self.partitions, runs, strict=True)]
        arrived = [times[run] for times, run in zip(self.arrived, runs, strict=True)]
        topics.fill(self.broker, self.requests, parts, batch_bytes=PRODUCED_BYTES, arrived=arrived)

    @functools.cached_property
    def truths(self) -> list[Truth]:
        """The expected results of each partition."""
        given = zip(self.sources, self.partitions, self.arrived, strict=True)
        return [Truth(*row, self.settings) for row in given]

    @functools.cached_property
    def findings(self) -> dict[tuple[str, int], str]:
        """The expected findings."""
        records, arrived = (
            dict(zip(self.sources, lists, strict=True)) for lists in (self.partitions, self.arrived)
        )
        _, found = undisturbed(self.settings, records, arrived, SHARDS, gathered=False)  # type: ignore[arg-type]
        assert found, "the scenario has no findings"
        return found

    @property
    def settings(self) -> Settings:
        """Settings of a new app."""
        return Settings(
            kafka=KafkaSettings(
                brokers=self.brokers,
                app=topics.unique("app"),
                requests=self.requests,
                shards=SHARDS,
                replication=self.replication,
            ),
            web=WebSettings(listen="127.0.0.1:0"),
            time=TimeSettings(idle=1),
            judge=JudgeSettings(young=3600),
            notify=NotifySettings(since="2020-01-01"),
        )


class KafkaRun:
    """An app that reads an input, with one worker after the other or several at once."""

    def __init__(self, given: Input, supervisor: Supervisor, folder: Path) -> None:
        self._input = given
        self.sources = given.sources
        self._supervisor = supervisor
        self.starts = 0
        self.settings = given.settings
        assert self.settings.kafka is not None
        self.kafka = self.settings.kafka
        self.names = Topics.of(self.kafka)
        setup_topics(self.settings)
        self.log = folder / f"{self.kafka.app}.log"
        self.log.touch()

    @property
    def keys(self) -> list[str]:
        """Keys of all stages."""
        rollups = [f"rollup/{number}" for number in range(len(self.sources))]
        return [*rollups, *(f"detect/{shard}" for shard in range(SHARDS)), "incidents/0", "notify/0"]

    def start(self, worker: str = "one", *, never_idle: bool = False, **options: Any) -> Daemon:
        """Start a worker; ``never_idle`` when a pause of its input must not count as idle."""
        self.starts += 1
        time = TimeSettings(idle=NEVER_IDLE) if never_idle else self.settings.time
        settings = self.settings.model_copy(update={"time": time})
        return self._supervisor.start(settings, self.log, worker=worker, **options)

    @contextlib.contextmanager
    def _consumer(self) -> Iterator[KafkaConsumer]:
        with open_client(
            KafkaConsumer,
            bootstrap_servers=self._input.brokers,
            group_id=self.kafka.app,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
        ) as consumer:
            yield consumer

    def taken_in(self, daemon: Daemon, seconds: float) -> bool:
        """Wait until every request is in a checkpoint; return False if the daemon ends or time runs out."""
        with self._consumer() as consumer:

            def done() -> bool:
                return daemon.code is not None or topics.has_committed(consumer, self.names.requests)

            return wait_until(done, seconds, 0.1) and daemon.code is None

    def finished(self, daemon: Daemon, seconds: float) -> bool:
        """Wait until all stages have committed everything; False if the daemon ends or time runs out."""
        with self._consumer() as consumer:
            said: dict[tuple[str, int], bool] = {}
            rollups = [TopicPartition(self.names.rollups, shard) for shard in range(SHARDS)]
            consumer.assign(rollups)
            consumer.seek_to_beginning(*rollups)

            def done() -> bool:
                for records in consumer.poll(50).values():
                    for record in records:
                        block = decode_block(record.value)
                        said[block.source, block.shard] = block.idle
                return daemon.code is not None or (
                    len(said) == len(self.sources) * SHARDS
                    and all(said.values())
                    and topics.has_committed(
                        consumer,
                        self.names.requests,
                        self.names.rollups,
                        self.names.findings,
                        self.names.notices,
                    )
                )

            return wait_until(done, seconds, 0.1) and daemon.code is None

    def kill_at_random(self, draw: random.Random, kills: int, longest: float = 2.5) -> int:
        """Start and kill workers one after the other; return how many kills hit a running process."""
        return sum(self.start().kill_at_random(draw, "stage opened", longest) for _ in range(kills))

    def finish(self, seconds: float = 90, daemon: Daemon | None = None) -> Report:
        """Let a last worker finish, and compare the results."""
        report = Report()
        daemon = daemon or self.start()
        for key in self.keys:
            daemon.logged(f"key={key} ")  # after a rebalance others may own some until their session ends
        if not self.finished(daemon, seconds):
            report.wrong.append(
                f"not finished in {seconds} s, exit code {daemon.code}: {daemon.output()[-3000:]}"
            )
        report.compare("exit code", 0, daemon.stop())
        self.judge(report)
        return report

    def judge(self, report: Report) -> None:
        """Compare everything that is in Kafka with the truth."""
        if "Traceback" in self.log.read_text():
            report.wrong.append(f"a traceback in {self.log}")
        read = self._read()
        self._judge_blocks(report, read[self.names.rollups])
        self._judge_letters(report, read[self.names.dead_letters])
        self._judge_findings(report, read[self.names.findings])
        self._judge_notices(report, read[self.names.notices])
        asyncio.run(self._judge_states(report, read))

    def _read(self) -> dict[str, dict[int, list[tuple[bytes, bytes]]]]:
        found: dict[str, dict[int, list[tuple[bytes, bytes]]]] = defaultdict(lambda: defaultdict(list))
        for name in (self.names.rollups, self.names.findings, self.names.notices, self.names.dead_letters):
            for record in topics.read(self._input.broker, name):
                found[name][record.partition].append((record.key, record.value))
        return found

    def _judge_blocks(self, report: Report, topic: dict[int, list[tuple[bytes, bytes]]]) -> None:
        first: dict[tuple[str, int, int], bytes] = {}
        blocks = []
        for shard, records in topic.items():
            for _, value in records:
                block = decode_block(value)
                report.compare("shard of a block", shard, block.shard)
                if block.idle or block.ends:
                    continue
                key = block.source, block.shard, block.sequence
                if key in first:
                    report.again += 1
                    report.compare(f"block {key} again", first[key], value)
                else:
                    first[key] = value
                    blocks.append(block)
        for truth in self._input.truths:
            report.wrong += truth.mismatches(blocks)

    def _judge_letters(self, report: Report, topic: dict[int, list[tuple[bytes, bytes]]]) -> None:
        letters: dict[bytes, bytes] = {}
        for key, value in topic[0]:
            if key in letters:
                report.wrong.append(f"dead letter {key!r} is there twice")
            letters[key] = value
        expected = {
            f"{truth.source}/{bad.offset}".encode(): bad.reason
            for truth in self._input.truths
            for bad in truth.bad
        }
        reasons = {key: msgspec.json.decode(value)["reason"] for key, value in letters.items()}
        report.compare("dead letters", dict(sorted(expected.items())), dict(sorted(reasons.items())))

    def _judge_findings(self, report: Report, topic: dict[int, list[tuple[bytes, bytes]]]) -> None:
        steps: dict[tuple[int, int, int], bytes] = {}
        findings: dict[tuple[str, int], str] = {}
        for _, value in topic[0]:
            judged = msgspec.msgpack.decode(value, type=JudgedStep)
            key = judged.shard, judged.start, judged.part
            if key in steps:
                report.again += 1
                report.compare(f"judged step {key} again", steps[key], value)
                continue
            steps[key] = value
            for finding in judged.findings:
                findings[finding.id, finding.revision] = repr(finding)
        expected = self._input.findings
        report.compare("ids of findings", sorted(expected), sorted(findings))
        report.compare("findings", expected, findings)

    def _judge_notices(self, report: Report, topic: dict[int, list[tuple[bytes, bytes]]]) -> None:
        parts: dict[tuple[int, int], bytes] = {}
        for _, value in topic[0]:
            notices_part = msgspec.msgpack.decode(value, type=NoticesPart)
            key = notices_part.watermark, notices_part.part
            if key in parts:
                report.again += 1
                report.compare(f"notices {key} again", parts[key], value)
            parts[key] = value
        opened = [
            notice
            for value in parts.values()
            for notice in msgspec.msgpack.decode(value, type=NoticesPart).notices
        ]
        if not opened:
            report.wrong.append("no notice was emitted")

    async def _judge_states(
        self, report: Report, read: dict[str, dict[int, list[tuple[bytes, bytes]]]]
    ) -> None:
        """Feed new stages what the killed ones were fed: their state must be that of the last checkpoint."""
        options = aiokafka_options(self.kafka)
        records = FencedStore(
            self.names.checkpoints, CHECKPOINTS_PARTITIONS, options, hanging=HangingTransactions(self.kafka)
        )
        kept = KafkaCheckpoints(records)

        async def judge(  # noqa: PLR0917
            key: str, topic: str, stage: Any, number: int, values: list[bytes], arrived: Any = None
        ) -> None:
            checkpoint = await kept.load(key) or Checkpoint()
            stage.feed(Chunk(topic, number, 0, len(values), range(len(values)), values, arrived=arrived))
            if topic == self.names.requests:
                stage.idle(0.0)
            report.compare(f"offsets of {key}", {f"{topic}/{number}": len(values)}, checkpoint.offsets)
            expected = stage.snapshot()
            parts = checkpoint.parts.keys() - {TOPIC, CLOSED}
            report.compare(f"parts of {key}", sorted(expected), sorted(parts))
            for name, part in expected.items():
                report.compare(f"part {name} of {key}", part, checkpoint.parts.get(name))

        for number, lines in enumerate(self._input.partitions):
            stage: Any = RollupStage(number, self.settings, SHARDS, self.names, now=time.time)
            arrived = self._input.arrived[number]
            stage.prepare_switch(float(arrived[0]))  # all of it is long over
            stage.switch_mode()
            await judge(f"rollup/{number}", self.names.requests, stage, number, list(lines), arrived)
        for shard in range(SHARDS):
            stage = DetectStage(shard, self.sources, self.settings, self.names)
            values = [value for _, value in read[self.names.rollups][shard]]
            await judge(f"detect/{shard}", self.names.rollups, stage, shard, values)
        values = [value for _, value in read[self.names.findings][0]]
        stage = IncidentsStage(SHARDS, self.settings, self.names)
        await judge("incidents/0", self.names.findings, stage, 0, values)
        values = [value for _, value in read[self.names.notices][0]]
        await judge("notify/0", self.names.notices, NotifyStage(), 0, values)
        await kept.close()


def stop_all(lives: list[Daemon]) -> list[int | None]:
    """Ask all to stop, then wait for each."""
    for daemon in lives:
        daemon.handles_sigterm()
        daemon.signal(signal.SIGTERM)
    return [daemon.wait(30) for daemon in lives]
