"""Common parts of the tests of the main job: a small backend, and the real programs of either driver."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kafka.admin import NewTopic

from config.yaml_tree import to_yaml
from detectors.model.finding import Finding
from streams.engine.detect.gather import JudgedStep
from streams.process.web.tokens import own_authorization
from tests.alerting.slack_standin import TOKEN, Posted, SlackStandin
from tests.free_port import free_port
from tests.kafka.topic import create, unique
from tests.kafka.topic import read as read_topic

HERE = Path(__file__).parent
UNERI = Path(sys.executable).with_name("uneri")
SCENARIO = HERE / "backend.yaml"
PATIENCE = 900.0  # seconds until a daemon must have judged sixteen days
SPIKE = 1757595600 + 5 * 86400  # 2025-09-16 13:00 UTC, when the hammering begins


def uneri(*arguments: object, **more: Any) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [UNERI, *map(str, arguments)], capture_output=True, text=True, timeout=PATIENCE, check=False, **more
    )
    assert "Traceback" not in done.stderr
    return done


@contextmanager
def daemon(config: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    log = config.with_suffix(".log").open("a")
    process = subprocess.Popen(
        [UNERI, "run", "--config", str(config), *arguments],
        env={**os.environ, "SLACK_BOT_TOKEN": TOKEN, "PYTHONFAULTHANDLER": "1"},
        stderr=log,
        stdout=log,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(90)  # a daemon ends itself within a minute
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)  # where it hangs is in the log then
            code = process.wait()
        log.close()
        text = config.with_suffix(".log").read_text()
        assert code == 0, text[-10_000:]
        assert "Traceback" not in text
        assert TOKEN not in text


def status(port: int) -> dict[str, Any]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/status", headers=own_authorization())
    try:
        with urllib.request.urlopen(request, timeout=2) as answer:  # noqa: S310 - a URL of ours
            fields: dict[str, Any] = json.load(answer)
            return fields
    except OSError:
        return {}


def judged_until(port: int) -> int:
    return int(status(port).get("watermark") or 0)


def wait_until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, f"{what} did not happen in {PATIENCE:.0f} s"
        time.sleep(0.3)


def read(out: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / name).read_text().splitlines()]


def findings_in(broker: str, topic: str) -> dict[str, Finding]:
    """Return the newest telling of every finding on the findings topic."""
    return {
        finding.id: msgspec.structs.replace(finding, trace=None)
        for record in read_topic(broker, topic)
        for finding in msgspec.msgpack.decode(record.value, type=JudgedStep).findings
    }


def pages_of(messages: list[Posted]) -> list[Posted]:
    return [message for message in messages if message.channel == "C0UNERI" and not message.thread]


def digests_of(messages: list[Posted]) -> list[Posted]:
    return [message for message in messages if message.channel == "C0DIGEST"]


def hold_to_the_page(page: Posted) -> None:
    """A page that names the hammered table, the function that calls it, and the build of the client."""
    said = json.dumps(page.blocks, ensure_ascii=False)
    assert "table items" in page.blocks[0]["text"]["text"]
    callers = next(block["text"]["text"] for block in page.blocks if "Called by" in str(block))
    first = callers.split("\n")[1]
    assert "inventory-put-item" in first
    assert int(first.split("*")[1].rstrip(" %")) >= 80
    assert "ios 3.2.1" in said
    assert "console.aws.amazon.com" in said


def hold_to_the_main_job(messages: list[Posted]) -> None:
    """One page that names table, function and client version; a digest with the growing table; no more."""
    digests = digests_of(messages)
    (page,) = pages_of(messages)
    hold_to_the_page(page)
    assert digests
    grows = [block for message in digests for block in message.blocks if "% a day" in str(block)]
    assert "ledger" in str(grows)
    assert "items" not in str(grows)


def hold_to_the_contract(out: Path) -> None:
    """Replay leaves what the contract of its output promises, and finds the main job in it."""
    pages = [incident for incident in read(out, "incidents.jsonl") if incident["sent"] == "page"]
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
    grown = [incident for incident in read(out, "incidents.jsonl") if incident["sent"] == "digest"]
    assert {incident["scope"]["name"] for incident in grown if incident["scope"]["kind"] == "table"} == {
        "ledger"
    }
    for finding in read(out, "findings.jsonl"):
        assert finding["sent"] in ("page", "digest", "none")
        assert {"id", "verdict", "reason", "start", "alerted", "end", "scope", "measure"} <= finding.keys()
        assert {"observed", "expected", "lower", "upper", "score", "completeness"} <= finding.keys()
        assert {"callers", "suspects", "sentence"} <= finding.keys()


class Program:
    """The configuration of a daemon of either driver, whose messages go to the stand-in, and who runs by it.

    Parameters
    ----------
    folder
        For the configuration, the log and the state.
    broker
        Of the Kafka driver, whose topics are made there; the embedded driver has none.
    topics
        Names of topics of inputs, besides that of the requests.
    partitions
        Of the topic of the requests.
    sections
        Of the configuration. Those of the driver, and these, take precedence.
    """

    def __init__(
        self,
        folder: Path,
        slack: SlackStandin,
        broker: str | None = None,
        *,
        topics: Sequence[str] = (),
        partitions: int = 1,
        **sections: Any,
    ) -> None:
        self._folder, self.port = folder, free_port()
        self._sections = {
            "slack": {"base_url": slack.base_url, "channel": "#uneri", "digest_channel": "#digest"},
            "notify": {"since": "2025-01-01"},
            "limits": {"tables": {"items": {"wcu": 10}, "ledger": {"wcu": 2}}},
            **sections,
        }
        if broker is None:
            self.to = f"http://127.0.0.1:{self.port}/events"
            self._sections["local"] = {"state": str(folder / "state")}
        else:
            self.app, self.requests = unique("job"), unique("requests")
            self.to = f"kafka://{broker}/{self.requests}"
            own = {"app": self.app, "requests": self.requests, "shards": 1}
            self._sections["kafka"] = {"brokers": [broker], **own, **sections.get("kafka", {})}
        self.config = self._written("uneri")
        if broker is not None:
            kept = {"retention.ms": "-1"}
            counts = {self.requests: partitions, **dict.fromkeys(topics, 1)}
            create(broker, *(NewTopic(name, count, 1, topic_configs=kept) for name, count in counts.items()))
            self.command("setup")

    def _written(self, name: str) -> Path:
        web = "local" if "local" in self._sections else "web"
        listening = {web: {**self._sections.get(web, {}), "listen": f"127.0.0.1:{self.port}"}}
        path = self._folder / f"{name}.yaml"
        path.write_text(to_yaml({**self._sections, **listening}))
        return path

    def beside(self, name: str) -> "Program":
        """Return another process of the same app."""
        other = copy(self)
        other.port = free_port()
        other.config = other._written(name)
        return other

    def command(self, *arguments: object) -> str:
        """Return what a command says that has this configuration."""
        done = uneri(*arguments, "--config", self.config)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def simulate(self, scenario: Path, *arguments: object) -> None:
        """Send the requests of a scenario."""
        done = uneri("simulate", scenario, "--to", self.to, *arguments)
        assert done.returncode == 0, done.stderr

    @contextmanager
    def running(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Run a daemon, once it answers."""
        with daemon(self.config, *arguments) as process:
            wait_until(lambda: bool(self.status()), "the start")
            yield process

    def status(self) -> dict[str, Any]:
        return status(self.port)

    def judged_until(self) -> int:
        return judged_until(self.port)

    def delivered(self) -> bool:
        return self.status().get("outbox") == 0

    def caught_up(self) -> bool:
        """Return whether the embedded daemon has judged and delivered everything."""
        known = self.status()
        return known.get("lag") == 0 and known.get("outbox") == 0
