"""A file is divided by what its bytes are, whatever they are, without holding more than a bound."""

import gzip
import io
import json
import random
import time
import tracemalloc
from collections.abc import Callable

import pytest

from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats import payloads
from streams.ingest.formats.format import MOST_UNPACKED, REMEDIES
from streams.ingest.formats.payloads import divided


class Dribble(io.RawIOBase):
    """Gives a few bytes at a time, as a pipe does."""

    def __init__(self, content: bytes, most: int) -> None:
        self._content, self._most = io.BytesIO(content), most

    def readable(self) -> bool:
        return True

    def readinto(self, into: memoryview) -> int:  # type: ignore[override]
        part = self._content.read(min(len(into), self._most))
        into[: len(part)] = part
        return len(part)


def of(
    content: bytes, claimed: Callable[[bytes], bool] = lambda _: False, most: int = 1 << 20
) -> tuple[str, list[tuple[str, bytes]]]:
    how, found = divided(io.BufferedReader(Dribble(content, most)), claimed)
    return how, [
        (payload.place, payload.content if payload.refusal is None else payload.refusal.reason.value.encode())
        for payload in found
    ]


LINED = "a JSON document on each line"
TEXT = "lines of text"
ROW = "JSON documents in a row"
PRETTY = json.dumps({"a": [1, {"b": 2}]}, indent=2).encode()


@pytest.mark.parametrize(
    ("content", "how", "found"),
    [
        (b'{"a": 1}', LINED, [("line 1", b'{"a": 1}')]),
        (b'{"a": 1}\r\n\r\n{"a": 2}\n', LINED, [("line 1", b'{"a": 1}'), ("line 3", b'{"a": 2}')]),
        (b'\n \n{"a": 1}\nnope\n', LINED, [("line 3", b'{"a": 1}'), ("line 4", b"nope")]),
        (b'\xef\xbb\xbf{"a": 1}', LINED, [("line 1", b'{"a": 1}')]),
        (PRETTY, "one JSON document", [("the whole", PRETTY)]),
        (b'[{"a": 1},\n {"a": 2}]', "a JSON array", [("item 1", b'{"a": 1}'), ("item 2", b'{"a": 2}')]),
        (b"[1]\n[3]", LINED, [("line 1, item 1", b"1"), ("line 2, item 1", b"3")]),
        (b"[]", LINED, []),
        (PRETTY + b"\n" + PRETTY, ROW, [("document 1", PRETTY), ("document 2", PRETTY)]),
        (b'{"a": 1}{"a": 2}', ROW, [("document 1", b'{"a": 1}'), ("document 2", b'{"a": 2}')]),
        (PRETTY[:-4], "one damaged JSON document", [("the whole", PRETTY[:-4])]),
        (b'{"a": 1', "one damaged JSON document", [("the whole", b'{"a": 1')]),
        (b'{"a": 1\n{"a": 2}\n', "lines", [("line 1", b'{"a": 1'), ("line 2", b'{"a": 2}')]),
        (b"[ERROR] one\n[INFO] two\n", "lines", [("line 1", b"[ERROR] one"), ("line 2", b"[INFO] two")]),
        (b"REPORT\t2 ms\n\nSTART\n", TEXT, [("line 1", b"REPORT\t2 ms"), ("line 3", b"START")]),
        ("在庫 GET /注文".encode(), TEXT, [("line 1", "在庫 GET /注文".encode())]),
        (b"caf\xe9 in Latin-1\n", TEXT, [("line 1", b"caf\xe9 in Latin-1")]),
        (b"\n\x8f\x02\n\x1a\x12\x04ab", "one binary payload", [("the whole", b"\n\x8f\x02\n\x1a\x12\x04ab")]),
        (b"\0\0\0\1{}", "one binary payload", [("the whole", b"\0\0\0\1{}")]),
        (b"", TEXT, []),
        (b"\n\n", TEXT, []),
    ],
)  # fmt: skip
@pytest.mark.parametrize("most", [1 << 20, 3])
def test_a_file_is_divided_by_its_bytes(
    content: bytes, how: str, found: list[tuple[str, bytes]], most: int
) -> None:
    if how != "one binary payload" or most > 3:  # whose mark must be among the first bytes that come
        assert of(content, most=most) == (how, found)


