"""From an empty folder to the first true page: history first, then live records, in real time."""

import time
import urllib.request
from pathlib import Path

from streams.simulate.scenario_load import load_scenario
from streams.simulate.simulation import Simulation
from tests.alerting.slack_standin import SlackStandin
from tests.main_job.job import HERE, daemon, free_port, status, uneri, wait_until, write_config

DAYS = 15
HAMMER = 80  # seconds after the daemon is there
PAGED_WITHIN = 240  # seconds of the hammer's start; two steps must pass, and the lateness


def test_who_brings_history_is_paged_minutes_after_the_install(slack: SlackStandin, tmp_path: Path) -> None:
    begun = time.time()
    port = free_port()
    config = write_config(
        tmp_path / "uneri.yaml",
        slack,
        local={"listen": f"127.0.0.1:{port}", "state": str(tmp_path / "state")},
        notify={},
    )
    start = int(begun) // 60 * 60 - DAYS * 86400
    scenario = tmp_path / "backend.yaml"
    text = (HERE / "backend.yaml").read_text()
    for old, new in (
        ("2025-09-01T00:00:00Z", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(start))),
        ("15d14h", f"{DAYS}d30m"),
        ("at: 15d13h", f"at: {DAYS * 86400 + 60 + HAMMER}s"),
    ):
        assert old in text
        text = text.replace(old, new)
    scenario.write_text(text)
    lines = [line for _, lines in Simulation(load_scenario(scenario)).lines() for line in lines]
    stamps = [float(line.split(b'"ts":', 1)[1].split(b",", 1)[0]) for line in lines]
    cut = next(at for at, stamp in enumerate(stamps) if stamp > begun)
    (tmp_path / "history.ndjson").write_bytes(b"\n".join(lines[:cut]))
    learnt = uneri("backfill", tmp_path / "history.ndjson", "--config", config)
    assert learnt.returncode == 0, learnt.stderr
    hammered = start + DAYS * 86400 + 60 + HAMMER
    with daemon(config):
        wait_until(lambda: bool(status(port)), "the start")
        while not any(message.channel == "C0UNERI" for message in slack.messages):
            assert time.time() < hammered + PAGED_WITHIN
            due = next(at for at, stamp in enumerate(stamps) if stamp > time.time())
            if due > cut:
                body = b"\n".join(lines[cut:due])
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/events", body, 20) as answer:
                    assert answer.status == 202
                cut = due
            time.sleep(1)
        paged = time.time()
        assert not status(port).get("learning")
    (page,) = [message for message in slack.messages if message.channel == "C0UNERI" and not message.thread]
    assert "table items" in page.blocks[0]["text"]["text"]
    assert "inventory-put-item" in str(page.blocks)
    assert paged >= hammered
    assert paged - begun < 600
