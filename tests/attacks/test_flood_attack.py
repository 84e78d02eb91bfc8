"""Floods: of ids and keys that were made to take long, of odd amounts, of names, of small posts."""

import contextlib
import gzip
import json
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np

from streams.engine.decode.hashing import ODD
from tests.attacks.attacked import Answer, Attacked, HonestSender, repeated

NAMES: Final = 200_000
RETURNING: Final = 15_000


def post(daemon: Attacked, records: Iterable[Mapping[str, Any]]) -> Answer:
    """Post records of an attacker, who does not come again."""
    return daemon.ask("/events", b"\n".join(json.dumps(record).encode() for record in records), timeout=240)


def colliding_ids(count: int) -> list[str]:
    """Return ids of eight characters whose hashes end in the same 24 bits: the way of the hash back."""
    words = np.uint64
    found: list[str] = []
    numbers = np.arange(1, 2_000_000, dtype=words)
    while len(found) < count:
        word = _before(numbers << words(24)) - words(8 * int(ODD[-1]) % (1 << 64))
        word = _before(word) * words(pow(int(ODD[0]), -1, 1 << 64))
        letters = word.view(np.uint8).reshape(-1, 8)
        printable = ((letters > 0x20) & (letters < 0x7F) & (letters != 0x22) & (letters != 0x5C)).all(axis=1)
        found += [bytes(row).decode() for row in letters[printable]]
        numbers += words(len(numbers))
    return found[:count]


def _before(mixed: Any) -> Any:
    """Return what ``streams.engine.decode.hashing.mixed`` mixes to this."""
    for factor in (0xC4CEB9FE1A85EC53, 0xFF51AFD7ED558CCD):
        mixed = (mixed ^ (mixed >> np.uint64(33))) * np.uint64(pow(factor, -1, 1 << 64))
    return mixed ^ (mixed >> np.uint64(33))


def test_ids_and_keys_that_were_made_to_take_long_take_no_longer_than_others(
    broker: str | None, tmp_path: Path
) -> None:
    ids = colliding_ids(40_000)
    with Attacked(tmp_path, broker) as daemon:
        with HonestSender(daemon) as honest:
            now = time.time()
            for first in range(0, 40_000, 20_000):
                chained = [
                    {"ts": now, "service": "evil", "id": ids[n], "joins": f"k{n} k{n + 1}"}
                    for n in range(first, first + 20_000)
                ]
                assert post(daemon, chained).status == 202
            one = [{"ts": now, "service": "evil", "id": f"n{n}", "joins": "one"} for n in range(20_000)]
            assert post(daemon, one).status == 202
            if broker is None:  # the engine took 5 s and 94 s of a processor for more of them
                daemon.wait(lambda: daemon.status().get("lag") == 0, "end of the lag", 30)
            honest.fills_a_minute()
        honest.is_counted()


def test_guessed_ids_take_no_record_of_another_sender(broker: str | None, tmp_path: Path) -> None:
    with Attacked(tmp_path, broker) as daemon:
        with HonestSender(daemon) as honest:
            for _ in range(20):
                now = time.time()
                guessed = [{"ts": now, "service": "evil", "id": f"honest-{n}"} for n in range(4000)]
                assert post(daemon, guessed).status == 202
                time.sleep(5)
            honest.fills_a_minute()
        honest.is_counted()


def of_names(begun: float, numbers: Iterable[int]) -> list[dict[str, Any]]:
    """Return a request of each of some services, functions and routes, all within a second."""
    return [
        {"ts": begun + n / NAMES, "service": f"s{n}", "function": f"f{n}", "route": f"r{n}"} for n in numbers
    ]


def test_a_flood_of_names_takes_neither_memory_nor_the_place_of_a_new_function(
    broker: str | None, tmp_path: Path
) -> None:
    """Event time goes faster than the clock here: the flood is of twenty minutes ago."""
    with Attacked(tmp_path, broker) as daemon:
        honest = HonestSender(daemon, "new")
        begun = int(time.time()) // 60 * 60 - 1200
        for first in range(0, NAMES, 50_000):
            assert post(daemon, of_names(begun, range(first, first + 50_000))).status == 202
            assert daemon.get("/board/map").status == 200
        is_judged_within_minutes(daemon, honest, begun, range(1, 19))


def test_names_that_come_back_for_minutes_take_no_place_of_a_new_function(
    broker: str | None, tmp_path: Path
) -> None:
    """Places are never freed: those that a flood has, it keeps."""
    with Attacked(tmp_path, broker) as daemon:
        honest = HonestSender(daemon, "new")
        begun = int(time.time()) // 60 * 60 - 1200
        for minute in range(8):
            assert post(daemon, of_names(begun + 60 * minute, range(RETURNING))).status == 202
        is_judged_within_minutes(daemon, honest, begun, range(8, 19))


def is_judged_within_minutes(
    daemon: Attacked, honest: HonestSender, begun: int, minutes: Iterable[int]
) -> None:
    """Assert that a function that is new after a flood has a series of its own a quarter of an hour later."""
    for minute in minutes:
        at = begun + 60 * minute
        assert daemon.send(*[honest.request(at + n) for n in range(20)]).status == 202
    with honest:
        honest.fills_a_minute()
    honest.is_counted()
    query = 'uneri_observed{kind="function",name="new-get",measure="requests",source_kind=""}'
    answer = daemon.get("/api/v1/query_range", query=query, start=begun + 900, end=begun + 960, step=60)
    assert b'"values":[[' in answer.body.replace(b" ", b""), answer.body
    assert daemon.get("/board/map").status == 200