def test_what_a_format_reads_as_it_is_stays_whole() -> None:
    listed = b'[{"a": 1},\n {"a": 2}]'
    assert of(listed, lambda content: content.startswith(b"["))[1] == [("the whole", listed)]
    packed = gzip.compress(listed)
    assert of(packed, lambda content: content == packed) == (
        "one payload packed by gzip",
        [("the whole", packed)],
    )


@pytest.mark.parametrize("most", [1 << 20, 3])
def test_gzip_is_unpacked_and_divided(most: int) -> None:
    how, found = of(gzip.compress(b"one\ntwo\n") + gzip.compress(b"three"), most=most)
    assert (how, [content for _, content in found]) == (
        "lines of text, packed by gzip",
        [b"one", b"two", b"three"],
    )


def test_damaged_gzip_is_refused_where_it_is_damaged() -> None:
    lines = b"".join(b'{"number": %d}\n' % (n * 7919**3 % 10**12) for n in range(50_000))
    how, found = of(gzip.compress(lines)[:-2000])
    assert how == "a JSON document on each line, packed by gzip"
    assert len(found) > 1000
    assert found[-1] == ("the rest", b"damaged")
    assert of(b"\x1f\x8bno gzip")[1] == [("the rest", b"damaged")]


def test_a_line_that_is_too_long_is_refused_and_the_next_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payloads, "MOST_UNPACKED", 1000)
    assert of(b"a" * 5000 + b"\nnext\n")[1] == [("line 1", b"too_large"), ("line 2", b"next")]
    assert of(b"\0" * 1001)[1] == [("the whole", b"too_large")]
    assert of(b'{"a": 1\n' + b'{"a": 2}\n' * 200)[1][-1] == ("line 201", b'{"a": 2}')
    assert of(gzip.compress(b"ab" * 2000))[1] == [("line 1", b"too_large")]


def test_a_large_file_is_held_line_by_line() -> None:
    packed = gzip.compress(b'{"ts": 1760000000, "service": "inventory"}\n' * 300_000, 1)
    file = io.BufferedReader(io.BytesIO(packed))
    tracemalloc.start()
    try:
        assert sum(1 for _ in divided(file, lambda _: False).payloads) == 300_000
        assert tracemalloc.get_traced_memory()[1] < MOST_UNPACKED // 8
    finally:
        tracemalloc.stop()


def test_any_bytes_are_divided() -> None:
    chance = random.Random(7)  # noqa: S311 - the same in every run
    parts = [b"{", b"}", b"[", b"]", b'"', b"\n", b"a", b":", b",", b"1", b"\0", b"\xff", b"\x1f\x8b", b" "]
    for _ in range(3000):
        content = b"".join(chance.choices(parts, k=chance.randrange(30)))
        of(content, most=chance.choice([1, 100]))


def test_every_reason_has_a_remedy() -> None:
    assert set(REMEDIES) == set(RejectReason)


def test_blank_lines_are_counted_and_cost_nothing() -> None:
    blank = 30_000_000  # of one call each, they would take many seconds
    content = b'{"a": 1}\n' + b"\n" * blank + b' {"a": 2}\n'
    began = time.process_time()
    assert of(content)[1] == [("line 1", b'{"a": 1}'), (f"line {blank + 2}", b' {"a": 2}')]
    assert of(b"\r\n" * blank + b"last")[1] == [(f"line {blank + 1}", b"last")]
    assert time.process_time() - began < 4


@pytest.mark.parametrize("most", [1, 3, 1 << 20])
def test_blank_lines_keep_the_place_and_the_indent_of_what_follows(most: int) -> None:
    content = b"\n  \n  one\n \t\n\n" + b"\n" * 10_000 + b"   two\n\n"
    assert of(content, most=most)[1] == [("line 3", b"  one"), ("line 10006", b"   two")]


def test_a_large_text_in_utf_16_is_not_only_called_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payloads, "MOST_UNPACKED", 20)
    [(place, content)] = of("\ufeff".encode("utf-16-le") + "a line of text\n".encode("utf-16-le"))[1]
    assert (place, content[:4]) == ("the whole", b"\xff\xfea\0")
