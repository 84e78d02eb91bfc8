"""Records in Kafka that no producer of ours writes: without key or value, with huge heads, packed small."""

import asyncio
import gzip
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

from aiokafka import AIOKafkaProducer
from kafka.admin import NewTopic

from tests.attacks.attacked import Attacked, HonestSender
from tests.kafka.topic import create, unique

PARTS = 2


async def hostile_records(broker: str, topic: str, until: float) -> None:
    """Write them until a time, beside what honest producers write."""
    good = json.dumps({"ts": time.time(), "service": "beside", "status": 200}).encode()
    values = [
        None,
        b"",
        good,
        b"\x00" * 900_000,
        b"[" * 500_000,
        b"\xff\xfe",
        gzip.compress(bytes(50 << 20)),
        good + b"\n" + good,
    ]
    heads = [("a" * 200_000, b"b" * 200_000), ("", None), ("\u202e", b"\xff"), *[("x", b"")] * 5000]
    for kind in (None, "gzip", "snappy", "lz4", "zstd"):
        producer = AIOKafkaProducer(
            bootstrap_servers=broker, max_request_size=1_000_000, compression_type=kind
        )
        await producer.start()
        for part in range(PARTS):
            for value in values:
                for key in (None if value is not None else b"k", b"", b"\x00" * 1000):
                    await producer.send_and_wait(topic, value, key=key, partition=part)
            await producer.send_and_wait(topic, good, headers=heads, partition=part)
        await producer.stop()
    transactional = AIOKafkaProducer(bootstrap_servers=broker, transactional_id=unique("attacker"))
    await transactional.start()
    while time.time() < until:
        for ended in (transactional.abort_transaction, transactional.commit_transaction):
            await transactional.begin_transaction()
            await transactional.send_and_wait(topic, good, partition=0)
            await ended()
        await asyncio.sleep(0.2)
    await transactional.begin_transaction()
    await transactional.commit_transaction()
    await transactional.stop()


def test_odd_records_of_kafka_cost_no_record_and_end_nothing(kafka: str, tmp_path: Path) -> None:
    orders = unique("orders")
    create(kafka, NewTopic(orders, PARTS, 1))
    inputs = [{"name": "orders", "format": "auto", "topic": orders}]
    with Attacked(tmp_path, kafka, sources={"inputs": inputs}, dead_letters={"stop": False}) as daemon:
        topics = [orders, daemon.settings["kafka"]["requests"]]
        with HonestSender(daemon) as honest:
            for topic in topics:
                asyncio.run(hostile_records(kafka, topic, time.time() + 20))
            honest.fills_a_minute()
        honest.is_counted()
        assert daemon.metric("uneri_skipped_parts_total", reason="tombstone") == 2 * PARTS * 3 * 5
        daemon.wait(lambda: daemon.get("/readyz").status == 200, "readiness")
    assert len(daemon.lines()) < 100


async def wrong_clocks(broker: str, topic: str, stop: threading.Event) -> None:
    """Write a record a second to each of four partitions, which hold nothing else."""
    producer = AIOKafkaProducer(bootstrap_servers=broker)
    await producer.start()
    while not stop.is_set():
        now = time.time()
        ahead, right, old = (
            json.dumps({"ts": at, "service": "wrong"}).encode() for at in (now + 400, now, now - 7200)
        )
        odd = (ahead, now), (b"garbage", now), (right, now - 7200), (old, now - 7200)
        for part, (value, stamp) in enumerate(odd):
            await producer.send_and_wait(topic, value, partition=part, timestamp_ms=round(stamp * 1000))
        await asyncio.sleep(1)
    await producer.stop()


def test_a_host_alone_in_its_partition_whose_clock_is_wrong_holds_nobody_back(
    kafka: str, tmp_path: Path
) -> None:
    orders = unique("orders")
    create(kafka, NewTopic(orders, 4, 1))
    inputs = [{"name": "orders", "format": "auto", "topic": orders}]
    stop = threading.Event()
    writing = threading.Thread(target=lambda: asyncio.run(wrong_clocks(kafka, orders, stop)))
    with Attacked(tmp_path, kafka, sources={"inputs": inputs}, dead_letters={"stop": False}) as daemon:
        writing.start()
        try:
            with HonestSender(daemon) as honest:
                behind = list[float]()
                while len(behind) < 140:
                    time.sleep(1)
                    behind.append(time.time() - int(daemon.status()["watermark"] or 0))
            honest.is_counted()
        finally:
            stop.set()
            writing.join()
    assert max(behind[80:]) < 110, behind


async def leave_open(broker: str, topic: str, until: Callable[[], object]) -> None:
    """Write a record in a transaction that ends only when ``until`` returns."""
    producer = AIOKafkaProducer(bootstrap_servers=broker, transactional_id=unique("attacker"))
    await producer.start()
    await producer.begin_transaction()
    for part in range(PARTS):
        await producer.send_and_wait(topic, b"{}", partition=part)
    await asyncio.to_thread(until)
    await producer.abort_transaction()
    await producer.stop()


def test_a_transaction_that_is_left_open_is_reported_and_costs_no_record(kafka: str, tmp_path: Path) -> None:
    with Attacked(tmp_path, kafka, dead_letters={"stop": False}) as daemon:

        def reported() -> None:
            daemon.wait(lambda: b"behind a transaction" in daemon.get("/readyz").body, "reason", 90)

        with HonestSender(daemon) as honest:
            asyncio.run(leave_open(kafka, daemon.settings["kafka"]["requests"], reported))
            daemon.wait(lambda: daemon.get("/readyz").status == 200, "readiness")
            honest.fills_a_minute()
        honest.is_counted()
        assert len(daemon.lines("behind a transaction")) == PARTS
