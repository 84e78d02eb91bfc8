"""A topic of OpenTelemetry messages that is written in seconds, and how many requests it has.

The messages are the first of ``formats.py``, of 256 spans each, again and again; each time with other traces,
requests and times, which are written over theirs.
"""

from collections import Counter
from typing import Final, NamedTuple

import numpy as np

from benchmarks.batch_writer import built, write
from benchmarks.formats import SPANS, START_NS, spans
from benchmarks.meter import PARTITIONS
from benchmarks.request_events import Answer
from benchmarks.totals import WINDOW, Totals
from detectors.model.array_types import Bytes, Ints

KINDS: Final = 30  # of messages
REQUESTS: Final = SPANS // 4  # of a message
BATCH: Final = 4  # messages: 400 kB
ROW: Final = BATCH * PARTITIONS
EVERY_NS: Final = 200_000  # a request, in event time: 5,000 a second
PER_WINDOW: Final = WINDOW * 1_000_000_000 // EVERY_NS
_SMALL, _CAPITAL = (np.frombuffer(raw, np.uint8) for raw in (b"0123456789abcdef", b"0123456789ABCDEF"))
_DRAWN_NS: Final = 1_000_000  # a request, as they were drawn
_TO_END: Final = 9  # bytes from the start of a span to its end
_TOOK_NS: Final = (0, 41_000_000, 7_000_000)  # from the start of a request to what is written


class _Pattern(NamedTuple):
    """A message, and where in it each request has what differs between messages: (requests, places)."""

    body: bytes
    traces: Ints
    times: tuple[Ints, ...]  # one for each of ``_TOOK_NS``
    heads: Ints  # of invocations: eight digits
    tails: Ints  # and twelve
    calls: Ints  # the last twelve digits of what calls are known by


class SpanTopic:
    """Messages in whole batches, with at least so many spans."""

    def __init__(self, least: int) -> None:
        self.batches = -(-least // (SPANS * ROW))
        self.messages = self.batches * ROW
        messages, _ = spans(KINDS * SPANS)
        self._patterns = [_pattern(body, number * SPANS) for number, body in enumerate(messages)]
        self.size = sum(map(len, messages)) / (KINDS * SPANS)

    def message(self, number: int) -> bytes:
        """Return a message by its number."""
        pattern = self._patterns[number % KINDS]
        places = number * REQUESTS + np.arange(REQUESTS)
        body = bytearray(pattern.body)
        view = np.frombuffer(body, np.uint8)
        _over(view, pattern.traces, (places + 1).astype(">i8").view(np.uint8).reshape(-1, 8))
        for took, at in zip(_TOOK_NS, pattern.times, strict=True):
            nanoseconds = START_NS + places * EVERY_NS + took
            _over(view, at, nanoseconds.astype("<i8").view(np.uint8).reshape(-1, 8))
        _over(view, pattern.heads, _digits(places, 8, _SMALL))
        _over(view, pattern.tails, _digits(places, 12, _SMALL))
        _over(view, pattern.calls, _digits(places, 12, _CAPITAL))
        del view
        return bytes(body)

    def batch(self, partition: int, number: int) -> bytes:
        """Return a batch as Kafka keeps it: messages are dealt to the partitions in turn."""
        numbers = [(number * BATCH + place) * PARTITIONS + partition for place in range(BATCH)]
        newest = [START_NS + ((place + 1) * REQUESTS - 1) * EVERY_NS for place in numbers]
        return built(
            [self.message(place) for place in numbers], [-(-newest_ns // 1_000_000) for newest_ns in newest]
        )

    def write(self, broker: str, name: str) -> None:
        """Make a topic of these messages, which arrived as they happened."""
        write(broker, name, self.batch, self.batches)

    @property
    def answer(self) -> Answer:
        """How many requests are in each window of each partition; records are messages."""
        numbers = np.repeat(np.arange(self.messages), REQUESTS)
        places = np.arange(len(numbers))
        keys = (places // PER_WINDOW) * PARTITIONS + numbers % PARTITIONS
        found, counts = np.unique(keys, return_counts=True)
        start = START_NS // 1_000_000_000
        buckets = Counter(
            {
                (key % PARTITIONS, start + WINDOW * (key // PARTITIONS)): count
                for key, count in zip(found.tolist(), counts.tolist(), strict=True)
            }
        )
        return Answer(self.messages, Totals(), buckets)


def _digits(numbers: Ints, digits: int, letters: Bytes) -> Bytes:
    """Return (n, digits) of hexadecimal."""
    shifts = 4 * np.arange(digits - 1, -1, -1)
    digits_of: Bytes = letters[(numbers[:, None] >> shifts) & 15]
    return digits_of


def _over(view: Bytes, places: Ints, written: Bytes) -> None:
    """Write (n, w) bytes at (n, k) places, each row at all of its places."""
    width = np.arange(written.shape[1])
    view[places[:, :, None] + width] = written[:, None, :]


def _pattern(body: bytes, first: int) -> _Pattern:
    traces: list[list[int]] = []
    starts: list[list[int]] = []
    heads: list[list[int]] = []
    calls: list[list[int]] = []
    for place in range(first, first + REQUESTS):
        traces.append(_all(body, b"\n\x10" + (place + 1).to_bytes(16, "big"), 10))
        starts.append(_all(body, b"9" + (START_NS + place * _DRAWN_NS).to_bytes(8, "little") + b"A", 1))
        heads.append(_all(body, f"{place:08x}-7c1d-4a6e-9b2f-{place:012x}".encode(), 0))
        calls.append(_all(body, b"(" + f"{place:040X}".encode(), 29))
    start, head = np.array(starts), np.array(heads)
    ends = start[:, :1] + _TO_END, start[:, 1:] + _TO_END  # of the request, and of its calls
    return _Pattern(body, np.array(traces), (start, *ends), head, head + 24, np.array(calls))


def _all(body: bytes, what: bytes, behind: int) -> list[int]:
    """Return where a text is found, so many bytes behind its beginning."""
    found, at = [], body.find(what)
    while at >= 0:
        found.append(at + behind)
        at = body.find(what, at + 1)
    return found
