"""The image's health check sees whichever driver its command started."""

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path

from config.settings import Settings
from streams.drivers.local.daemon import LocalDaemon
from streams.process.watchdog import Watchdog
from tests.streams.drivers.world import local_settings, running

DOCKERFILE = (Path(__file__).parents[3] / "Dockerfile").read_text(encoding="utf-8")


def command() -> list[str]:
    (found,) = re.findall(r"^HEALTHCHECK (?:.|\\\n)*?CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    words: list[str] = json.loads(found)
    assert words[0] == "python"
    return [sys.executable, *words[1:]]


def test_it_asks_at_the_default_ports_of_both_drivers() -> None:
    defaults = {Settings().local.listen, Settings().web.listen}
    ports = [word for word in command() if word.isdigit()]
    assert {f"127.0.0.1:{port}" for port in ports} == defaults
    (exposed,) = re.findall(r"^EXPOSE (.*)$", DOCKERFILE, re.MULTILINE)
    assert set(exposed.split()) == set(ports)


async def test_the_command_of_the_image_tells_a_healthy_daemon_from_a_stuck_one(
    tmp_path: Path, closed_port: int
) -> None:
    watchdog = Watchdog()
    daemon = LocalDaemon(local_settings(tmp_path / "state"), watchdog=watchdog)
    async with running(daemon):
        local, web = (section.listen.rpartition(":")[2] for section in (Settings().local, Settings().web))
        ports = {local: str(daemon.port), web: str(closed_port)}  # another daemon may have the default one
        ours = [ports.get(word, word) for word in command()]
        healthy = await asyncio.to_thread(subprocess.run, ours, capture_output=True, check=False)
        assert (healthy.returncode, healthy.stderr) == (0, b"")
        watchdog.report_stuck("the engine hangs")
        stuck = await asyncio.to_thread(subprocess.run, ours, capture_output=True, check=False)
        assert stuck.returncode == 1
        assert b"the engine hangs" in stuck.stderr
