"""The main job, start to end, on real parts: who is paged, about which table, with which function on top.

Sixteen days of a small backend go through the real programs: the embedded driver by HTTP, the Kafka
driver by a real broker and real Faust workers. Slack is a stand-in that refuses what Slack would refuse.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import NewTopic

from detectors.finding import Finding
from streams.gather import Judged
from tests.alerting.slack_standin import TOKEN, Posted, SlackStandin
from tests.kafka.topic import create, unique

HERE = Path(__file__).parent
UNERI = Path(sys.executable).with_name("uneri")
SCENARIO = HERE / "backend.yaml"
PATIENCE = 900.0  # seconds until a daemon must have judged sixteen days
SPIKE = 1757595600 + 5 * 86400  # 2025-09-16 13:00 UTC, when the hammering begins


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def uneri(*arguments: object, **more: Any) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [UNERI, *map(str, arguments)], capture_output=True, text=True, timeout=PATIENCE, check=False, **more
    )
    assert "Traceback" not in done.stderr
    return done


@contextmanager
def daemon(config: Path) -> Iterator[subprocess.Popen[str]]:
    log = config.with_suffix(".log").open("a")
    process = subprocess.Popen(
        [UNERI, "run", "--config", str(config)],
        env={**os.environ, "SLACK_BOT_TOKEN": TOKEN},
        stderr=log,
        stdout=log,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        code = process.wait(40)
        log.close()
        text = config.with_suffix(".log").read_text()
        assert code == 0, text[-3000:]
        assert "Traceback" not in text
        assert TOKEN not in text


def status(port: int) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/status", timeout=2) as answer:
            told: dict[str, Any] = json.load(answer)
            return told
    except OSError:
        return {}


def wait_until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, f"{what} did not happen in {PATIENCE:.0f} s"
        time.sleep(0.3)


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("events") / "events.ndjson.zst"
    assert uneri("simulate", SCENARIO, "--to", file).returncode == 0
    return file


@pytest.fixture(scope="module")
def replayed(events: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("replayed")
    done = uneri("replay", events, "--out", out)
    assert done.returncode == 0, done.stderr
    assert "\n1 page, " in done.stdout
    return out


def read(out: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / name).read_text().splitlines()]


def hold_to_the_main_job(messages: list[Posted]) -> None:
    """One page that names table, function and client version; a digest with the growing table; no more."""
    pages = [message for message in messages if message.channel == "C0UNERI" and not message.thread]
    digests = [message for message in messages if message.channel == "C0DIGEST"]
    (page,) = pages
    said = json.dumps(page.blocks, ensure_ascii=False)
    assert "table items" in page.blocks[0]["text"]["text"]
    callers = next(block["text"]["text"] for block in page.blocks if "Called by" in str(block))
    first = callers.split("\n")[1]
    assert "inventory-put-item" in first
    assert int(first.split("*")[1].rstrip(" %")) >= 80
    assert "ios 3.2.1" in said
    assert "console.aws.amazon.com" in said
    assert digests
    grows = [block for message in digests for block in message.blocks if "% a day" in str(block)]
    assert "ledger" in str(grows)
    assert "items" not in str(grows)


@pytest.fixture
def slack() -> Iterator[SlackStandin]:
    """The stand-in in a thread of its own, so that a daemon can be waited for."""
    standin, ready, done = SlackStandin(), threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with standin:
            ready.set()
            await done.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    ready.wait()
    yield standin
    loop.call_soon_threadsafe(done.set)
    thread.join()
    loop.close()


def write_config(path: Path, slack: SlackStandin, **sections: object) -> Path:
    settings = {
        "slack": {"base_url": slack.base_url, "channel": "#uneri", "digest_channel": "#digest"},
        "limits": {"tables": {"items": {"wcu": 10}, "ledger": {"wcu": 2}}},
        **sections,
    }
    path.write_text(yaml.safe_dump(settings))
    return path


def test_the_embedded_driver_pages_once_about_the_hammered_table(slack: SlackStandin, tmp_path: Path) -> None:
    port = free_port()
    config = write_config(
        tmp_path / "uneri.yaml",
        slack,
        local={"listen": f"127.0.0.1:{port}", "state": str(tmp_path / "state")},
    )
    with daemon(config):
        wait_until(lambda: bool(status(port)), "the start")
        half = uneri("simulate", SCENARIO, "--to", f"http://127.0.0.1:{port}/events", "--until", SPIKE + 600)
        assert half.returncode == 0, half.stderr
    with daemon(config):  # a clean restart in the middle of the incident
        wait_until(lambda: bool(status(port)), "the restart")
        rest = uneri("simulate", SCENARIO, "--to", f"http://127.0.0.1:{port}/events", "--from", SPIKE + 600)
        assert rest.returncode == 0, rest.stderr
        wait_until(lambda: status(port).get("lag") == 0 and status(port).get("outbox") == 0, "catching up")
    hold_to_the_main_job(slack.messages)
    assert slack.files, "the chart is in the thread"
    assert slack.files[0][2].startswith(b"\x89PNG")


def test_replay_leaves_the_findings_and_incidents_that_the_contract_promises(replayed: Path) -> None:
    pages = [incident for incident in read(replayed, "incidents.jsonl") if incident["sent"] == "page"]
    (page,) = pages
    assert page["verdict"] == "spike"
    assert (page["scope"]["kind"], page["scope"]["name"]) == ("table", "items")
    assert page["callers"][0]["name"] == "inventory-put-item"
    assert page["callers"][0]["share"] >= 0.8
    functions = [caller["share"] for caller in page["callers"] if caller["kind"] == "function"]
    assert sum(functions) == pytest.approx(1, abs=0.01)
    assert {(suspect["name"], suspect.get("version")) for suspect in page["suspects"]} == {("ios", "3.2.1")}
    assert SPIKE <= page["start"] < page["alerted"] <= SPIKE + 300
    assert page["start"] < page["end"] <= SPIKE + 3600
    grown = [incident for incident in read(replayed, "incidents.jsonl") if incident["sent"] == "digest"]
    assert {incident["scope"]["name"] for incident in grown if incident["scope"]["kind"] == "table"} == {
        "ledger"
    }
    for finding in read(replayed, "findings.jsonl"):
        assert finding["sent"] in ("page", "digest", "none")
        assert {"id", "verdict", "reason", "start", "alerted", "end", "scope", "measure"} <= finding.keys()
        assert {"observed", "expected", "lower", "upper", "score", "completeness"} <= finding.keys()
        assert {"callers", "suspects", "sentence"} <= finding.keys()


def told(broker: str, topic: str) -> dict[str, Finding]:
    """Return the newest telling of every finding on the findings topic."""
    consumer = KafkaConsumer(bootstrap_servers=broker, group_id=None)
    tp = TopicPartition(topic, 0)
    consumer.assign([tp])
    consumer.seek_to_beginning(tp)
    end = consumer.end_offsets([tp])[tp]
    newest: dict[str, Finding] = {}
    while consumer.position(tp) < end:
        for record in consumer.poll(timeout_ms=5000).get(tp, []):
            for finding in msgspec.msgpack.decode(record.value, type=Judged).findings:
                newest[finding.id] = msgspec.structs.replace(finding, trace=None)
    consumer.close()
    return newest


def test_the_kafka_driver_pages_once_and_replay_of_the_topic_finds_the_same(
    kafka: str, slack: SlackStandin, tmp_path: Path
) -> None:
    app, requests, port = unique("job"), unique("requests"), free_port()
    config = write_config(
        tmp_path / "uneri.yaml",
        slack,
        kafka={"brokers": [kafka], "app": app, "requests": requests, "shards": 2},
        web={"listen": f"127.0.0.1:{port}"},
        time={"idle": 3},
    )
    create(kafka, NewTopic(requests, 2, 1, topic_configs={"retention.ms": "-1"}))
    assert uneri("setup", "--config", config).returncode == 0
    loaded = uneri("simulate", SCENARIO, "--to", f"kafka://{kafka}/{requests}")
    assert loaded.returncode == 0, loaded.stderr
    with daemon(config):
        wait_until(lambda: status(port).get("watermark", 0) >= SPIKE + 1200, "the middle of the incident")
    with daemon(config):  # a clean restart
        wait_until(
            lambda: status(port).get("watermark", 0) >= SPIKE + 3300 and status(port).get("outbox") == 0,
            "the end",
        )
    hold_to_the_main_job(slack.messages)
    out = tmp_path / "replayed"
    done = uneri("replay", f"kafka://{kafka}/{requests}", "--config", config, "--out", out)
    assert done.returncode == 0, done.stderr
    live = told(kafka, f"{app}-findings")
    found = {finding["id"]: finding for finding in read(out, "findings.jsonl")}
    assert found.keys() == live.keys()
    for finding in live.values():
        same = found[finding.id]
        assert (same["verdict"], same["start"], same["end"]) == (finding.verdict, finding.start, finding.end)
        assert (same["observed"], same["expected"], same["score"]) == (
            finding.observed,
            finding.expected,
            finding.score,
        )
        # what explains a finding is known where findings meet, which is behind the topic
        assert same["sentence"].startswith(finding.sentence.removesuffix("."))
        assert bool(same["causes"]) == (same["sentence"] != finding.sentence)
