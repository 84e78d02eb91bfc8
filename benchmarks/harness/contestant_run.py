"""Runs a contestant: a program that prints one line of JSON."""

import json
import os
import subprocess
import sys
import tempfile
from typing import Any, Final

from benchmarks.harness.report import ROOT

TIMEOUT: Final = 900.0  # seconds until an answer
LAST_WORDS: Final = 160  # characters


class FailedError(RuntimeError):
    """It gave no answer; the message has its last words."""


def ours(kind: str) -> list[str]:
    """Return the command of a contestant of our own; broker, topic, records and those that warm up follow."""
    return [sys.executable, "-m", "benchmarks.contestants.uneri", kind]


def run(command: list[str]) -> dict[str, Any]:
    """Run it in a scratch folder of its own, and return what it says.

    Raises
    ------
    FailedError
        When it said nothing, or not in time.
    """
    with tempfile.TemporaryDirectory(prefix="uneri-bench-") as scratch:
        try:
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=os.environ | {"TMPDIR": scratch, "JAVA_TOOL_OPTIONS": f"-Djava.io.tmpdir={scratch}"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise FailedError(f"no answer in {TIMEOUT:.0f} s") from error
    lines = done.stdout.splitlines()
    if not done.returncode and lines:
        result: dict[str, Any] = json.loads(lines[-1])
        return result
    said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    # A stack trace of Java says what happened in its first lines, one of Python in its last.
    cause = next((line for line in said if line.startswith(("Exception", "Caused by"))), "")
    raise FailedError((cause or (said[-1] if said else "it said nothing"))[:LAST_WORDS])
