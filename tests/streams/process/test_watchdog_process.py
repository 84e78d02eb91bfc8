"""A stuck process dumps its stacks and exits; one that waits or is idle does not."""

import asyncio
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from streams.process.watchdog import POLL_SECONDS, UNOBSERVED_SECONDS, StallDetector, Watchdog, guard
from tests.hand_clock import HandClock

ROOT = Path(__file__).parents[3]


def observed(seconds: int, *, position: object = 5, saved: object = 5, paused: bool = False) -> StallDetector:
    """Observe a reader every two seconds; it was at 5 before, with a checkpoint."""
    one = StallDetector("rollup/3", 0)
    one.observe(0, 5, 5)
    for now in range(2, seconds + 1, 2):
        one.observe(now, position, saved)
        if paused:
            one.reset_progress(now)
    return one


def test_a_reader_that_reads_nothing_although_records_wait_is_stuck() -> None:
    assert observed(44).stuck(44) is None
    assert observed(46).stuck(46) == "rollup/3 has read nothing for 46 s although records are waiting"


def test_a_reader_that_is_idle_or_paused_is_not_stuck() -> None:
    assert observed(600, paused=True).stuck(600) is None


def test_a_reader_that_writes_no_checkpoint_is_stuck() -> None:
    one = StallDetector("rollup/3", 0)
    one.observe(0, 5, 5)
    for now in range(2, 60, 2):
        one.observe(now, 5 + now, 5)
    assert one.stuck(58) == "rollup/3 has written no checkpoint for 58 s"
    one.observe(60, 65, 65)
    assert one.stuck(60) is None


def test_time_without_an_answer_from_the_broker_does_not_count() -> None:
    one = observed(40, position=6)
    for now in range(42, 600, 2):
        one.observe(now, 6, 5)
        one.reset(now)
    assert one.stuck(600) is None
    for now in range(600, 648, 2):
        one.observe(now, 6, 5)
    assert one.stuck(646) is not None


def test_time_without_a_check_does_not_count() -> None:
    one = observed(40)
    one.observe(40 + 300, 5, 5)  # one long chunk held the event loop
    assert one.stuck(340) is None
    assert UNOBSERVED_SECONDS < 300


def passed(dog: Watchdog, clock: HandClock, seconds: float) -> str | None:
    """Let time pass in which the watchdog runs; return its last reason to end the process."""
    reason = None
    for _ in range(int(seconds / POLL_SECONDS)):
        clock.now += POLL_SECONDS
        reason = dog.poll()
    return reason


def test_a_loop_without_heartbeat_is_stuck_and_one_with_a_heartbeat_is_not() -> None:
    clock = HandClock(100.0)
    dog = Watchdog(50, clock)
    assert passed(dog, clock, 49) is None
    dog.heartbeat()
    assert passed(dog, clock, 49) is None
    assert passed(dog, clock, 2) == "the event loop has not turned for 50 s"


@pytest.mark.parametrize("resumed", ["loop", "watchdog"])
def test_time_in_which_the_whole_process_was_paused_does_not_count(resumed: str) -> None:
    clock = HandClock(100.0)
    dog = Watchdog(50, clock)
    dog.stop_within(120)
    for _ in range(5):
        clock.now += 3600
        if resumed == "loop":
            dog.heartbeat()
        assert dog.poll() is None
    assert passed(dog, clock, 100) is None
    assert "the stop took too long" in str(passed(dog, clock, 20))


def test_a_loop_that_hangs_after_a_pause_is_found_as_soon_as_ever() -> None:
    clock = HandClock(100.0)
    dog = Watchdog(50, clock)
    clock.now += 3600
    dog.heartbeat()
    assert passed(dog, clock, 49) is None
    assert passed(dog, clock, 2) == "the event loop has not turned for 50 s"


def test_a_stop_has_a_deadline() -> None:
    clock = HandClock(100.0)
    dog = Watchdog(50, clock)
    dog.stop_within(25)
    assert "the stop took too long" in str(passed(dog, clock, 26))


def test_a_process_that_stops_needs_no_heartbeat() -> None:
    clock = HandClock(100.0)
    dog = Watchdog(50, clock)
    dog.stop_within(60)
    assert passed(dog, clock, 59) is None


def test_a_stop_is_asked_for_again_in_vain() -> None:
    clock = HandClock(100.0)
    dog = Watchdog(50, clock)
    dog.stop_within(25)
    passed(dog, clock, 20)
    dog.heartbeat()
    dog.stop_within(25)
    assert "the stop took too long" in str(passed(dog, clock, 6))


