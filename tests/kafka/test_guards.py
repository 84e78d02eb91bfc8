"""Guards of the Kafka daemon: a wrong topic, broker or state, or trouble of its own."""

import json
import subprocess
import sys
import threading
import time
from itertools import takewhile
from typing import Any

import pytest

from detectors.state.state import pack
from streams.drivers.kafka.app import aiokafka_options
from streams.drivers.kafka.checkpoints.checkpoints import KafkaCheckpoints
from streams.drivers.kafka.checkpoints.fenced_store import FencedStore
from streams.drivers.kafka.topics import CHECKPOINTS_PARTITIONS
from streams.engine.stages.checkpoint import Checkpoint
from tests.faults.daemons import ROOT
from tests.free_port import free_port
from tests.kafka import topic as topics
from tests.kafka.broker import Broker
from tests.kafka.kafka_app import PARTITIONS, PATIENCE, START, KafkaApp, MakeApp, metric

ONE_SHARD: dict[str, Any] = {"kafka": {"shards": 1}}
GOOD = [b'{"ts": %d, "service": "shop"}' % (START + second) for second in range(0, 600, 2)]


@pytest.mark.release
def test_a_partition_of_garbage_ends_the_daemon_every_time_until_it_is_let_pass(
    kafka: str, make_app: MakeApp
) -> None:
    app = make_app(**ONE_SHARD, dead_letters={"in_a_row": 20})
    bad = [*GOOD[:100], *[b"garbage"] * 30, *GOOD[100:]]
    topics.fill(kafka, app.kafka.requests, [GOOD, bad])
    for _ in range(2):
        running = app.start()
        assert running.wait(PATIENCE) == 1, running.output()
        (line,) = [line for line in running.output().splitlines() if "critical" in line]
        assert f"{app.kafka.requests}, partition 1, offset 120: 21 bad records in a row" in line
        assert "not_json" in line
        assert "dead_letters.stop: false" in line
        assert app.committed()[1] <= 120
    letting = app.settings.dead_letters.model_copy(update={"stop": False})
    app.start(settings=app.settings.model_copy(update={"dead_letters": letting}))
    app.until(lambda: app.committed() == [len(GOOD), len(bad)])
    letters = [letter for _, letter in app.dead_letters()]
    assert {letter["offset"] for letter in letters} == set(range(100, 130)), "nothing was lost"


def test_roles_in_processes_of_their_own_pass_time_on_to_the_one_that_notifies(
    kafka: str, make_app: MakeApp
) -> None:
    app = make_app(**ONE_SHARD)
    topics.fill(kafka, app.kafka.requests, [GOOD, GOOD])
    several = [("rollup", "detect"), ("incidents",), ("notify",)]
    ours = [app.elsewhere() for _ in several]
    for settings, roles in zip(ours, several, strict=True):
        app.start(*roles, settings=settings)

    def reported() -> bool:
        page = app.get("/metrics", ours[2])[1]
        return bool(metric(page, "uneri_watermark_timestamp_seconds", partition="0", stage="notify"))

    app.until(reported)
    app.until(lambda: all(map(app.ready, ours)))
    pages: list[str] = []
    at: list[float | None] = []

    def still() -> bool:
        """Read all pages at one moment of event time, which may go on by the clock in between."""
        before = at.copy()
        pages[:] = [app.get("/metrics", worker)[1] for worker in ours]
        at[:] = [
            metric(page, "uneri_watermark_timestamp_seconds", partition="0", stage=stage)
            for page, stage in zip(pages, ("detect", "incidents", "notify"), strict=True)
        ]
        return None not in at and at == before

    app.until(still)
    assert all(app.get("/healthz", worker)[0] == 200 for worker in ours)
    assert at[1] is not None
    assert at[0] is not None
    assert at[0] >= at[1] >= START + 480
    assert at[2] is not None
    assert at[2] <= at[1]
    assert metric(pages[0], "uneri_records_total") == 2 * len(GOOD)
    for number in range(PARTITIONS):
        of = {"partition": str(number), "stage": "rollup"}
        assert metric(pages[0], "uneri_lag_records", **of) == 0
        assert metric(pages[0], "uneri_checkpoint_age_seconds", **of) is not None
    opened = metric(pages[0], "uneri_stage_opens_total", stage="rollup")
    assert opened is not None
    assert opened >= PARTITIONS  # more when a busy machine let a session pass
    assert metric(pages[1], "uneri_records_total") == 0
    for place, name in ((0, "chunks_rollup"), (0, "open_steps"), (1, "steps_waiting_for_shards")):
        assert metric(pages[place], "uneri_queue_depth", queue=name) is not None


def test_a_broker_that_does_not_answer_is_no_reason_to_be_restarted(make_app: MakeApp) -> None:
    app = make_app(f"127.0.0.1:{free_port()}", prepared=False)
    app.start()
    app.until(lambda: app.get("/healthz")[0] == 200)
    status, body = app.get("/readyz")
    assert status == 503
    assert "has not answered yet" in json.loads(body)["reason"]


