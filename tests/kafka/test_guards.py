"""Guards of the Kafka daemon: a wrong topic, broker or state, or trouble of its own."""

import json
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path

from kafka import KafkaConsumer, TopicPartition
from kafka.admin import NewTopic

from config.settings import DeadLetterSettings, KafkaSettings, Settings, TimeSettings, WebSettings
from detectors.state.state import pack
from streams.drivers.kafka.app import aiokafka_options
from streams.drivers.kafka.checkpoints.checkpoints import KafkaCheckpoints
from streams.drivers.kafka.checkpoints.fenced_store import FencedStore
from streams.drivers.kafka.connections.client import open_client
from streams.drivers.kafka.topics import CHECKPOINTS_PARTITIONS, Topics, setup_topics
from streams.engine.stages.checkpoint import Checkpoint
from tests.free_port import free_port
from tests.kafka import topic as topics
from tests.kafka.broker import Broker

ROOT = Path(__file__).parent.parent.parent
PROGRAM = """
import sys
from config.settings import Settings
from streams.drivers.kafka.daemon import run_kafka
sys.exit(run_kafka(Settings.model_validate_json(sys.argv[1]), set(sys.argv[2:]) or None))
"""
START = 1_760_000_000
PARTITIONS = 2
PATIENCE = 240  # a busy machine starts a daemon in half a minute
GOOD = [b'{"ts": %d, "service": "shop"}' % (START + second) for second in range(0, 600, 2)]