def test_long_names_that_never_come_back_fit_into_memory(broker: str | None, tmp_path: Path) -> None:
    """What is counted is cut at 256 bytes; what is remembered of each record was not."""
    with Attacked(tmp_path, broker) as daemon:
        with HonestSender(daemon) as honest:
            daemon.wait_for_judgement()
            now = time.time()
            for first in range(0, 30_000, 500):
                assert daemon.send(*[long_named(now, n) for n in range(first, first + 500)]).status == 202
            honest.fills_a_minute()
        honest.is_counted()


def long_named(at: float, number: int) -> dict[str, Any]:
    """Return a request or, every tenth, a level, whose names are as long as compiled code reads them."""
    name = f"{number}".ljust(1000, "x")
    if number % 10 == 0:
        of = {"kind": "function", "name": name}
        return {"kind": "sample", "ts": at, "of": of, "name": name[:100], "value": 1, "limit": 2}
    return {
        "ts": at,
        "service": name,
        "route": name,
        "function": name,
        "client": {"name": name, "version": name, "tenant": name},
        "tables": [{"name": name, "op": name}],
        "values": {name: 1},
        "joins": f"k{number} k{number // 2}",
    }


def test_records_of_thousands_of_table_calls_fit_into_memory(broker: str | None, tmp_path: Path) -> None:
    """Packed, a body is 60 kB; its requests wait for their other records, with all their calls."""
    calls = ",".join(['{"name":"t"}'] * 75_000)
    with Attacked(tmp_path, broker) as daemon:
        with HonestSender(daemon) as honest:
            daemon.wait_for_judgement()
            for body in range(8):
                records = [
                    f'{{"ts":{time.time():.3f},"service":"evil","counts":"table","kind":"call",'
                    f'"joins":"{body}-{n}","tables":[{calls}]}}'
                    for n in range(30)
                ]
                packed = gzip.compress("\n".join(records).encode(), 1)

                def answered(packed: bytes = packed) -> bool:
                    answer = daemon.ask("/events", packed, {"Content-Encoding": "gzip"}, timeout=120)
                    return answer.status == 202

                daemon.wait(answered, "answer to a post")
            honest.fills_a_minute()
        honest.is_counted()


def test_an_incident_of_a_thousand_functions_at_once_costs_nobody_a_record(
    broker: str | None, tmp_path: Path
) -> None:
    """Each has a finding in the same step: some megabytes of them."""
    with Attacked(tmp_path, broker, judge={"young": 0}) as daemon:
        with HonestSender(daemon) as honest:
            daemon.wait_for_judgement()
            now = time.time()
            for first in range(0, 2000, 500):
                assert daemon.send(*[failed(now, n) for n in range(first, first + 500)]).status == 202
            daemon.wait(lambda: daemon.status().get("open_incidents"), "incident")
            honest.fills_a_minute()
        honest.is_counted()


def failed(at: float, number: int) -> dict[str, Any]:
    """Return ten requests that end with a fatal error that is new, of a function of their own."""
    name = f"{number}".ljust(250, "x")
    of = {"service": name, "route": name, "function": name, "client": {"name": name, "tenant": name}}
    return {"ts": at, "weight": 10, "error": "fatal", "error_type": "OutOfMemory", "status": 500} | of


def test_short_of_processor_time_it_is_slow_and_not_stuck(broker: str | None, tmp_path: Path) -> None:
    with Attacked(tmp_path, broker) as daemon:
        with HonestSender(daemon) as honest, repeated(lambda _: slow(daemon.process), 0.05):
            now = time.time()
            for first in range(0, 60_000, 20_000):
                flood = [{"ts": now, "service": f"s{n}", "route": "r"} for n in range(first, first + 20_000)]
                assert post(daemon, flood).status in {202, 503}
            honest.fills_a_minute()
        honest.is_counted()
        assert daemon.process.poll() is None


def test_thousands_of_posts_a_second_of_one_line_each_cost_nobody_a_record(
    broker: str | None, tmp_path: Path
) -> None:
    with Attacked(tmp_path, broker) as daemon:
        with HonestSender(daemon) as honest:
            senders = [threading.Thread(target=pipelined, args=(daemon, 40.0)) for _ in range(4)]
            for sender in senders:
                sender.start()
            for sender in senders:
                sender.join()
            honest.fills_a_minute()
        honest.is_counted()
        assert daemon.get("/readyz").status == 200
        assert len(daemon.lines()) < 40, daemon.output()


def pipelined(daemon: Attacked, seconds: float) -> None:
    """Post one line after the other over one connection, a hundred before an answer is read."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", daemon.port), 30) as opened:
            answers = opened.makefile("rb")
            while time.monotonic() < until:
                line = json.dumps({"ts": time.time(), "service": "small"}).encode()
                head = b"POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(line)
                opened.sendall((head + line) * 100)
                for _ in range(100):
                    read_answer(answers)


def read_answer(answers: BinaryIO) -> None:
    """Read an answer to its end."""
    size = 0
    while (line := answers.readline()) not in {b"\r\n", b""}:
        if line.lower().startswith(b"content-length:"):
            size = int(line.split()[1])
    if len(answers.read(size)) < size:
        raise ConnectionResetError


def slow(process: subprocess.Popen[bytes]) -> None:
    """Leave a process a fifth of its time, as a host without processor time does."""
    process.send_signal(signal.SIGSTOP)
    time.sleep(0.2)
    process.send_signal(signal.SIGCONT)