async def test_a_checkpoint_of_another_version_ends_the_daemon_with_one_line(make_app: MakeApp) -> None:
    app = make_app(**ONE_SHARD)
    owned = FencedStore(app.names.checkpoints, CHECKPOINTS_PARTITIONS, aiokafka_options(app.kafka))
    checkpoints = KafkaCheckpoints(owned)
    assert await checkpoints.load("rollup/0") is None
    await checkpoints.save("rollup/0", Checkpoint({}, {"rollup": pack("rollup", 99, None, {})}))
    await checkpoints.close()
    running = app.start()
    assert running.wait(PATIENCE) == 1
    (line,) = [line for line in running.output().splitlines() if "critical" in line]
    assert "the checkpoint rollup/0 cannot be read" in line
    assert "'rollup' version 99" in line
    assert "start the version of uneri that wrote it, or start over with another kafka.app" in line


WORKER = """
import asyncio, sys
from config.settings import KafkaSettings
from streams.drivers.kafka.app import aiokafka_options, chunk_app
from streams.drivers.kafka.checkpoints.checkpoints import KafkaCheckpoints
from streams.drivers.kafka.topics import CHECKPOINTS_PARTITIONS, Topics
from streams.drivers.kafka.checkpoints.fenced_store import FencedStore
from streams.drivers.kafka.hosted_partition import Hosted
from streams.drivers.kafka.stage_host import StageHost
from streams.drivers.checkpointing import RunOptions
from streams.drivers.kafka.stage import Stage
from streams.process.watchdog import Watchdog, guard
from contextlib import asynccontextmanager

class Fed(Stage):
    def feed(self, chunk): return [chunk]
    def idle(self, seconds, end): return ()
    def snapshot(self): return {}
    def restore(self, parts): pass

@asynccontextmanager
async def around(_):
    async def this_never_returns(_):
        await asyncio.get_running_loop().create_future()
    async def this_does(_):
        print("fed", flush=True)
        done = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done
    yield this_never_returns if sys.argv[4] == "hang" else this_does

async def main():
    kafka = KafkaSettings(brokers=[sys.argv[1]], app=sys.argv[2], requests=sys.argv[3])
    options = aiokafka_options(kafka)
    records = FencedStore(Topics.of(kafka).checkpoints, CHECKPOINTS_PARTITIONS, options)
    checkpoints = KafkaCheckpoints(records)
    hosted = Hosted(kafka.requests, "test", lambda _: Fed(), around=around)
    stuck = 6.0 if sys.argv[4] == "hang" else 20.0  # a busy machine needs seconds to open a stage
    host = StageHost(chunk_app(kafka), [hosted], checkpoints, options, RunOptions(every=0.5, stuck=stuck))
    dog = Watchdog()
    dog.start()
    asyncio.create_task(guard(dog, host.stuck, every=0.5))
    await host.start()
    await asyncio.Event().wait()

asyncio.run(main())
"""


def worker(app: KafkaApp, how: str) -> subprocess.Popen[str]:
    given = (*app.kafka.brokers, app.kafka.app, app.kafka.requests, how)
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, *given],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.release
def test_a_stage_that_hangs_while_the_loop_turns_ends_the_process_with_its_stacks(
    kafka: str, make_app: MakeApp
) -> None:
    app = make_app(**ONE_SHARD)
    topics.fill(kafka, app.kafka.requests, [GOOD, []])
    running = worker(app, "hang")
    try:
        _, said = running.communicate(timeout=PATIENCE)
    finally:
        running.kill()
    assert running.returncode == 1
    assert "uneri: test/0 has" in said
    assert "the broker answers" in said
    assert "most recent call first" in said


def wait_for_a_chunk(running: subprocess.Popen[str]) -> None:
    assert running.stdout is not None
    patience = threading.Timer(PATIENCE, running.kill)
    patience.start()
    try:
        said = list(takewhile(lambda line: line != "fed\n", running.stdout))
        assert running.poll() is None, f"{said}\n{running.communicate()[1]}"
    finally:
        patience.cancel()


@pytest.mark.release
def test_a_broker_that_freezes_is_waited_for_and_its_return_is_noticed(
    own_broker: Broker, make_app: MakeApp
) -> None:
    app = make_app(own_broker.address, **ONE_SHARD)
    topics.fill(own_broker.address, app.kafka.requests, [GOOD, []])
    running = worker(app, "well")
    try:
        wait_for_a_chunk(running)
        # a transaction that the broker sleeps through is ended by it, and then the process ends
        app.until(lambda: app.committed()[0] == len(GOOD))
        own_broker.freeze()
        time.sleep(42)  # more than twice what a stage may stand still
        assert running.poll() is None
        own_broker.thaw()
        topics.fill(own_broker.address, app.kafka.requests, [GOOD, []])
        wait_for_a_chunk(running)
    finally:
        own_broker.thaw()
        running.kill()
        running.communicate()
