"""A contestant as a process: started for every round, or kept, where it must stay warm."""

import json
import os
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parent.parent
SCRATCH = ROOT / ".bench" / "tmp"  # state folders of contestants: gone with the contest
TIMEOUT = 900.0  # seconds until an answer
LAST_WORDS = 160  # characters


class FailedError(RuntimeError):
    """It gave no answer; the message has its last words."""


class Program:
    """Gives one line of JSON when it has run; a kept one gives another for every line that it is sent."""

    def __init__(self, command: list[str], *, kept: bool) -> None:
        self._command = command
        self._kept = kept
        self._process: subprocess.Popen[str] | None = None
        self._words: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - closed with it

    def run(self) -> dict[str, Any]:
        """Run once and return its result.

        Raises
        ------
        FailedError
            When it printed nothing, or not in time.
        """
        process = self._process
        again = process is not None
        if process is None:
            process = self._process = subprocess.Popen(  # noqa: S603 - our own
                self._command,
                cwd=ROOT,
                env=os.environ | {"TMPDIR": str(SCRATCH)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._words,
                text=True,
            )
        try:
            return self._answer(process, again=again)
        finally:
            if not self._kept:
                self.close()

    def _answer(self, process: "subprocess.Popen[str]", *, again: bool) -> dict[str, Any]:
        assert process.stdin is not None  # noqa: S101 - both are pipes
        assert process.stdout is not None  # noqa: S101
        late = threading.Timer(TIMEOUT, process.kill)
        late.start()
        try:
            if again:
                process.stdin.write("again\n")
                process.stdin.flush()
            line = process.stdout.readline()
            if not line:
                process.wait()
                raise FailedError(self._last_words())
            result: dict[str, Any] = json.loads(line)
        except (OSError, ValueError) as error:
            raise FailedError(f"{error}; {self._last_words()}") from error
        finally:
            late.cancel()
        return result

    def _last_words(self) -> str:
        self._words.seek(0)
        said = [line.strip() for line in self._words.read().splitlines() if line.strip()]
        # A stack trace of Java says what happened in its first lines, one of Python in its last.
        cause = next((line for line in said if line.startswith(("Exception", "Caused by"))), "")
        return (cause or (said[-1] if said else "it said nothing"))[:LAST_WORDS]

    def close(self) -> None:
        """End it: by itself when it has nothing more to read, else by force."""
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
