"""The embedded daemon writes its history whole, however often it is killed."""

import asyncio
import json
import signal
import sys
from pathlib import Path

from tests.streams.drivers.local.hours_of_history import (
    END,
    expected,
    given,
    lines,
    same,
    written,
)
from tests.streams.drivers.world import Client

UNERI = Path(sys.executable).with_name("uneri")


async def test_killed_again_and_again_it_writes_what_one_that_never_stopped_would(
    tmp_path: Path,
) -> None:
    state, config = tmp_path / "state", tmp_path / "uneri.yaml"
    config.write_text(json.dumps(given(state).model_dump(mode="json", exclude_unset=True)))
    parts = [lines()[first : first + 367] for first in range(0, len(lines()), 367)]
    for number, part in enumerate(parts):
        daemon = await asyncio.create_subprocess_exec(
            *(UNERI, "run", "--config", config),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(180):
                client = Client(await said(daemon))
                await client.post(part)
                while (await client.status())["lag"]:
                    await asyncio.sleep(0.02)
                if number == len(parts) - 1:
                    while (await client.status())["history_until"] < END:
                        await asyncio.sleep(0.05)
        finally:
            daemon.send_signal(signal.SIGKILL)
            await daemon.wait()
    same(written(state), expected())


async def said(daemon: asyncio.subprocess.Process) -> str:
    """Return where a daemon takes events in."""
    assert daemon.stderr is not None
    while line := (await daemon.stderr.readline()).decode():
        sys.stderr.write(line)  # shown when a test fails
        if "accepting events" in line:
            return line.rpartition("url=")[2].split("/events")[0]
    raise AssertionError("the daemon ended")
