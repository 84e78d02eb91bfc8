"""Who waits when the log fills: the sender that fills it, and nobody else."""

import asyncio
import json
from pathlib import Path

import pytest

from config.settings import DeadLetterSettings, LocalSettings, Settings
from streams.drivers.local.line_inputs import Follow
from streams.drivers.local.log_intake import LogIntake
from streams.drivers.local.sqlite_store import SqliteStore
from streams.engine.decode.records import Records
from streams.engine.stages.checkpoint import Checkpoint
from streams.ingest.receivers.sender_shares import KEPT_SECONDS, SenderShares
from streams.ingest.receivers.tcp_receiver import TcpReceiver
from streams.process.web.request_body import BodyError
from streams.process.web.tokens import load_tokens
from tests.hand_clock import HandClock
from tests.streams.ingest.receivers.conftest import Serve, Serving
from tests.streams.ingest.receivers.test_otlp_receiver import GOOD_SPAN, traces
from tests.streams.ingest.receivers.test_sender_limits import LOUD, QUIET, TOKENS, good, post

MOST = 1000
SMALL = Settings(local=LocalSettings(backlog=MOST), dead_letters=DeadLetterSettings(stop=False))


class Queue:
    """A bounded queue that senders fill byte by byte."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.shares = SenderShares(self.clock)
        self.begin = self.end = 0

    def fill(self, *senders: str) -> list[int]:
        """Let senders bring bytes in turn until all of them wait; return how many each has brought."""
        brought = dict.fromkeys(senders, 0)
        waiting = set[str]()
        while len(waiting) < len(senders):
            for sender in senders:
                if self.must_wait(sender):
                    waiting.add(sender)
                else:
                    self.shares.add(sender, 1)
                    self.end += 1
                    brought[sender] += 1
        return list(brought.values())

    def must_wait(self, sender: str) -> bool:
        self.shares.forget_left(self.begin, self.end)
        held = self.end - self.begin
        return self.shares.must_wait(sender, held, MOST) or held == MOST


def test_who_is_alone_fills_all_of_it() -> None:
    assert Queue().fill("loud") == [MOST]


def test_beside_another_sender_who_fills_it_waits_and_the_other_does_not() -> None:
    queue = Queue()
    assert not queue.must_wait("quiet")
    assert queue.fill("loud") == [901]
    assert queue.must_wait("loud")
    assert not queue.must_wait("quiet")


def test_senders_that_all_fill_it_have_the_same_and_leave_room_to_a_new_one() -> None:
    queue = Queue()
    assert queue.fill("a", "b", "c") == [322, 322, 321]
    assert not queue.must_wait("new")


def test_room_is_kept_for_a_sender_for_ten_minutes_after_it_brought_something() -> None:
    queue = Queue()
    queue.must_wait("quiet")
    queue.fill("loud")
    queue.clock.now = KEPT_SECONDS
    assert queue.must_wait("loud")
    queue.clock.now += 1
    assert not queue.must_wait("loud")


def test_what_has_left_it_counts_no_longer() -> None:
    queue = Queue()
    queue.must_wait("quiet")
    queue.fill("loud")
    queue.begin = queue.end - 100
    assert not queue.must_wait("loud")


def test_of_several_who_all_wait_the_queue_is_full() -> None:
    queue = Queue()
    queue.fill("a", "b")
    assert queue.shares.must_all_wait(queue.end, MOST)
    queue.must_wait("quiet")
    assert not queue.shares.must_all_wait(queue.end, MOST)


async def fill(daemon: Serving) -> str:
    """Let the loud sender post until it is refused; return why."""
    while True:
        status, answer = await post(daemon, LOUD, map(good, range(100)))
        if status != 202:
            assert status == 503
            return str(answer["error"])


async def test_who_fills_the_log_waits_and_others_are_accepted_over_http(serve: Serve) -> None:
    async with serve(SMALL, TOKENS) as daemon:
        assert (await post(daemon, QUIET, [good()]))[0] == 202
        assert (await fill(daemon)).endswith(
            "801 records wait to be judged (local.backlog), and the rest is kept for other senders"
        )
        assert daemon.intake.why_full() is None, "the daemon is ready"
        for number in range(20):
            assert (await post(daemon, QUIET, [good(number)]))[0] == 202
        headers = {"Authorization": f"Bearer {QUIET}", "Content-Type": "application/json"}
        async with daemon.http.post(
            f"{daemon.url}/v1/traces", data=traces(GOOD_SPAN), headers=headers
        ) as answer:
            assert answer.status == 200
        daemon.intake.judged = daemon.store.end
        assert (await post(daemon, LOUD, [good()]))[0] == 202, "once its records are judged"


async def test_padded_records_count_by_their_size(store: SqliteStore) -> None:
    intake = LogIntake(store, Settings(local=LocalSettings(backlog_mib=64)))
    padded = Records.of([b'{"ts": 1760000000, "service": "shop", "x": "%s"}' % (b"x" * 1_000_000)])
    await intake.append([good()], sender="quiet")
    for _ in range(60):
        await intake.append(padded, sender="loud")
    with pytest.raises(BodyError, match=r"the log holds 57 MiB .*, and the rest is kept for other senders"):
        await intake.append(padded, sender="loud")
    await intake.append(padded, sender="quiet")
    store.save("engine", Checkpoint(), done=store.end)
    assert intake.why_full("loud") is None


async def test_who_fills_the_log_over_tcp_waits_and_others_do_not(store: SqliteStore) -> None:
    intake = LogIntake(store, SMALL)
    tokens = load_tokens(Settings().tokens, TOKENS)
    receiver = TcpReceiver("127.0.0.1:0", intake, Records.of_lines, lambda: tokens)
    port = await receiver.start()

    async def send(token: str) -> object:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"Bearer {token}\n".encode() + good() + b"\n")
        writer.write_eof()
        async with asyncio.timeout(10):
            answer = json.loads(await reader.readline())
        writer.close()
        return answer

    try:
        await intake.append([good()], sender="another")
        await intake.append([good()] * 950, sender=tokens.label(LOUD))
        loud = asyncio.create_task(send(LOUD))
        assert await send(QUIET) == {"accepted": 1}
        assert store.end == 952
        intake.judged = store.end
        assert await loud == {"accepted": 1}
    finally:
        await receiver.stop()


async def test_a_large_file_leaves_room_to_senders(tmp_path: Path, store: SqliteStore) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"a\n" * 950)
    intake = LogIntake(store, SMALL)
    await intake.append([good()], sender="quiet")
    following = asyncio.create_task(Follow(file, store, intake, poll=0.001).run())
    async with asyncio.timeout(10):
        while store.end < 951:
            await asyncio.sleep(0.001)
    with file.open("ab") as more:
        more.write(b"b\n")
    await intake.append([good()], sender="quiet")
    await asyncio.sleep(0.02)
    assert store.end == 952
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


async def test_what_was_in_the_log_before_a_restart_is_nobodys(store: SqliteStore) -> None:
    store.append([good()] * 950)
    intake = LogIntake(store, SMALL)
    for sender in ("loud", "quiet"):
        await intake.append([good()], sender=sender)
    assert intake.why_full("loud") is intake.why_full("quiet") is None
