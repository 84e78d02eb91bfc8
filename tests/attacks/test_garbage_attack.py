"""Garbage and bombs at every way in: bodies, lines, frames, and what unpacks to far too much."""

import base64
import gzip
import json
import os
import random
import time
import urllib.parse
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from detectors.state import zstd
from tests.attacks.attacked import Attacked, HonestSender
from tests.streams.engine.decode.malformed_corpus import CORPUS
from tests.streams.ingest.formats.test_shapes import HELD, payload_of, shapes

JSON = {"Content-Type": "application/json"}
PROTO = {"Content-Type": "application/x-protobuf"}
GZIP = {"Content-Encoding": "gzip"}
ROUTES = ("/v1/traces", "/v1/logs", "/v1/metrics", "/firehose", "/pubsub", "/changes", "/events")


class Hostile(NamedTuple):
    """A request that nobody should send."""

    what: str
    path: str
    body: bytes
    headers: Mapping[str, str] = MappingProxyType({})


ANSWERS = {200, 202, 400, 403, 404, 405, 408, 411, 413, 415, 422, 429, 503}


def varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def nested_protobuf(levels: int) -> bytes:
    body = b""
    for _ in range(levels):
        body = b"\x0a" + varint(len(body)) + body
    return body


def bombs() -> Iterator[Hostile]:
    """Yield bodies that are small, and become large or deep."""
    zeros = gzip.compress(bytes(200 << 20), 9)
    lines = gzip.compress(b"{}\n" * (20 << 20), 9)
    twice = gzip.compress(zeros)
    members = gzip.compress(b"") * 100_000
    good = gzip.compress(b'{"ts":1,"service":"a"}')
    deep = b'{"a":' * 400_000
    yield Hostile("zeros", "/events", zeros, GZIP)
    yield Hostile("lines", "/events", lines, GZIP)
    for level in (1, 22):
        bomb = zstd.compress(bytes(200 << 20), level)
        yield Hostile("zeros by zstd", "/events", bomb, {"Content-Encoding": "zstd"})
    yield Hostile("gzip in gzip", "/events", twice, GZIP)
    yield Hostile("gzip in gzip, unsaid", "/events?format=auto", twice)
    yield Hostile("members", "/events", members, GZIP)
    yield Hostile("members, unsaid", "/events?format=auto", members)
    yield Hostile("a good member, then garbage", "/events", good + os.urandom(5000), GZIP)
    yield Hostile("cut off", "/events", zeros[:-9], GZIP)
    yield Hostile("a wrong checksum", "/events", good[:-8] + bytes(8), GZIP)
    for encoding in ("br", "zstd", "deflate", "gzip, gzip", "gzip,br", "x" * 5000, "\xff", "identity;q=0"):
        yield Hostile(
            f"encoding {encoding[:20]!r}",
            "/events",
            zlib.compress(bytes(1000)),
            {"Content-Encoding": encoding},
        )
    for route in ROUTES:
        yield Hostile("zeros", route, zeros, {**JSON, **GZIP})
        yield Hostile("deep", route, deep, JSON)
        yield Hostile("deep lists", route, b"[" * 3_000_000, JSON)
        yield Hostile("a deep document", route, b"[" * 100_000 + b"]" * 100_000, JSON)
        yield Hostile("a number of a million digits", route, b'{"ts":' + b"9" * 1_000_000 + b"}", JSON)
        yield Hostile("a key a million times", route, b"{" + b'"k":1,' * 1_000_000 + b'"k":1}', JSON)
        yield Hostile("deep protobuf", route, nested_protobuf(3000), PROTO)
        yield Hostile("a length beyond the end", route, b"\x0a" + varint(2**63 - 1) + b"x", PROTO)
        yield Hostile("a length that is negative", route, b"\x0a" + b"\xff" * 9 + b"\x01", PROTO)
        yield Hostile("a number without an end", route, b"\x0a" + b"\xff" * 1000, PROTO)
        yield Hostile("a million empty parts", route, b"\x0a\x00" * 1_000_000, PROTO)
        yield Hostile("groups", route, b"\x0b" * 100_000, PROTO)
    for form in ("confluent", "cloudwatch_logs", "firehose", "otlp_proto", "metric_stream", "auto"):
        path = f"/events?format={form}"
        yield Hostile("zeros", path, zeros)
        yield Hostile("a frame of zeros", path, bytes(1 << 20))
        packed = base64.b64encode(zeros).decode()
        records = [{"recordId": str(n), "data": packed} for n in range(3)]
        yield Hostile("packed in records", path, json.dumps({"records": records, "requestId": "1"}).encode())
        yield Hostile("packed in awslogs", path, json.dumps({"awslogs": {"data": packed}}).encode())
    for sizes in ("-1", "1e9", "9" * 400, "٣"):
        yield Hostile(f"length {sizes[:9]}", f"/events?source={urllib.parse.quote(sizes)}", b"{}")


