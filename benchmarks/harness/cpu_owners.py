"""Names the owners of the CPU time of a process: a thread's clock is read where a part begins or ends.

Nothing is sampled. The entry points of each part are wrapped; the time of a thread between two of them
belongs to the part that was entered last. A chunk has thousands of records and passes some thirty of them,
so that they cost little. Callbacks of an event loop belong to the package whose coroutine they run, unless it
enters a part. Time without an entry point has no owner, and is shown as such.
"""

import asyncio
import functools
import gc
import importlib
import inspect
import resource
import selectors
import threading
import time
from asyncio import base_events, events, selector_events
from collections import Counter
from collections.abc import Callable, Generator
from types import FunctionType
from typing import Any, Final

LOOP: Final = "event loop"
WAITING: Final = "event loop: polling the kernel"
GARBAGE: Final = "garbage collector"
HOST: Final = "stage host"
OTHERS: Final = "other coroutines"

ENTRY_POINTS: Final = {
    "socket, receiving": ("asyncio.selector_events:_SelectorSocketTransport._read_ready",),
    "socket, sending": (
        "asyncio.selector_events:_SelectorSocketTransport.write",
        "asyncio.selector_events:_SelectorSocketTransport._write_ready",
    ),
    "lane: chunks of what was fetched": (
        "streams.ingest.batch_consumer.chunk_records:ChunkRecords.__next__",
        "streams.ingest.batch_consumer.batch_consumer:merged",
        "streams.drivers.kafka.stage_host:pieces",
    ),
    "decode": ("streams.engine.decode.decoder:Decoder.decode",),
    "formats: payloads to records": ("streams.ingest.formats.inputs:Input.lines",),
    "rollup: repeats": ("streams.engine.rollup.duplicates:Duplicates.first_seen",),
    "rollup: adding": ("streams.engine.rollup.open_buckets:OpenBuckets.add",),
    "rollup: joining": ("streams.engine.rollup.joining:Joining.feed",),
    "rollup: the rest": ("streams.engine.rollup.rollup:Rollup.feed",),
    "blocks": (
        "streams.engine.rollup.blocks.block_maker:BlockMaker.blocks",
        "streams.engine.rollup.open_buckets:OpenBuckets.pop_closed",
        "streams.engine.rollup.open_buckets:OpenBuckets.pop_late",
    ),
    "encode": ("streams.drivers.kafka.stages:encode_block",),
    "rollup stage": ("streams.drivers.kafka.stages:RollupStage.feed",),
    HOST: ("streams.drivers.kafka.stage:StageRunner.feed", "streams.drivers.kafka.stage:StageRunner.tick"),
    "send": ("streams.drivers.kafka.hosted_partition:Clients.send",),
    "checkpoint": (
        "streams.drivers.kafka.stages:RollupStage.snapshot",
        "streams.drivers.kafka.checkpoints.checkpoints:KafkaCheckpoints.save",
        "streams.process.machine:Heap.give_back",
    ),
}
PACKAGES: Final = {
    "aiokafka": "Kafka client (aiokafka)",
    "faust": "Faust",
    "mode": "Faust",
    "streams": HOST,
    "benchmarks": HOST,
}


