import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from detectors.state.state import pack
from streams.drivers.local.daemon import LocalDaemon, StartError
from streams.drivers.local.sqlite_store import SqliteStore
from streams.engine.stages.checkpoint import Checkpoint
from streams.offline.simulate.scenario_load import load_scenario
from streams.offline.simulate.simulation import Simulation
from streams.process.watchdog import Watchdog
from tests.streams.cli import forked
from tests.streams.drivers.world import kept, local_settings, never_hurry, running
from tests.streams.engine.decode.malformed_corpus import CORPUS


def daemon_of(state: Path, **inputs: Any) -> LocalDaemon:
    return LocalDaemon(local_settings(state, dead_letters={"share": 0.5}), **inputs)


@pytest.fixture(scope="module")
def hours() -> list[bytes]:
    simulation = Simulation(load_scenario("demo"))
    return [line for _, _, lines in simulation.lines(None, simulation.start + 3 * 3600) for line in lines]


async def test_a_clean_restart_loses_nothing_and_changes_nothing(
    tmp_path: Path, hours: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    never_hurry(monkeypatch)

    def later() -> float:
        return 1_800_000_000.0

    async with running(daemon_of(tmp_path / "whole", clock=later)) as world:
        await world.post(hours)
    third = len(hours) // 3
    for part in (hours[:third], hours[third : 2 * third], hours[2 * third :]):
        async with running(daemon_of(tmp_path / "restarted", clock=later)) as world:
            await world.post(part)
    whole, restarted = kept(tmp_path / "whole"), kept(tmp_path / "restarted")
    assert whole is not None
    assert whole.offsets == {"local/0": len(hours)}
    assert restarted == whole


async def test_a_restarted_daemon_says_how_far_it_is_before_anything_comes(
    tmp_path: Path, hours: list[bytes]
) -> None:
    seen = []
    for lines in (hours, []):
        async with running(daemon_of(tmp_path)) as world, asyncio.timeout(240):
            assert lines or '"watermark":null' not in (await world.get("/status"))[1]
            if lines:
                assert '"watermark":null' in (await world.get("/status"))[1]
                await world.post(lines)
            await world.judged()
            seen.append(json.loads((await world.get("/status"))[1])["watermark"])
    assert seen[0] == seen[1] > 1_700_000_000


async def test_bad_records_are_dead_lettered_and_the_good_ones_around_them_counted(tmp_path: Path) -> None:
    good = b'{"ts": %d, "service": "shop"}'
    lines = []
    for number, (bad, _) in enumerate(CORPUS):
        if bad.strip() and b"\n" not in bad:  # over HTTP a line end ends the record
            lines += [good % (1_760_000_000 + number), bad.rstrip(b"\r")]
    async with running(daemon_of(tmp_path)) as world:
        await world.post(lines)
        await world.judged()
        status, metrics = await world.get("/metrics")
        assert status == 200
    with SqliteStore(tmp_path / "uneri.db") as store:
        dead = store.dead_letters()
    assert len(dead) == len(lines) // 2 >= 50
    assert all(offset % 2 for _, offset, *_ in dead), "every other line is good"
    assert f"uneri_records_total {float(len(lines))}" in metrics
    expected = {bad.rstrip(b"\r"): reason.value for bad, reason in CORPUS}
    assert [expected[lines[offset]] for _, offset, *_ in dead] == [reason for _, _, reason, *_ in dead]


async def test_a_followed_file_and_standard_input_reach_the_engine(
    tmp_path: Path, hours: list[bytes]
) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"".join(line + b"\n" for line in hours[:500]))
    with file.open("rb") as stream:
        daemon = daemon_of(tmp_path / "state", stdin=stream.fileno())
        async with asyncio.timeout(240):
            await daemon.run()  # ends by itself with its input
    checkpoint = kept(tmp_path / "state")
    assert checkpoint is not None
    assert checkpoint.offsets == {"local/0": 500}
    async with running(daemon_of(tmp_path / "state", follow=[file])) as world, asyncio.timeout(240):
        while '"records":1000' not in (await world.get("/status"))[1]:
            await asyncio.sleep(0.05)


async def test_a_second_daemon_on_the_same_state_is_refused_in_one_line(tmp_path: Path) -> None:
    async with running(daemon_of(tmp_path)):
        with pytest.raises(StartError, match="is another uneri using it"):
            await asyncio.to_thread(daemon_of, tmp_path)


async def test_a_second_daemon_is_refused_before_the_first_has_written_anything(tmp_path: Path) -> None:
    async with running(daemon_of(tmp_path)):
        pass  # the files are there from now on: to open them writes nothing
    async with running(daemon_of(tmp_path)) as world:
        with pytest.raises(StartError, match="another folder"):
            await asyncio.to_thread(daemon_of, tmp_path)
        await world.post([b'{"ts": 1760000000, "service": "shop"}'])
    async with running(daemon_of(tmp_path)) as world:
        assert (await world.get("/healthz"))[0] == 200, "a clean end lets go of the state"


