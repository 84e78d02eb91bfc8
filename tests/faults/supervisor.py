"""A process supervisor that forks daemons with everything imported and compiled, to save their start-up time.

python supervisor.py

Reads one JSON object per line: {"settings": …, "log": path, "crash": [point, key, n] or null, …}, forks, and
answers with the process id. The child is a real process that runs the real daemon in its own memory; it
shares only imported and compiled code. Answers "exits" with the exit codes since the last such request.
"""

import asyncio
import gc
import json
import os
import signal
import sys
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from config.settings import JudgeSettings, Settings
from streams.drivers.checkpointing import RunOptions
from streams.drivers.kafka import app as kafka_app
from streams.drivers.kafka import daemon as kafka_daemon
from streams.drivers.kafka.board import history_keeping, steps_reader  # noqa: F401 - a test changes their constants
from streams.drivers.local import daemon as local_daemon
from streams.drivers.local import log_judge
from streams.engine.decode.rejected import Rejected
from streams.engine.rollup.blocks.block import Block
from streams.engine.rollup.blocks.block_codec import encode_block
from streams.engine.stages.detection_engine import Emitted
from streams.engine.stages.engine import Engine
from streams.process.crash_points import CrashPoint, no_crash
from streams.record.history import history_writer  # noqa: F401 - here too
from tests.faults.traffic import traffic

FETCH_BYTES = 24 * 1024  # of the small input: a partition takes many chunks


class CrashAt:
    """Kills the process when it passes a crash point for the n-th time: nothing is cleaned up."""

    def __init__(self, point: str, key: str, times: int) -> None:
        self._point = CrashPoint(point)
        self._key = key
        self._times = times

    def __call__(self, point: CrashPoint, key: str) -> None:
        if point is self._point and key.startswith(self._key):
            self._times -= 1
            if self._times <= 0:
                os.kill(os.getpid(), signal.SIGKILL)


class RecordingEngine(Engine):
    """An engine that records every block and finding; the local driver does not store them."""

    def judge(self, blocks: Sequence[Block], rejected: Iterable[Rejected] = ()) -> Emitted:
        emitted = super().judge(blocks, rejected)
        lines: list[list[Any]] = [["block", encode_block(block).hex()] for block in emitted.blocks]
        confirmed = emitted.findings if emitted.blocks else ()  # early ones are a function of the clock
        lines += [["finding", finding.id, finding.revision, repr(finding)] for finding in confirmed]
        with open(os.environ["UNERI_TEST_TAP"], "ab", buffering=0) as tap:  # noqa: PTH123 - one write, whole
            tap.write(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
        return emitted


def warm_up() -> None:
    """Load the compiled judge."""
    settings = Settings(judge=JudgeSettings(young=3600))
    engine = Engine(settings, ["r/0"], 2)
    given = traffic(0, 1)
    engine.feed("r/0", given.partitions[0], given.arrived[0])
    engine.finish("r/0")
    Engine(settings, ["r/0"], 2).restore(engine.snapshot())


def run_daemon(request: dict[str, Any]) -> int:
    """Run a daemon; return its exit code."""
    os.environ.update(request.get("environment", {}))
    settings = Settings.model_validate(request["settings"])
    at = CrashAt(*request["crash"]) if request["crash"] else no_crash
    options = RunOptions(every=request["every"], at=at)
    if settings.kafka is not None:
        os.environ["UNERI_WORKER"] = request.get("worker", "")
        changed = {"FETCH_BYTES": request.get("fetch") or FETCH_BYTES}
        if "session" in request:
            changed |= {"SESSION_SECONDS": request["session"], "HEARTBEAT_SECONDS": request["session"] / 5}
        vars(kafka_app).update(changed)
        for module, name, value in request.get("constants", ()):
            vars(sys.modules[module])[name] = value
        return kafka_daemon.run_kafka(settings, request["roles"], options=options)
    vars(log_judge)["Engine"] = RecordingEngine
    os.environ["UNERI_TEST_TAP"] = request["tap"]
    follow = [Path(path) for path in request["follow"]]
    return local_daemon.run_local(
        settings,
        follow,
        None,
        clock=lambda: request["now"],
        options=options._replace(run_records=request["run"]),
    )


def run_child(request: dict[str, Any]) -> None:
    """Run in the child; never returns."""
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    code = 1
    try:
        code = run_daemon(request)
    except BaseException:
        traceback.print_exc()  # the process ends before anything else reports it
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def exits() -> dict[int, int]:
    """Return the exit codes of the children that ended."""
    found: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if not pid:
            return found
        found[pid] = os.waitstatus_to_exitcode(status)


def answer(text: str) -> None:
    """Write one line to standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> None:
    """Answer until standard input ends."""
    asyncio.set_event_loop(None)
    warm_up()
    gc.collect()
    gc.freeze()
    answer("ready")
    for line in sys.stdin:
        request = json.loads(line)
        if request == "exits":
            answer(json.dumps(exits()))
            continue
        pid = os.fork()
        if not pid:
            run_child(request)
        answer(str(pid))


if __name__ == "__main__":
    main()