class _Thread(threading.local):
    """The parts that a thread is in, innermost last, and since when."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.since = 0


class CpuOwners:
    """Wraps the entry points; from ``start`` to ``stop`` it adds up the time of each owner."""

    def __init__(self) -> None:
        self.absent: list[str] = []  # entry points that are gone
        self._spent: Counter[str] = Counter()  # nanoseconds
        self._thread = _Thread()
        self._running = False
        self._began = self._took = 0.0
        self._of_code: dict[Any, str] = {}
        for owner, names in ENTRY_POINTS.items():
            for name in names:
                self._wrap(name, owner)
        self._wrap_loop()

    def start(self) -> None:
        """Begin to count."""
        self._spent.clear()
        self._began = _process_seconds()
        self._thread.since = time.thread_time_ns()
        self._running = True

    def stop(self) -> None:
        """End, and count what the part that is under way has spent."""
        self._leave_and_enter()
        self._running = False
        self._took = _process_seconds() - self._began

    def shares(self) -> dict[str, float]:
        """Return the share of the CPU time of each owner, largest first; the rest of 1 has none."""
        return {name: spent / 1e9 / self._took for name, spent in self._spent.most_common() if spent}

    def _leave_and_enter(self) -> None:
        """Charge the innermost part with what the thread spent since the last entry point."""
        thread, now = self._thread, time.thread_time_ns()
        if self._running and thread.parts:
            self._spent[thread.parts[-1]] += now - thread.since
        thread.since = now

    def _enter(self, owner: str) -> None:
        self._leave_and_enter()
        self._thread.parts.append(owner)

    def _leave(self) -> None:
        self._leave_and_enter()
        self._thread.parts.pop()

    def _wrap(self, entry: str, owner: str) -> None:
        module, _, path = entry.partition(":")
        *outer, name = path.split(".")
        try:
            holder = functools.reduce(getattr, outer, importlib.import_module(module))
            found = getattr(holder, name)
        except (ImportError, AttributeError):
            self.absent.append(entry)
            return
        setattr(holder, name, self._timed(found, owner))

    def _timed(self, work: Callable[..., Any], owner: str) -> Callable[..., Any]:
        enter, leave = self._enter, self._leave

        @functools.wraps(work)
        def called(*words: Any, **named: Any) -> Any:
            enter(owner)
            try:
                return work(*words, **named)
            finally:
                leave()

        @functools.wraps(work)
        def stepped(*words: Any, **named: Any) -> Generator[Any, Any, Any]:
            yield from self._steps(work(*words, **named), owner)

        @functools.wraps(work)
        async def awaited(*words: Any, **named: Any) -> Any:
            return await _Awaitable(self._steps(work(*words, **named).__await__(), owner))

        if inspect.iscoroutinefunction(work):
            return awaited
        return stepped if inspect.isgeneratorfunction(work) else called

    def _steps(self, work: Any, owner: str) -> Generator[Any, Any, Any]:
        """Run a generator, and count its steps but not what happens between them."""
        given: Any = None
        error: BaseException | None = None
        while True:
            self._enter(owner)
            try:
                found = work.send(given) if error is None else work.throw(error)
            except StopIteration as end:
                return end.value
            finally:
                self._leave()
            given = error = None
            try:
                given = yield found
            except GeneratorExit:
                work.close()
                raise
            except BaseException as thrown:  # noqa: BLE001 - it is for the wrapped one
                error = thrown

    def _wrap_loop(self) -> None:
        """Name what an event loop does: its own work, its polling, and its callbacks."""
        enter, leave, thread = self._enter, self._leave, self._thread
        run_handle = events.Handle._run  # noqa: SLF001
        run_once = base_events.BaseEventLoop._run_once  # type: ignore[attr-defined]  # noqa: SLF001

        def handle(self: events.Handle) -> None:
            enter(owner_of(self._callback))  # type: ignore[attr-defined] # asyncio keeps it
            try:
                run_handle(self)
            finally:
                leave()

        def once(self: base_events.BaseEventLoop) -> None:
            if not thread.parts:
                enter(LOOP)  # for good: a loop does nothing else between two turns
            run_once(self)

        owner_of = self._owner_of
        events.Handle._run = handle  # type: ignore[method-assign]  # noqa: SLF001
        base_events.BaseEventLoop._run_once = once  # type: ignore[attr-defined]  # noqa: SLF001
        selector = selectors.DefaultSelector
        selector.select = self._timed(selector.select, WAITING)  # type: ignore[method-assign]
        gc.callbacks.append(lambda phase, _: enter(GARBAGE) if phase == "start" else leave())

    def _owner_of(self, callback: Any) -> str:
        """Return whose a callback is: that of the package of its coroutine, else of its function."""
        task = getattr(callback, "__self__", None)
        if isinstance(task, asyncio.Task):
            work = task.get_coro()
            code = getattr(work, "cr_code", None) or getattr(work, "gi_code", None)
        else:
            function = getattr(callback, "func", callback)
            function = getattr(function, "__func__", function)
            code = function.__code__ if isinstance(function, FunctionType) else None
        if code is None:
            return LOOP
        if code not in self._of_code:
            self._of_code[code] = _package_of(code.co_filename)
        return self._of_code[code]


class _Awaitable:
    def __init__(self, steps: Generator[Any, Any, Any]) -> None:
        self._steps = steps

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._steps


def _package_of(file: str) -> str:
    if file in {module.__file__ for module in (base_events, events, selector_events)}:
        return LOOP
    parts = file.split("/")
    return next((owner for name, owner in PACKAGES.items() if name in parts), OTHERS)


def _process_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
