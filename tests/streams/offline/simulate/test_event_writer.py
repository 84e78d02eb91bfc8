import gzip
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from alerting.commands.labels import LabelKind
from alerting.evaluation.labels_file import load_labels
from detectors.state import zstd
from streams.offline.simulate.deliver import SimulateOptions, paced, simulate
from streams.offline.simulate.event_writer import HttpWriter, WriteError, open_writer
from streams.offline.simulate.scenario_load import load_scenario
from streams.offline.simulate.simulation import Simulation

LINES = [b'{"ts":%d}' % second for second in range(12_345)]
ARRIVALS = [1000 * second for second in range(12_345)]
START = 1_756_652_400


@pytest.mark.parametrize("name", ["e.ndjson", "e.ndjson.gz", "e.ndjson.zst"])
def test_a_file_holds_the_lines_compressed_as_its_name_says(tmp_path: Path, name: str) -> None:
    path = tmp_path / "new" / name
    for _ in range(2):
        with open_writer(str(path)) as writer:
            writer.write(LINES[:5], ARRIVALS[:5])
            writer.write([], [])
            writer.write(LINES[5:], ARRIVALS[5:])
    data = path.read_bytes()
    if name.endswith(".gz"):
        data = gzip.decompress(data)
    if name.endswith(".zst"):
        data = zstd.decompress(data)
    assert data.splitlines() == LINES


class Daemon(BaseHTTPRequestHandler):
    bodies: list[bytes]
    authorization: str | None
    answers: list[int]
    retry_after: str

    def do_POST(self) -> None:
        Daemon.authorization = self.headers["Authorization"]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = self.answers.pop(0) if self.answers else 202
        if status == 202:
            self.bodies.append(body)
        self.send_response(status)
        if status == 503 and self.retry_after:
            self.send_header("Retry-After", self.retry_after)
        self.end_headers()
        self.wfile.write(json.dumps({"error": "said so"}).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def daemon() -> Iterator[str]:
    Daemon.bodies, Daemon.answers, Daemon.retry_after = [], [], ""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Daemon)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/events"
    server.shutdown()
    thread.join()
    server.server_close()


def test_batches_are_posted_in_order_and_a_busy_daemon_is_asked_again(daemon: str) -> None:
    Daemon.answers = [202, 503]
    with open_writer(daemon) as writer:
        writer.write(LINES, ARRIVALS)
    assert b"".join(Daemon.bodies).splitlines() == LINES
    assert len(Daemon.bodies) == 3


def test_the_token_of_the_environment_is_sent(daemon: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNERI_TOKEN", "uneri_token_of_a_sender")
    with open_writer(daemon) as writer:
        writer.write(LINES[:1], ARRIVALS[:1])
    assert Daemon.authorization == "Bearer uneri_token_of_a_sender"


def test_a_daemon_that_is_behind_is_waited_for_as_long_as_it_says(daemon: str) -> None:
    Daemon.answers = [503] * 10 + [202]
    Daemon.retry_after = "7"
    waits: list[float] = []
    with HttpWriter(urlsplit(daemon), sleep=waits.append) as writer:
        writer.write(LINES[:1], ARRIVALS[:1])
    assert waits == [7.0] * 10


def test_a_refusal_is_reported_at_once_with_its_reason(daemon: str) -> None:
    Daemon.answers = [400]
    with pytest.raises(WriteError, match="refused the events: 400 said so"), open_writer(daemon) as writer:
        writer.write(LINES[:1], ARRIVALS[:1])


@pytest.mark.parametrize(
    "to", ["ftp://h/x", "kafka://h:9092", "kafka://h/topic", "http://", "kafka://h:1/t?partitions=x"]
)
def test_an_invalid_target_is_refused_with_an_example(to: str) -> None:
    with pytest.raises(WriteError, match=r"write |partitions=4"):
        open_writer(to)


def test_pace_is_kept_by_waiting_for_each_slice() -> None:
    time = [100.0]
    gone = []

    def sleep(seconds: float) -> None:
        time[0] += seconds

    deliveries = Simulation(load_scenario("quiet")).lines(START, START + 7200)
    for delivery in paced(deliveries, START, 60.0, clock=lambda: time[0], sleep=sleep):
        gone += [(time[0] - 100) * 60 - (arrival / 1000 - START) for arrival in delivery.arrivals.tolist()]
    assert len(gone) > 1000
    assert min(gone) >= 0
    assert max(gone) <= 15.1


def test_a_scenario_is_moved_to_end_now_and_its_labels_with_it(tmp_path: Path) -> None:
    now = 1_800_000_000.0
    reached = []
    simulate(
        load_scenario("demo"),
        str(tmp_path / "e"),
        SimulateOptions(between=(now - 3600, None), now=True, labels=tmp_path / "l"),
        wall=lambda: now,
        progress=lambda done, count, at: reached.append((done, count, at)),
    )
    stamps = [json.loads(line)["ts"] for line in (tmp_path / "e").read_bytes().splitlines()]
    assert now - 3600 <= stamps[0] < stamps[-1] < now
    assert reached[-1][0] == pytest.approx(1, abs=0.01)
    assert reached[-1][1] == len(stamps)
    labels = [json.loads(line) for line in (tmp_path / "l").read_text().splitlines()]
    assert labels[-1]["kind"] == "hammer"
    assert labels[-1]["end"] == now - 40 * 60


@pytest.mark.parametrize("name", ["known.yaml", "known.YML", "known.csv", "known.jsonl"])
def test_the_labels_of_a_scenario_are_read_back_in_whatever_form_they_were_written(
    tmp_path: Path, name: str
) -> None:
    scenario, file = load_scenario("week-of-incidents"), tmp_path / "labels" / name
    simulate(scenario, str(tmp_path / "e"), SimulateOptions(between=(None, START), labels=file))
    labels = load_labels(file)
    incidents = [label for label in labels if label.kind is LabelKind.INCIDENT]
    assert len(labels) == len(scenario.incidents) + len(scenario.growth)
    assert [label.note for label in labels if label not in incidents] == ["late", "duplicates"]
    assert {label.kind for label in labels if label not in incidents} == {LabelKind.NOT_AN_ANOMALY}
    assert [(label.scope, label.verdict) for label in incidents[:4]] == [
        ("table:profiles", "growth"),
        ("function:inventory-put-item", "spike"),
        ("function:shop-buy", "spike"),
        ("service:shop", "spike"),
    ]
    assert {"client:android 3.2.1", "function:inventory-open-box", "service:analysis"} <= {
        label.scope for label in incidents
    }