@contextmanager
def daemon(settings: Settings, *roles: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", PROGRAM, settings.model_dump_json(), *roles]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.communicate(timeout=40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()


def prepared(kafka: str, **sections: object) -> Settings:
    requests = topics.unique("requests")
    topics.create(kafka, NewTopic(requests, PARTITIONS, 1, topic_configs={"retention.ms": "-1"}))
    ours = KafkaSettings(brokers=[kafka], app=topics.unique("app"), requests=requests, shards=1)
    settings = Settings(
        kafka=ours, web=WebSettings(listen=f"127.0.0.1:{free_port()}"), time=TimeSettings(idle=2), **sections
    )
    setup_topics(settings)
    return settings


def get(settings: Settings, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://{settings.web.listen}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def wait_until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline, "it did not get there in time"
        time.sleep(0.2)


def metric(page: str, name: str, **labels: str) -> float | None:
    shown = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
    start = f"{name}{{{shown}}} " if labels else f"{name} "
    return next((float(line[len(start) :]) for line in page.splitlines() if line.startswith(start)), None)


def records(kafka: str, topic: str) -> list[dict[str, object]]:
    place, found = TopicPartition(topic, 0), []
    options = {"bootstrap_servers": kafka, "auto_offset_reset": "earliest", "enable_auto_commit": False}
    with open_client(KafkaConsumer, **options) as consumer:
        consumer.assign([place])
        end = consumer.end_offsets([place])[place]
        while consumer.position(place) < end:
            found += [
                json.loads(record.value) for records in consumer.poll(500).values() for record in records
            ]
    return found


def test_a_partition_of_garbage_ends_the_daemon_every_time_until_it_is_let_pass(kafka: str) -> None:
    settings = prepared(kafka, dead_letters=DeadLetterSettings(in_a_row=20))
    assert settings.kafka is not None
    bad = [*GOOD[:100], *[b"garbage"] * 30, *GOOD[100:]]
    topics.fill(kafka, settings.kafka.requests, [GOOD, bad])
    for _ in range(2):
        with daemon(settings) as running:
            _, said = running.communicate(timeout=PATIENCE)
        assert running.returncode == 1, said
        (line,) = [line for line in said.splitlines() if "critical" in line]
        assert f"{settings.kafka.requests}, partition 1, offset 120: 21 bad records in a row" in line
        assert "not_json" in line
        assert "dead_letters.stop: false" in line
        assert "Traceback" not in said
        committed = topics.committed(kafka, settings.kafka.app, settings.kafka.requests, PARTITIONS)
        assert committed[1] <= 120
    lenient = settings.model_copy(update={"dead_letters": DeadLetterSettings(stop=False)})
    with daemon(lenient):
        wait_until(
            lambda: (
                topics.committed(kafka, lenient.kafka.app, lenient.kafka.requests, PARTITIONS)  # type: ignore[union-attr]
                == [len(GOOD), len(bad)]
            )
        )
    letters = records(kafka, Topics.of(settings.kafka).dead_letters)
    assert {letter["offset"] for letter in letters} == set(range(100, 130)), "nothing was lost"


def test_roles_in_processes_of_their_own_pass_time_on_to_the_one_that_notifies(kafka: str) -> None:
    base = prepared(kafka)
    assert base.kafka is not None
    topics.fill(kafka, base.kafka.requests, [GOOD, GOOD])
    several = [("rollup", "detect"), ("incidents",), ("notify",)]
    ours = [base.model_copy(update={"web": WebSettings(listen=f"127.0.0.1:{free_port()}")}) for _ in several]
    with daemon(ours[0], *several[0]), daemon(ours[1], *several[1]), daemon(ours[2], *several[2]):

        def reported() -> bool:
            page = get(ours[2], "/metrics")[1]
            return bool(metric(page, "uneri_watermark_timestamp_seconds", partition="0", stage="notify"))

        wait_until(reported)
        wait_until(lambda: all(get(worker, "/readyz")[0] == 200 for worker in ours))
        pages: list[str] = []
        at: list[float | None] = []

        def still() -> bool:
            """Read all pages at one moment of event time, which may go on by the clock in between."""
            before = at.copy()
            pages[:] = [get(worker, "/metrics")[1] for worker in ours]
            at[:] = [
                metric(page, "uneri_watermark_timestamp_seconds", partition="0", stage=stage)
                for page, stage in zip(pages, ("detect", "incidents", "notify"), strict=True)
            ]
            return None not in at and at == before

        wait_until(still)
        assert all(get(worker, "/healthz")[0] == 200 for worker in ours)
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


def test_a_broker_that_does_not_answer_is_no_reason_to_be_restarted() -> None:
    settings = Settings(
        kafka=KafkaSettings(brokers=[f"127.0.0.1:{free_port()}"]),
        web=WebSettings(listen=f"127.0.0.1:{free_port()}"),
    )
    with daemon(settings):
        wait_until(lambda: get(settings, "/healthz")[0] == 200)
        status, body = get(settings, "/readyz")
        assert status == 503
        assert "has not answered yet" in json.loads(body)["reason"]


async def test_a_checkpoint_of_another_version_ends_the_daemon_with_one_line(kafka: str) -> None:
    settings = prepared(kafka)
    assert settings.kafka is not None
    owned = FencedStore(
        Topics.of(settings.kafka).checkpoints, CHECKPOINTS_PARTITIONS, aiokafka_options(settings.kafka)
    )
    checkpoints = KafkaCheckpoints(owned)
    assert await checkpoints.load("rollup/0") is None
    await checkpoints.save("rollup/0", Checkpoint({}, {"rollup": pack("rollup", 99, None, {})}))
    await checkpoints.close()
    with daemon(settings) as running:
        _, said = running.communicate(timeout=PATIENCE)
    assert running.returncode == 1
    (line,) = [line for line in said.splitlines() if "critical" in line]
    assert "the checkpoint rollup/0 cannot be read" in line
    assert "'rollup' version 99" in line
    assert "start the version of uneri that wrote it, or start over with another kafka.app" in line
    assert "Traceback" not in said


WORKER = """
import asyncio, sys
from config.settings import KafkaSettings
from streams.drivers.kafka.app import aiokafka_options, chunk_app
from streams.drivers.kafka.checkpoints.checkpoints import KafkaCheckpoints
from streams.drivers.kafka.topics import CHECKPOINTS_PARTITIONS, Topics
from streams.drivers.kafka.checkpoints.fenced_store import FencedStore
from streams.drivers.kafka.stage_host import Hosted, StageHost
from streams.process.watchdog import Watchdog, guard
from contextlib import asynccontextmanager

class Stage:
    def feed(self, chunk): return [chunk]
    def idle(self, seconds): return ()
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
    hosted = Hosted(kafka.requests, "test", lambda _: Stage(), around=around)
    stuck = 6.0 if sys.argv[4] == "hang" else 20.0  # a busy machine needs seconds to open a stage
    host = StageHost(chunk_app(kafka), [hosted], checkpoints, options, every=0.5, stuck=stuck)
    dog = Watchdog()
    dog.start()
    asyncio.create_task(guard(dog, host.stuck, every=0.5))
    await host.start()
    await asyncio.Event().wait()

asyncio.run(main())
"""


def worker(settings: Settings, how: str) -> subprocess.Popen[str]:
    assert settings.kafka is not None
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            WORKER,
            *settings.kafka.brokers,
            settings.kafka.app,
            settings.kafka.requests,
            how,
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_stage_that_hangs_while_the_loop_turns_ends_the_process_with_its_stacks(kafka: str) -> None:
    settings = prepared(kafka)
    assert settings.kafka is not None
    topics.fill(kafka, settings.kafka.requests, [GOOD, []])
    running = worker(settings, "hang")
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


def test_a_broker_that_freezes_is_waited_for_and_its_return_is_noticed() -> None:
    with Broker() as broker:
        settings = prepared(broker.address)
        assert settings.kafka is not None
        topics.fill(broker.address, settings.kafka.requests, [GOOD, []])
        running = worker(settings, "well")
        try:
            wait_for_a_chunk(running)
            # a transaction that the broker sleeps through is ended by it, and then the process ends
            ours = broker.address, settings.kafka.app, settings.kafka.requests, PARTITIONS
            wait_until(lambda: topics.committed(*ours)[0] == len(GOOD))
            broker.freeze()
            time.sleep(42)  # more than twice what a stage may stand still
            assert running.poll() is None
            broker.thaw()
            topics.fill(broker.address, settings.kafka.requests, [GOOD, []])
            wait_for_a_chunk(running)
        finally:
            broker.thaw()
            running.kill()
            running.communicate()
