"""CPU of an event by HTTP, from the socket to a block: received, checked, stored, read, decoded, rolled up.

    python -m benchmarks.http_path [--events N] [--body N] [--rounds N]

The receivers, the log and the rollup of the embedded daemon in one process; another one sends bodies of
native records, each as soon as the one before is durable. The clock starts when a first part has been judged;
what judges blocks and calls people is left out. The last lines say what some of the calls take alone.
"""

import argparse
import asyncio
import contextlib
import http.client
import multiprocessing
import tempfile
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np
from aiohttp import web

from benchmarks.processor_time import processor_time
from benchmarks.request_events import RATE, START, events
from config.settings import Settings
from streams.drivers.checkpointing import RUN_RECORDS
from streams.drivers.compile_ahead import prepare_process
from streams.drivers.local.log_intake import LogIntake
from streams.drivers.local.log_judge import SOURCE
from streams.drivers.local.sqlite_store import SqliteStore
from streams.engine.decode.decoder import Decoder
from streams.engine.decode.records import Records
from streams.engine.stages.rollup_engine import RollupEngine
from streams.ingest.receivers.checked_lines import check_lines
from streams.ingest.receivers.events_receiver import EventsReceiver
from streams.ingest.receivers.ingest_handler import IngestHandler

WARM: Final = 10  # of so many parts, the first warms up


def send(port: int, bodies: Sequence[bytes], steps: Connection) -> None:
    """Send bodies one after the other, after each word that says how many."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    at = 0
    while count := steps.recv():
        for body in bodies[at : at + count]:
            connection.request("POST", "/events", body)
            answer = connection.getresponse()
            said = answer.read()
            if answer.status != http.HTTPStatus.ACCEPTED:
                raise RuntimeError(f"{answer.status}: {said.decode()}")
        at += count
        steps.send(count)


class Way:
    """The way of events in this process."""

    def __init__(self, folder: Path) -> None:
        settings = Settings()
        self._judged = asyncio.Event()
        self.store = SqliteStore(folder / "uneri.db")
        self._intake = LogIntake(self.store, settings, self._now)
        self.engine = RollupEngine(settings, [SOURCE])
        self.judged = self.blocks = 0
        self.handler = IngestHandler(self._intake)

    def _now(self) -> float:
        """Return when the next event happens: events arrive as they happen."""
        return START + self.store.end / RATE

    async def judge(self) -> None:
        """Feed the rollup what arrives, as the daemon's judge does."""
        while True:
            self._intake.arrived.clear()
            if self.store.end == self.judged:
                await self._intake.arrived.wait()
                continue
            self.judged += await asyncio.to_thread(self._feed_next)
            self._intake.judged, self._intake.reached = self.judged, self.engine.watermark(SOURCE)
            self._judged.set()

    def _feed_next(self) -> int:
        run = self.store.read(self.judged, RUN_RECORDS)
        self.blocks += len(self.engine.feed(SOURCE, run.records, run.arrived).blocks)
        return len(run.records)

    async def until(self, records: int) -> None:
        """Wait until so many records are judged."""
        while self.judged < records:
            self._judged.clear()
            await self._judged.wait()


async def measured(bodies: Sequence[bytes], records: int) -> float:
    """Return the microseconds of CPU that one event takes."""
    with tempfile.TemporaryDirectory() as folder:
        way = Way(Path(folder))
        app = web.Application()
        app.add_routes(EventsReceiver(way.handler).routes())
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        judging = asyncio.create_task(way.judge())
        steps, theirs = multiprocessing.Pipe()
        sender = multiprocessing.get_context("spawn").Process(target=send, args=(port, bodies, theirs))
        sender.start()
        warm = len(bodies) // WARM
        each = records // len(bodies)
        loop = asyncio.get_running_loop()
        steps.send(warm)
        await loop.run_in_executor(None, steps.recv)
        await way.until(warm * each)
        before = processor_time()
        steps.send(len(bodies) - warm)
        await loop.run_in_executor(None, steps.recv)
        await way.until(records)
        used = processor_time() - before
        steps.send(0)
        await loop.run_in_executor(None, sender.join)
        judging.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await judging
        await runner.cleanup()
        way.store.close()
    return used / (records - warm * each) * 1e6


def alone(bodies: Sequence[bytes], each: int) -> dict[str, float]:
    """Return the microseconds an event of each call on the way that costs much."""
    split = [Records.of_lines(body) for body in bodies]
    future = Settings().time.future
    arrivals = [START + number * each / RATE for number in range(len(bodies))]
    decoder = Decoder()
    for records in split[:2]:
        decoder.decode(records, np.full(each, arrivals[0]))

    def cost(call: Callable[[Records, float], object]) -> float:
        before = processor_time()
        for records, arrived in zip(split, arrivals, strict=True):
            call(records, arrived)
        return (processor_time() - before) / (len(bodies) * each) * 1e6

    return {
        "split": cost(lambda records, _: Records.of_lines(records.buffer)),
        "check": cost(lambda records, arrived: check_lines(records, arrived, future)),
        "decode": cost(lambda records, arrived: decoder.decode(records, np.full(len(records), arrived))),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU of an event by HTTP, from socket to block")
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--body", type=int, default=1000, help="events of a body")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    prepare_process()
    made = events(given.events)
    bodies = [b"\n".join(made[at : at + given.body]) for at in range(0, len(made), given.body)]
    found = [asyncio.run(measured(bodies, len(made))) for _ in range(given.rounds)]
    print(f"{median(found):.2f} us an event ({', '.join(f'{each:.2f}' for each in found)})")
    for name, cost in alone(bodies, given.body).items():
        print(f"  {name}: {cost:.2f} us")


if __name__ == "__main__":
    main()
