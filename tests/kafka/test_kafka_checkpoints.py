import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic

from config.settings import KafkaSettings
from detectors.state.state import FORMAT, NewerStateError, StateError
from streams.drivers.kafka.checkpoints.checkpoints import PIECE_BYTES, KafkaCheckpoints
from streams.drivers.kafka.checkpoints.fenced_store import FencedError, FencedStore
from streams.drivers.kafka.checkpoints.hanging_transactions import HangingTransactions
from streams.drivers.kafka.connections.client import open_client
from streams.drivers.kafka.stage import Emission
from streams.drivers.kafka.topics import TopicError
from streams.engine.stages.checkpoint import Checkpoint
from streams.process.crash_points import CrashHook, CrashPoint, no_crash
from tests.kafka import topic as topics


@asynccontextmanager
async def process(kafka: str, topic: str) -> AsyncIterator[KafkaCheckpoints]:
    """The expected results, as one process would have them."""
    checkpoints = KafkaCheckpoints(FencedStore(topic, 1, {"bootstrap_servers": kafka}))
    try:
        yield checkpoints
    finally:
        await checkpoints.close()


async def test_what_was_saved_is_loaded_by_the_next_process(kafka: str, topic: str) -> None:
    large = bytes(range(256)) * (2 * PIECE_BYTES // 256 + 1)
    saved = Checkpoint({"requests/3": 42}, {"a": b"x", "large": large, "empty": b""})
    async with process(kafka, topic) as first:
        assert await first.load("rollup/3") is None
        await first.save("rollup/3", saved)
    async with process(kafka, topic) as second:
        assert await second.load("rollup/3") == saved
        assert await second.load("rollup/33") is None


@pytest.mark.release
async def test_a_reader_finds_a_whole_checkpoint_while_others_are_written(kafka: str, topic: str) -> None:
    async with process(kafka, topic) as owner, process(kafka, topic) as other:
        await owner.load("detect/0")

        async def write() -> None:
            for number in range(150):
                body = bytes([number]) * 100_000
                await owner.save("detect/0", Checkpoint({"rollups/0": number}, dict.fromkeys("abcdef", body)))

        writing = asyncio.create_task(write())
        looked = []
        while not writing.done():
            if found := await other.peek("detect/0"):
                looked.append({found.offsets["rollups/0"], *(part[0] for part in found.parts.values())})
        await writing
    assert looked
    assert all(len(numbers) == 1 for numbers in looked)


async def test_parts_that_stay_are_not_written_again_and_parts_that_go_are_removed(
    kafka: str, topic: str
) -> None:
    async with process(kafka, topic) as one:
        await one.load("k")
        await one.save("k", Checkpoint({"s/0": 1}, {"stays": b"same", "goes": b"x"}))
        await one.save("k", Checkpoint({"s/0": 2}, {"stays": b"same", "comes": b"y"}))
    written = [(record.key.decode(), record.value is None) for record in topics.read(kafka, topic)]
    assert written == [
        ("k|stays|0", False),
        ("k|goes|0", False),
        ("k", False),
        ("k|comes|0", False),
        ("k", False),
        ("k|goes|0", True),
    ]
    async with process(kafka, topic) as other:
        assert await other.load("k") == Checkpoint({"s/0": 2}, {"stays": b"same", "comes": b"y"})


async def test_a_process_that_lost_its_stage_cannot_write_over_its_successor(kafka: str, topic: str) -> None:
    # aiokafka puts the refusal into futures of its own, too, which nobody reads.
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    async with process(kafka, topic) as sleeper, process(kafka, topic) as successor:
        await sleeper.load("k")
        await sleeper.save("k", Checkpoint({"s/0": 1}, {"p": b"1"}))
        await successor.load("k")
        await successor.save("k", Checkpoint({"s/0": 9}, {"p": b"9"}))
        with pytest.raises(
            FencedError, match="k: nothing was written, because another process has taken over"
        ):
            await sleeper.save("k", Checkpoint({"s/0": 2}, {"p": b"2"}))
    async with process(kafka, topic) as third:
        assert await third.load("k") == Checkpoint({"s/0": 9}, {"p": b"9"})


async def test_what_was_saved_is_found_after_the_topic_got_more_partitions(kafka: str, topic: str) -> None:
    keys = [f"rollup/{number}" for number in range(6)]
    for before, now in ((1, 3), (3, 6)):
        first = KafkaCheckpoints(FencedStore(topic, before, {"bootstrap_servers": kafka}))
        for key in keys:
            await first.load(key)
            await first.save(key, Checkpoint({"s/0": now}, {"p": key.encode()}))
        with open_client(KafkaAdminClient, bootstrap_servers=kafka) as admin:
            admin.create_partitions({topic: now})
        next_one = KafkaCheckpoints(FencedStore(topic, now, {"bootstrap_servers": kafka}))
        for key in keys:
            assert await next_one.load(key) == Checkpoint({"s/0": now}, {"p": key.encode()})
        await first.close()
        await next_one.close()


async def test_partitions_that_no_number_explains_are_refused_in_one_line(kafka: str) -> None:
    name = topics.unique("checkpoints")
    topics.create(kafka, NewTopic(name, 3, 1))
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        for number in (0, 1):
            await producer.send_and_wait(name, b"", key=b"detect/0", partition=number)
    records = FencedStore(name, 3, {"bootstrap_servers": kafka})
    with pytest.raises(TopicError, match="run `uneri state export`, and import that into another"):
        await records.peek("detect/0")


async def test_a_topic_that_takes_no_checkpoint_as_large_is_named_with_the_remedy(kafka: str) -> None:
    name = topics.unique("checkpoints")
    topics.create(kafka, NewTopic(name, 1, 1, topic_configs={"max.message.bytes": "1000"}))
    async with process(kafka, name) as one:
        await one.load("k")
        with pytest.raises(TopicError, match=f"{name} is larger than its max.message.bytes allows: set"):
            await one.save("k", Checkpoint({"s/0": 1}, {"p": bytes(range(256)) * 8}))


async def test_a_write_that_breaks_off_leaves_the_checkpoint_before_it(kafka: str, topic: str) -> None:
    records = FencedStore(topic, 1, {"bootstrap_servers": kafka})
    checkpoints = KafkaCheckpoints(records)
    await checkpoints.load("k")
    await checkpoints.save("k", Checkpoint({"s/0": 1}, {"p": b"old"}))

    def breaking() -> Iterator[tuple[str, bytes | None]]:
        yield "k|p|0", b"new"
        raise OSError("power cut")

    with pytest.raises(OSError, match="power cut"):
        await records.write("k", breaking())
    await checkpoints.close()
    async with process(kafka, topic) as other:
        assert await other.load("k") == Checkpoint({"s/0": 1}, {"p": b"old"})


async def test_an_open_transaction_of_another_stage_does_not_hide_the_newest_checkpoint(
    kafka: str, topic: str
) -> None:
    async with process(kafka, topic) as one, process(kafka, topic) as next_owner:
        await one.load("k")
        await one.save("k", Checkpoint({"s/0": 1}, {}))
        other = AIOKafkaProducer(bootstrap_servers=kafka, transactional_id=f"{topic}-other")
        await other.start()
        await other.begin_transaction()
        await other.send_and_wait(topic, b"x", key=b"other|p|0", partition=0)
        await one.save("k", Checkpoint({"s/0": 2}, {}))
        loading = asyncio.create_task(next_owner.load("k"))
        await asyncio.sleep(1)
        assert not loading.done()
        await other.commit_transaction()
        assert await loading == Checkpoint({"s/0": 2}, {})
        await other.stop()


async def test_a_transaction_that_hangs_is_ended_and_hides_nothing_any_more(kafka: str, topic: str) -> None:
    # In one that hangs its writer is gone and no timeout ends it; here the timeout is far away.
    async with process(kafka, topic) as one:
        await one.load("k")
        lost = AIOKafkaProducer(
            bootstrap_servers=kafka, transactional_id=f"{topic}-lost", transaction_timeout_ms=600_000
        )
        await lost.start()
        async with lost.transaction():  # which leaves the mark of a coordinator
            await lost.send_and_wait(topic, b"x", key=b"k|p|0", partition=0)
        await lost.begin_transaction()
        await lost.send_and_wait(topic, b"x", key=b"k|p|0", partition=0)
        await one.save("k", Checkpoint({"s/0": 2}, {}))
    hanging = HangingTransactions(KafkaSettings(brokers=[kafka]))
    records = FencedStore(topic, 1, {"bootstrap_servers": kafka}, hanging=hanging, hangs=1.0)
    checkpoints = KafkaCheckpoints(records)
    async with asyncio.timeout(30):
        assert await checkpoints.load("k") == Checkpoint({"s/0": 2}, {})
    assert hanging.open(topic, 0) == []
    await checkpoints.close()
    lost._txn_manager._txn_partitions.clear()  # nobody asks it to abort what is aborted
    await lost.stop()


async def test_a_checkpoint_of_a_later_version_is_refused_with_the_version_to_start(
    kafka: str, topic: str
) -> None:
    async with process(kafka, topic) as one:
        await one.load("k")
        await one.save("k", Checkpoint({"s/0": 1}, {"p": b"abc"}))
    async with AIOKafkaProducer(bootstrap_servers=kafka) as later:
        marker = msgspec.msgpack.encode([FORMAT + 1, {"s/0": 2}, {}, "9.9.9", "what it has more"])
        await later.send_and_wait(topic, marker, key=b"k", partition=0)
    async with process(kafka, topic) as one:
        with pytest.raises(NewerStateError, match=r"the checkpoint k was written by uneri 9\.9\.9"):
            await one.load("k")


async def test_missing_pieces_are_refused_in_one_line(kafka: str, topic: str) -> None:
    async with process(kafka, topic) as one:
        await one.load("k")
        await one.save("k", Checkpoint({"s/0": 1}, {"p": b"abc"}))
    async with AIOKafkaProducer(bootstrap_servers=kafka) as vandal:
        await vandal.send_and_wait(topic, None, key=b"k|p|0", partition=0)
    async with process(kafka, topic) as other:
        with pytest.raises(StateError, match="the checkpoint k is damaged: its part 'p'"):
            await other.load("k")


async def test_what_goes_with_a_checkpoint_is_there_once_wherever_its_writer_dies(
    kafka: str, topic: str
) -> None:
    other = topics.unique("letters")
    topics.create(kafka, NewTopic(other, 1, 1))
    letters = [Emission(other, None, b"requests/3/%d" % offset, b"bad", once=True) for offset in range(3)]

    def dies(point: CrashPoint, _: str) -> None:
        if point is CrashPoint.WRITING:
            raise InterruptedError

    async def dying(at: CrashHook) -> None:
        dead = KafkaCheckpoints(FencedStore(topic, 1, {"bootstrap_servers": kafka}, at))
        await dead.load("rollup/3")
        with suppress(InterruptedError):
            await dead.save("rollup/3", Checkpoint({"requests/3": 3}), letters)
        await dead.close()

    await dying(dies)
    await dying(no_crash)
    async with process(kafka, topic) as one:
        found = await one.load("rollup/3")
    assert found is not None
    assert found.offsets == {"requests/3": 3}
    assert [record.key for record in topics.read(kafka, other)] == [letter.key for letter in letters]


async def test_a_writer_that_is_cancelled_at_any_moment_can_write_again(kafka: str, topic: str) -> None:
    writing: list[asyncio.Task[None]] = []

    def at(point: CrashPoint, _: str) -> None:
        if point is CrashPoint.WRITING and writing:
            asyncio.get_running_loop().call_later(delay, writing.pop().cancel)

    records = FencedStore(topic, 1, {"bootstrap_servers": kafka}, at)
    await records.take_over("rollup/0")
    try:
        for number in range(10):
            delay = number / 1000  # before its commit, within, or after
            task = asyncio.create_task(records.write("rollup/0", [("rollup/0", b"cancelled %d" % number)]))
            writing.append(task)
            await asyncio.gather(task, return_exceptions=True)
            await records.write("rollup/0", [("rollup/0", b"written %d" % number)])
        assert await records.peek("rollup/0") == {"rollup/0": b"written 9"}
    finally:
        await records.give_up("rollup/0")
