"""A daemon that somebody attacks, while an honest sender goes on and counts what it was promised.

Both are real: the daemon is ``uneri run`` in a process of its own; with Kafka it has all roles. What
the honest sender was answered 202 for must be counted, to the record, whatever the attacker does.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from kafka.admin import NewTopic

from config.yaml_tree import to_yaml
from tests.alerting.slack_standin import TOKEN, SlackStandin
from tests.attacks.host_clock import HostClock
from tests.free_port import free_port
from tests.kafka.topic import create, unique

UNERI: Final = Path(sys.executable).with_name("uneri")
PATIENCE: Final = 240.0  # seconds for whatever a daemon must have done
GOODBYE: Final = 60.0  # seconds for which a sender that stops sends again what was not accepted
ARRIVAL: Final = {"message.timestamp.type": "LogAppendTime"}
"""As `uneri setup` creates a topic of requests, which makes as many partitions as a cluster wants."""
MEMORY: Final = 1536 << 20  # bytes: the limit of deploy/helm/uneri/values.yaml


class Answer(NamedTuple):
    """What an HTTP request was answered; status 0 when nothing was."""

    status: int
    body: bytes
    headers: Mapping[str, str]


class Attacked:
    """A daemon of either driver in a folder; a ``with`` block starts it, and ends it as its supervisor would.

    It must end with code 0, no traceback in its log, and with no more than ``MEMORY`` used.

    Parameters
    ----------
    folder
        Empty; the state, the configuration and the log are in it.
    kafka
        ``host:port`` of the broker; None for the embedded driver.
    slack
        Where messages go; without one, to the terminal.
    sections
        Of the configuration, over those that the daemon has anyway.
    environment
        Variables for the process.
    clock
        That of the host, for the daemon; other commands have the right one, and may sleep.
    """

    def __init__(
        self,
        folder: Path,
        kafka: str | None = None,
        slack: SlackStandin | None = None,
        environment: Mapping[str, str] | None = None,
        clock: HostClock | None = None,
        **sections: Any,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.kafka = folder, kafka
        self.state = folder / "state"
        self.log = folder / "log"
        self.config = folder / "uneri.yaml"
        self.port, self.tcp = free_port(), free_port()
        self.environment = dict(environment or {})
        self.clock = clock
        self.headers: dict[str, str] = {}  # of every request, such as a token
        web = {"listen": f"127.0.0.1:{self.port}", "tcp": f"127.0.0.1:{self.tcp}"}
        settings: dict[str, Any] = {"notify": {"since": "2025-01-01"}, "time": {"lateness": 10}}
        if kafka is None:
            settings["local"] = {**web, "state": str(self.state)}
            self.command = ["run"]
        else:
            app, requests = unique("attacked"), unique("requests")
            create(kafka, NewTopic(requests, 2, 1, topic_configs=ARRIVAL))
            settings["kafka"] = {"brokers": [kafka], "app": app, "requests": requests, "shards": 1}
            settings["web"] = web
            settings["history"] = {"place": str(folder / "history")}
            settings["time"]["idle"] = 5
            self.command = ["run", "--role", "intake,rollup,detect,incidents,notify,board"]
        if slack is not None:
            settings["slack"] = {"base_url": slack.base_url, "channel": "#uneri", "digest_channel": "#digest"}
        self.settings = _merged(settings, sections)
        self.configure()
        if kafka is not None:
            assert self.uneri("setup").returncode == 0

    def configure(self) -> None:
        """Write ``settings`` to the configuration file."""
        self.config.write_text(to_yaml(self.settings))

    def uneri(self, command: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run another command of Uneri with the daemon's configuration; it must not end in a traceback."""
        done = subprocess.run(
            [UNERI, command, *map(str, arguments), "--config", self.config],
            capture_output=True, text=True, timeout=PATIENCE, check=False, env=self._environment(),
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr[-5000:]
        return done

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        most = 0 if self.process.poll() is not None else self.memory()
        code = self.end()
        if kind is None:
            assert most < MEMORY
            assert code == 0, self.output()[-10_000:]
            assert "Traceback" not in self.output(), self.output()[-10_000:]
        assert TOKEN not in self.output()

    def start(self, *, wait: bool = True) -> None:
        """Start the process; ``wait`` until it answers."""
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [UNERI, *self.command, "--config", self.config],
                env={**self._environment(), **(self.clock.environment if self.clock else {})},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        if wait:
            self.wait(self._is_up, "a start")

    def _is_up(self) -> bool:
        answers = "/healthz" if self.kafka is None else "/readyz"  # senders are asked to wait until then
        return self.process.poll() is not None or self.get(answers).status == 200

    def _environment(self) -> dict[str, str]:
        token = {"SLACK_BOT_TOKEN": TOKEN} if "slack" in self.settings else {}  # else it asks slack.com
        return {**os.environ, **token, "PYTHONFAULTHANDLER": "1", **self.environment}

    def end(self) -> int:
        """End the process by SIGTERM; return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(90)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # where it hangs is in the log then
            return self.process.wait()

    def supervise(self, seconds: float, done: Callable[[], Any] = bool) -> list[int]:
        """Wait so long, or until ``done``; start the process whenever it ends; return its exit codes."""
        codes, until = list[int](), time.monotonic() + seconds
        while time.monotonic() < until and not done():
            if (code := self.process.poll()) is not None:
                codes.append(code)
                self.start(wait=False)
            time.sleep(0.5)
        return codes

    def kill(self) -> None:
        """End the process by SIGKILL."""
        self.process.kill()
        self.process.wait()

    def output(self) -> str:
        """Return the log."""
        return self.log.read_text(errors="replace")

    def lines(self, text: str = "") -> list[str]:
        """Return the lines of the log that contain a text."""
        return [line for line in self.output().splitlines() if text in line]

    def wait(self, true: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
        """Wait until something is true, and return it."""
        deadline = time.monotonic() + seconds
        while not (found := true()):
            assert time.monotonic() < deadline, f"no {what} in {seconds:.0f} s\n{self.output()[-5000:]}"
            time.sleep(0.1)
        return found

    def ask(
        self,
        path: str,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 30,
    ) -> Answer:
        """Send a request: POST if it has a body."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", data, {**self.headers, **(headers or {})}
        )
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310 - a URL of ours
                return Answer(answer.status, answer.read(), dict(answer.headers))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.read(), dict(error.headers))
        except OSError:
            return Answer(0, b"", {})

    def exchange(self, data: bytes, port: int | None = None, seconds: float = 5) -> bytes:
        """Send bytes as they are, to the web server unless another port is named; return what is answered."""
        answer = bytearray()
        try:
            with socket.create_connection(("127.0.0.1", port or self.port), timeout=seconds) as opened:
                opened.sendall(data)
                if port is not None:  # lines are answered at their end, requests only while somebody reads
                    opened.shutdown(socket.SHUT_WR)
                while received := opened.recv(65536):
                    answer += received
                    opened.settimeout(0.5)
        except OSError:  # of a connection that is closed, or of an answer that does not come
            pass
        return bytes(answer)

    def send(self, *records: Mapping[str, Any], path: str = "/events") -> Answer:
        """Post records, again while the daemon asks for that."""
        body = b"\n".join(json.dumps(record).encode() for record in records)

        def answered() -> Answer | None:
            answer = self.ask(path, body)
            return None if answer.status in {0, 429, 503} else answer

        answer: Answer = self.wait(answered, "answer to a post")
        return answer

    def get(self, path: str, **parameters: object) -> Answer:
        """Send a GET."""
        return self.ask(f"{path}?{urllib.parse.urlencode(parameters)}" if parameters else path)

    def status(self) -> dict[str, Any]:
        """Return the answer to ``GET /status``, empty if there is none."""
        answer = self.get("/status")
        return json.loads(answer.body) if answer.status == 200 else {}

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples that have these labels."""
        total = 0.0
        for line in self.get("/metrics").body.decode().splitlines():
            sample, _, value = line.rpartition(" ")
            if sample.partition("{")[0] == name and all(f'{k}="{v}"' in sample for k, v in labels.items()):
                total += float(value)
        return total

    def memory(self) -> int:
        """Return the most memory that the process has had resident, bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) << 10

    def wait_for_judgement(self, until: float = 1) -> None:
        """Wait until all is judged up to a time, epoch seconds; by default, until a first step is."""
        self.wait(lambda: int(self.status().get("watermark") or 0) >= until, "judgement")

    def counted(self, service: str, first: int, end: int) -> int:
        """Return the requests of a service between two full minutes, as the read API has them.

        Waits until the daemon has judged them.
        """
        self.wait_for_judgement(end)
        query = f'uneri_observed{{kind="service",name="{service}",measure="requests",source_kind=""}}'
        answer = self.get("/api/v1/query_range", query=query, start=first, end=end - 60, step=60)
        assert answer.status == 200, answer.body
        series = json.loads(answer.body)["data"]["result"]
        return round(sum(float(value) * 60 for found in series for _, value in found["values"]))