def mutated(payload: bytes, chance: random.Random) -> bytes:
    """Return a payload with a few bytes changed, cut, doubled or replaced by what parsers stumble over."""
    found = bytearray(payload or b"x")
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(found) or 1)
        match chance.randrange(6):
            case 0:
                found[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del found[at : at + chance.randint(1, 40)]
            case 2:
                found[at:at] = found[at : at + chance.randint(1, 200)] * chance.choice((1, 2, 50))
            case 3:
                found[at:at] = chance.choice(ODD)
            case 4:
                found[at : at + 8] = chance.choice((b"\xff" * 8, bytes(8), b"\x80" * 8))
            case _:
                other = chance.randrange(len(found) or 1)
                found[min(at, other) : max(at, other)] = found[other : other + 20]
    return bytes(found)


ODD = [
    b"1e999", b"-0", b"NaN", b"null", b'"\\ud800"', b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xe2\x80\xae",
    b"{" * 50, b"]" * 50, b"9" * 400, b"\r\n\r\n", b"\x1f\x8b\x08", b"\x00\x00\x00\x00\x07",
    b"2025-02-30T25:61:61+05:99",
    b"\\u0000", b"%s%n", b"=cmd|'/c calc'!A1", b"\x1b]0;x\x07", b"-9223372036854775809", b"0.1e-400",
]  # fmt: skip


def garbage(seed: int, count: int) -> Iterator[Hostile]:
    """Yield bodies of every format, damaged."""
    chance = random.Random(seed)  # noqa: S311 - the same garbage in every run
    payloads = [(name, payload_of(shape)) for name in HELD for shape in shapes(name)]
    payloads += [("uneri", body) for body, _ in CORPUS]
    for number in range(count):
        name, payload = (
            payloads[number % len(payloads)] if number < len(payloads) else chance.choice(payloads)
        )
        body = payload if number % 10 == 0 else mutated(payload, chance)
        headers: Mapping[str, str] = MappingProxyType({})
        if chance.random() < 0.2:
            body, headers = gzip.compress(body), GZIP
            body = mutated(body, chance) if chance.random() < 0.5 else body
        form = chance.choice([name, name, "auto", chance.choice(list(HELD))])
        path = chance.choice([f"/events?format={form}"] * 4 + list(ROUTES))
        kind = chance.choice([JSON, PROTO, {}, {"Content-Type": "text/plain; charset=\x80utf-16"}])
        yield Hostile(f"garbage {seed}/{number}", path, body, {**headers, **kind})


def test_garbage_and_bombs_cost_nobody_a_record(broker: str | None, tmp_path: Path) -> None:
    with Attacked(tmp_path, broker) as daemon:
        with HonestSender(daemon) as honest:
            for hostile in [*bombs(), *garbage(seed=20, count=400)]:
                answer = daemon.ask(hostile.path, hostile.body, hostile.headers, timeout=60)
                assert answer.status in ANSWERS, (hostile.what, hostile.path, answer)
            for hostile in garbage(seed=21, count=150):
                daemon.exchange(hostile.body.replace(b"\n", b"\r") + b"\n", daemon.tcp)
            daemon.exchange(b"[" * (20 << 20), daemon.tcp, seconds=20)
            honest.fills_a_minute()
        honest.is_counted()
        assert daemon.get("/readyz").status == 200
    assert len(daemon.lines()) < 60


def test_a_followed_file_of_garbage_is_read_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "followed.log"
    payloads = [hostile.body for hostile in garbage(seed=22, count=200)]
    file.write_bytes(b"\n".join([*payloads, b"[" * (3 << 20), b""]))
    daemon = Attacked(tmp_path / "daemon", dead_letters={"stop": False})
    daemon.command += ["--follow", str(file)]
    with daemon, HonestSender(daemon) as honest:
        daemon.wait(lambda: honest.accepted and daemon.metric("uneri_records_total") > 200, "record")
        time.sleep(10)
        assert daemon.get("/readyz").status == 200
    assert len(daemon.lines()) < 60