async def test_health_and_readiness_are_answered(tmp_path: Path) -> None:
    async with running(daemon_of(tmp_path)) as world:
        assert (await world.get("/healthz"))[0] == 200
        assert (await world.get("/readyz"))[0] == 200


def ended(state: Path, stdin: bytes | None = None) -> tuple[int, list[str]]:
    """Run a daemon in a process of its own; return its exit code and what it said that is critical."""
    config = state.with_suffix(".yaml")
    config.write_text(f"local: {{listen: '127.0.0.1:0', state: '{state}'}}\n")
    command = ["run", "--config", config]
    process = forked.uneri(*command) if stdin is None else forked.uneri(*command, "--stdin", given=stdin)
    said = process.stderr.decode()
    assert "Traceback" not in said
    return process.returncode, [line for line in said.splitlines() if "critical" in line]


def test_a_pipe_of_garbage_ends_the_daemon_with_one_line_and_so_does_a_restart(tmp_path: Path) -> None:
    for _ in range(2):
        code, (line,) = ended(tmp_path / "state", b"nope\n" * 60)
        assert code == 1
        assert "standard input, record 51: 51 bad records in a row" in line
        assert "dead_letters.stop: false" in line
    with SqliteStore(tmp_path / "state" / "uneri.db") as store:
        assert store.end == 0


def test_state_of_another_version_is_refused_in_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    source = "rollup/local/0|rollup"
    for parts, said in (
        ({source: pack("rollup", 99, None, {})}, "'rollup' version 99, this version of uneri reads 'rollup'"),
        ({"incidents|else": b""}, "the part 'rollup' is missing"),
    ):
        state = tmp_path / str(len(said))
        with SqliteStore(state / "uneri.db") as store:
            store.save("engine", Checkpoint({"local/0": 0}, parts))
        code, (line,) = ended(state)
        assert code == 1
        assert said in line
        assert f"start the version of uneri that wrote it, or move {state} away to start over" in line


async def test_readiness_shows_why_slack_is_not_ready_and_health_shows_what_is_stuck(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-1-none")
    watchdog = Watchdog()
    slack = {"base_url": f"http://127.0.0.1:{closed_port}/api/"}
    daemon = LocalDaemon(local_settings(tmp_path, slack=slack), watchdog=watchdog)
    async with running(daemon) as world:
        # what it learns when it has asked would undo what the test says
        await world.until(lambda: "does not answer" in (daemon.delivery.probe.not_ready or ""))
        daemon.delivery.probe.not_ready = None
        assert (await world.get("/readyz"))[0] == 200
        daemon.delivery.probe.not_ready = "Slack refuses the token in SLACK_BOT_TOKEN (invalid_auth)"
        daemon._store.log_bytes = 3 << 30
        status, body = await world.get("/readyz")
        assert status == 503
        assert "too far behind: the log holds 3,072 MiB" in body
        assert "Slack refuses the token in SLACK_BOT_TOKEN" in body
        assert "uneri_ready 0.0" in (await world.get("/metrics"))[1]
        assert (await world.get("/healthz"))[0] == 200
        watchdog.report_stuck("the engine hangs")
        status, body = await world.get("/healthz")
        assert status == 503
        assert "the engine hangs" in body


async def test_what_was_judged_gets_its_checkpoint_long_before_the_source_is_idle(tmp_path: Path) -> None:
    async with (
        running(LocalDaemon(local_settings(tmp_path, time={"idle": 3600}))) as world,
        asyncio.timeout(240),
    ):
        await world.post([b'{"ts": 1760000000, "service": "shop"}'])
        while "uneri_checkpoint_age_seconds" not in (page := (await world.get("/metrics"))[1]):
            await asyncio.sleep(0.05)
        while world.daemon._judge.changed or not world.daemon._judge.offset:
            await asyncio.sleep(0.05)
    assert 'uneri_lag_records{partition="0",stage="engine"}' in page


async def test_the_metrics_count_what_became_of_the_records(tmp_path: Path) -> None:
    lines = [b'{"ts": %d, "service": "shop", "id": "%d"}' % (1_760_000_000 + n, n) for n in range(300)]
    lines += [lines[-1], b'{"ts": 1760000001, "service": "shop", "id": "late"}', b"nope"]
    async with running(daemon_of(tmp_path)) as world:
        await world.post(lines)
        await world.judged()
        page = (await world.get("/metrics"))[1]
    for expected in (
        "uneri_records_total 303.0",
        "uneri_duplicate_records_total 1.0",
        "uneri_late_records_total 1.0",
        'uneri_rejected_records_total{reason="not_json"} 1.0',
        'uneri_queue_depth{queue="log_records"} 0.0',
        'uneri_queue_depth{queue="request_bytes"} 0.0',
        'uneri_lag_records{partition="0",stage="engine"} 0.0',
    ):
        assert expected in page
    assert "uneri_steps_total 0.0" not in page
    assert "uneri_blocks_total 0.0" not in page