async def test_the_guard_sends_heartbeats_while_a_check_waits_and_reports_its_result() -> None:
    clock = HandClock(100.0)
    dog = Watchdog(50, clock)
    answer = asyncio.Event()

    async def check() -> str | None:
        await answer.wait()
        return "rollup/3 hangs"

    guarding = asyncio.create_task(guard(dog, check, every=0.0))
    await asyncio.sleep(0)  # the first heartbeat
    assert passed(dog, clock, 60) is not None
    async with asyncio.timeout(10):
        while dog.poll() is not None:  # until the next heartbeat
            await asyncio.sleep(0.01)
        answer.set()
        while dog.poll() is None:
            await asyncio.sleep(0.01)
    assert dog.poll() == "rollup/3 hangs"
    guarding.cancel()


GUARDED = """
import asyncio, os, signal, time
from streams.process.watchdog import Watchdog, guard

async def nothing():
    return None

async def guarded(timeout, then):
    dog = Watchdog(timeout=timeout)
    dog.start()
    task = asyncio.create_task(guard(dog, nothing))
    await asyncio.sleep(0.1)
    await then()
"""

PAUSED = f"""{GUARDED}
async def pauses():
    for _ in range(2):
        print("ready", flush=True)
        os.kill(os.getpid(), signal.SIGSTOP)
        await asyncio.sleep(0.1)
    await asyncio.sleep(2)
    print("alive", flush=True)

asyncio.run(guarded(3.0, pauses))
"""


def test_a_process_that_was_stopped_and_goes_on_is_not_stuck() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PAUSED], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        for _ in range(2):
            assert running.stdout.readline() == b"ready\n"
            time.sleep(4)  # more than the timeout: time itself is what is tested
            running.send_signal(signal.SIGCONT)
        out, err = running.communicate()
    assert (out, running.returncode) == (b"alive\n", 0), err.decode()


LOOP = f"""{GUARDED}
def hang_here():
    time.sleep(600)

async def hangs():
    hang_here()

asyncio.run(guarded(1.0, hangs))
"""

ENGINE = """
import asyncio, sys, threading
from streams.engine.stages.engine import Engine
from config.settings import Settings
from streams.drivers.checkpointing import RunOptions
from streams.drivers.local.daemon import LocalDaemon
from streams.process.watchdog import Watchdog

def engine_hangs_here(*_):
    threading.Event().wait()

Engine.feed = engine_hangs_here

async def main():
    dog = Watchdog()
    settings = Settings.model_validate_json(sys.argv[1])
    daemon = LocalDaemon(settings, watchdog=dog, options=RunOptions(stuck=1.0))
    dog.start()
    await daemon._intake.append_read([b'{"ts": 1760000000, "service": "shop"}'])
    await daemon.run()

asyncio.run(main())
"""

KAFKA = """
import asyncio, os, signal, threading
from config.settings import Settings
from streams.drivers.kafka import daemon
from streams.process.watchdog import Watchdog
from streams.process.web import http_server

def hangs_here(*_):
    threading.Event().wait()

def client_hangs_here(*_):
    os.kill(os.getpid(), signal.SIGTERM)
    hangs_here()

async def answers(*_):
    return True

async def only_a_thread_is_left(*_):
    asyncio.get_running_loop().run_in_executor(None, client_hangs_here)
    await asyncio.sleep(0.5)

def fails(*_):
    raise ZeroDivisionError

async def cleans_up_for_ever(*_):
    await asyncio.to_thread(hangs_here)

Watchdog.stop_within.__defaults__ = (1.0,)
daemon.prepare_process = lambda *_: None
daemon.wait_for_kafka = answers
daemon.KafkaDaemon._verified = client_hangs_here
%s
daemon.run_kafka(Settings(kafka={"brokers": ["127.0.0.1:1"]}, web={"listen": "127.0.0.1:0"}))
"""


@pytest.mark.parametrize(
    ("program", "why", "where"),
    [
        (LOOP, "the event loop has not turned for 1 s", "hang_here"),
        (ENGINE, "the engine has read nothing for", "engine_hangs_here"),
        (KAFKA % "", "the stop took too long", "client_hangs_here"),
        (
            KAFKA % "daemon.KafkaDaemon.run = only_a_thread_is_left",
            "the stop took too long",
            "client_hangs_here",
        ),
        (
            KAFKA % "daemon.KafkaDaemon._verified, http_server.HttpServer.stop = fails, cleans_up_for_ever",
            "the stop took too long",
            "hangs_here",
        ),
    ],
    ids=["its event loop", "its engine", "its start", "its end", "its failure"],
)
def test_a_process_that_hangs_dumps_its_stacks_and_ends(
    program: str, why: str, where: str, tmp_path: Path
) -> None:
    settings = '{"local": {"listen": "127.0.0.1:0", "state": "%s"}}' % (tmp_path / "state")
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), settings],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,  # a busy machine imports for a minute
        check=False,
    )
    assert ended.returncode == 1, ended.stderr
    assert f"uneri: {why}" in ended.stderr
    assert f"in {where}" in ended.stderr