class HonestSender:
    """Sends requests of one service as they happen, and sends again what was not accepted, as shippers do.

    A ``with`` block sends. ``accepted`` has the records that were answered 202, by their minute.

    Parameters
    ----------
    to
        The daemon.
    service
        Its service.
    rate
        Requests a second.
    headers
        Such as its token.
    """

    def __init__(
        self,
        to: Attacked,
        service: str = "honest",
        rate: float = 20,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.service = service
        self.accepted: Counter[int] = Counter()
        self.refused: Counter[int] = Counter()  # by status, of posts; they were sent again
        self._to, self._rate, self._headers = to, rate, headers
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send)
        self._number = 0

    def __enter__(self) -> Self:
        self.begun = time.time()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def fills_a_minute(self) -> None:
        """Go on until a full minute is behind, and those of before it are judged."""
        time.sleep(max(0.0, self.begun // 60 * 60 + 140 - time.time()))

    def minutes(self) -> tuple[int, int]:
        """Return the begin of its first full minute and the end of its last."""
        return int(self.begun // 60 + 1) * 60, int(max(self.accepted)) // 60 * 60

    def is_counted(self) -> None:
        """Compare what was accepted, of all its full minutes, with what the daemon has counted."""
        first, end = self.minutes()
        promised = sum(count for minute, count in self.accepted.items() if first <= minute < end)
        assert promised
        assert self._to.counted(self.service, first, end) == promised, self._to.output()[-5000:]

    def request(self, at: float) -> dict[str, Any]:
        """Return its request of a time, epoch seconds."""
        self._number += 1
        return {
            "ts": round(at, 3),
            "id": f"{self.service}-{self._number}",
            "account": "123456789012",
            "service": self.service,
            "route": f"GET /{self.service}",
            "function": f"{self.service}-get",
            "status": 200,
            "ms": {"total": 20, "function": 15},
            "tables": [{"name": f"{self.service}-items", "op": "GetItem", "rcu": 0.5, "ms": 5}],
        }

    def _send(self) -> None:
        sent = self.begun
        kept: list[dict[str, Any]] = []
        left = GOODBYE  # then no daemon comes back: the test has failed already
        while not self._stop.wait(0.5) or (kept and left > 0):
            if self._stop.is_set():
                time.sleep(0.5)
                left -= 0.5
            now = time.time()
            count = 0 if self._stop.is_set() else int((now - sent) * self._rate)
            kept += [self.request(sent + (n + 1) / self._rate) for n in range(count)]
            sent += count / self._rate
            if not kept:
                continue
            body = b"\n".join(json.dumps(request).encode() for request in kept)
            answer = self._to.ask("/events", body, self._headers, timeout=60)
            if answer.status == 202:
                self.accepted.update(int(request["ts"]) // 60 * 60 for request in kept)
                kept.clear()
            else:
                self.refused[answer.status] += 1


@contextmanager
def repeated(act: Callable[[int], Any], every: float = 0.01) -> Iterator[None]:
    """Act again and again beside the block, with so many seconds in between; ``act`` gets a number."""
    stop = threading.Event()

    def go_on() -> None:
        number = 0
        while not stop.wait(every):
            act(number)
            number += 1

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _merged(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with those of ``over`` in the place of their own, section by section."""
    return base | {
        name: base[name] | section
        if isinstance(base.get(name), dict) and isinstance(section, dict)
        else section
        for name, section in over.items()
    }
