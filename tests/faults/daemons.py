"""Daemon processes of a test: forked by the supervisor, killed by the test."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from config.settings import Settings

ROOT = Path(__file__).parent.parent.parent
EVERY = 0.25  # seconds between checkpoints: several per second


class Supervisor:
    """The process that forks daemons; a ``with`` block starts it, and ends it and all of them."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str]
        self._codes: dict[int, int] = {}
        self._children: set[int] = set()

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("supervisor.py")],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._read() == "ready"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._look()
        for pid in self._children - self._codes.keys():
            os.kill(pid, signal.SIGKILL)
        self._process.communicate(timeout=20)

    def start(self, settings: Settings, log: Path, **options: Any) -> "Daemon":
        """Start a daemon."""
        request = {"crash": None, "every": EVERY, "roles": None, "follow": [], "run": 300, **options}
        before = log.stat().st_size
        pid = int(self._ask({**request, "settings": settings.model_dump(mode="json"), "log": str(log)}))
        self._children.add(pid)
        return Daemon(self, pid, log, before)

    def code(self, pid: int) -> int | None:
        """Return the exit code, negative for a signal; None while it runs."""
        if pid not in self._codes:
            self._look()
        return self._codes.get(pid)

    def _look(self) -> None:
        self._codes |= {int(pid): code for pid, code in json.loads(self._ask("exits")).items()}

    def _ask(self, request: object) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


def catches_sigterm(pid: int) -> bool:
    """Whether a process handles SIGTERM, or has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:  # no such system, or it has ended
        return True
    mask = next((line.split()[1] for line in lines if line.startswith("SigCgt")), "0")
    return bool(int(mask, 16) >> (signal.SIGTERM - 1) & 1)


class Daemon:
    """One process that runs a daemon."""

    def __init__(self, supervisor: Supervisor, pid: int, log: Path, before: int) -> None:
        self._supervisor = supervisor
        self.pid = pid
        self.log = log
        self._before = before

    @property
    def code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._supervisor.code(self.pid)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal if it runs."""
        if self.code is None:
            os.kill(self.pid, number)

    def wait(self, seconds: float) -> int | None:
        """Return its exit code; None if it still runs after ``seconds``."""
        wait_until(lambda: self.code is not None, seconds, 0.01)
        return self.code

    def kill(self) -> bool:
        """Send SIGKILL; return False if it had ended before."""
        running = self.code is None
        self.signal(signal.SIGKILL)
        assert self.wait(10) is not None
        return running

    def stop(self) -> int | None:
        """Send SIGTERM once it handles that, however soon after its start; return its exit code."""
        self.handles_sigterm()
        self.signal(signal.SIGTERM)
        return self.wait(90)

    def output(self) -> str:
        """Return the log, including that of earlier daemons."""
        return self.log.read_text(errors="replace")

    def logged(self, text: str, seconds: float = 60) -> bool:
        """Wait until it has logged ``text``; return False if it ended first."""

        def found() -> bool:
            with self.log.open("rb") as log:
                log.seek(self._before)
                return text.encode() in log.read()

        return wait_until(lambda: found() or self.code is not None, seconds, 0.01) and found()

    def handles_sigterm(self, seconds: float = 60) -> bool:
        """Wait until it handles SIGTERM, or has ended; before that, the signal itself ends the process."""
        return wait_until(lambda: self.code is not None or catches_sigterm(self.pid), seconds, 0.02)

    def kill_at_random(self, draw: random.Random, started: str, longest: float) -> bool:
        """Kill it during its start (one time in four) or at work."""
        if draw.random() < 0.25:
            self.wait(draw.uniform(0.02, 1))
        else:
            self.logged(started)
            self.wait(draw.uniform(0, longest))
        return self.kill()

    def crashed(self, seconds: float = 60) -> bool:
        """Wait until it has passed its crash point; return False if it has not."""
        return self.wait(seconds) == -signal.SIGKILL


def wait_until(condition: Callable[[], bool], seconds: float, pause: float = 0.05) -> bool:
    """Return whether the condition came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True
