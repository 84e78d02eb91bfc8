"""Turns payloads into the native records that a driver stores, one a line.

A request body is unpacked and its lines are counted before anything is built from them.
"""

import asyncio
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import msgspec

from detectors.state.zstd import DecompressionParameter, ZstdDecompressor, ZstdError
from streams.engine.decode.records import Records, joined
from streams.engine.decode.rejected import Rejected
from streams.ingest.formats.format import Reading, Refused, refused_record, to_json_line
from streams.ingest.formats.inputs import Input
from streams.ingest.formats.json_payload import object_on_several_lines
from streams.ingest.receivers.record_sink import DeadLetterAnswer
from streams.ingest.registry.registry_client import RegistryError
from streams.process.web.request_body import BodyError

MAX_BODY: Final = 32 * 1024 * 1024  # bytes, unpacked
MAX_LINES: Final = 250_000
MAX_MEMBERS: Final = 1000  # of a packed body
_FED: Final = 256 * 1024  # packed bytes at a time: zlib copies what it leaves
_STEP: Final = 1024 * 1024  # unpacked bytes at a time
_WINDOW: Final = 25  # bits: 32 MiB, of which no level but the last two asks for more
EXPLAINED: Final = 1000
"""Bad parts of a payload that are listed with their reason."""

AT_ONCE: Final = 10_000
"""Lines that a format reads at once: it bounds the size of a payload."""

_POLL: Final = 0.5  # seconds


def split_records(body: bytes) -> Records:
    r"""Return the records of an unpacked body: NDJSON, or one object on several lines.

    Examples
    --------
    >>> list(split_records(b'{"ts": 1,\n "service": "a"}'))
    [b'{"ts":1,"service":"a"}']
    >>> list(split_records(b'{"ts": 1}\nnope'))
    [b'{"ts": 1}', b'nope']
    """
    if whole := object_on_several_lines(body):
        return Records.of([msgspec.json.encode(msgspec.json.decode(whole))])
    return Records.of_lines(body)


class LargerError(Exception):
    """A body is larger than the caller allows."""


def unpack(body: bytes, encoding: str, most: int = MAX_BODY, *, of_lines: bool = True) -> bytes:
    """Undo the content encoding, up to the first excess; lines are counted if the body is ``of_lines``.

    Raises
    ------
    LargerError
        When the body is larger than ``most``, which is less than ``MAX_BODY``.
    BodyError
        When the body is damaged, truncated, too large, of too many lines, or of an unknown encoding.
    """
    if encoding == "identity":
        _check(len(body), body.count(b"\n") if of_lines else 0, most)
        return body
    reader = _READERS.get(encoding)
    if reader is None:
        known = ", ".join(_READERS)
        raise BodyError(f"Content-Encoding {encoding!r} is not supported; send {known}, or no encoding", 415)
    plain = bytearray()
    lines = 0
    try:
        for part in _unpacked(body, encoding, reader):
            lines += part.count(b"\n") if of_lines else 0
            plain += part
            _check(len(plain), lines, most)
    except (zlib.error, ZstdError) as error:
        raise BodyError(
            f"the {encoding} body is damaged ({error}); nothing was stored, send it again", 400
        ) from None
    return bytes(plain)


_READERS: Final[Mapping[str, Callable[[], Any]]] = {
    "gzip": lambda: zlib.decompressobj(wbits=31),
    "zstd": lambda: ZstdDecompressor(options={DecompressionParameter.window_log_max: _WINDOW}),
    "deflate": zlib.decompressobj,
}


def _unpacked(body: bytes, encoding: str, new_reader: Callable[[], Any]) -> Iterator[bytes]:
    view = memoryview(body)
    members, at = 0, 0
    while at < len(body):
        members += 1
        if members > MAX_MEMBERS:
            raise BodyError(
                f"the {encoding} body has more than {MAX_MEMBERS:,} members; send one", 413, "too_large"
            )
        reader = new_reader()
        keeps = isinstance(reader, ZstdDecompressor)  # what it has not unpacked yet
        while not reader.eof:
            fed = view[at : at + _FED] if not keeps or reader.needs_input else b""
            part = reader.decompress(fed, _STEP)
            left = reader.unused_data if reader.eof else b"" if keeps else reader.unconsumed_tail
            at += len(fed) - len(left)  # at its end, zlib has what is left in both
            if not (part or fed or reader.eof):
                raise BodyError(f"the {encoding} body is truncated; nothing was stored, send it again", 400)
            yield part


def _check(size: int, lines: int, most: int) -> None:
    if lines > MAX_LINES:
        raise BodyError(f"the body has more than {MAX_LINES:,} lines; send it in parts", 413, "too_large")
    if size > MAX_BODY:
        raise BodyError(
            f"the body is larger than {MAX_BODY >> 20} MiB unpacked; send it in parts", 413, "too_large"
        )
    if size > most:
        raise LargerError


@dataclass(frozen=True, slots=True)
class ReadPayload:
    """A payload as lines: its records, then its refused parts, for the dead letters."""

    lines: Records
    records: int
    refused: Sequence[Refused] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)
    as_sent: bool = False  # the lines are those of the sender, which knows them by number


Reader = Callable[[bytes], ReadPayload]
"""Reads an unpacked body, in a thread."""


def from_reading(reading: Reading) -> ReadPayload:
    """Return the payload that a format has read."""
    lines = [*map(to_json_line, reading.records), *map(refused_record, reading.refused)]
    return ReadPayload(Records.of(lines), len(reading.records), reading.refused, Counter(reading.skipped))


def payload_reader(source: Input) -> Reader:
    """Return the reader for the payloads of a source."""

    def read(payload: bytes) -> ReadPayload:
        found = source.lines(payload)
        lines = found.records
        if found.refused:
            lines = joined([lines, Records.of([*map(refused_record, found.refused)])])
        return ReadPayload(lines, len(found.records), found.refused, found.skipped)

    return read


def read_native(body: bytes) -> ReadPayload:
    """Return native records as they were sent; the decoder of the driver finds the bad ones."""
    lines = split_records(body)
    return ReadPayload(lines, len(lines), as_sent=True)


class Receipt(NamedTuple):
    """The outcome for a payload that is stored."""

    accepted: int
    refused: Sequence[DeadLetterAnswer] = ()
    refusals: int = 0  # ``refused`` lists the first of them
    late: int = 0
    skipped: Mapping[str, int] = {}


def explain_refusals(payload: ReadPayload, rejected: Sequence[Rejected] = ()) -> list[DeadLetterAnswer]:
    """List the first parts that are no records, with the reason; ``rejected`` are lines of the payload."""
    what = "line" if payload.as_sent else "record"
    bad = [
        DeadLetterAnswer(**{what: line.index + 1}, reason=line.reason, detail=line.detail)
        for line in rejected[:EXPLAINED]
        if line.index < payload.records
    ]
    bad += [DeadLetterAnswer(reason=part.reason, detail=part.detail) for part in payload.refused[:EXPLAINED]]
    return bad[:EXPLAINED]


LineReader = Callable[[bytes], Records]
"""Makes native records, or dead letters, of whole lines."""


def line_reader(source: Input | None) -> LineReader:
    """Return the reader for the lines of a source; None: native records, whose lines stay as they are."""
    if source is None:
        return Records.of_lines
    read = payload_reader(source)

    def read_block(block: bytes) -> Records:
        lines = Records.of_lines(block)
        firsts = range(0, len(lines), AT_ONCE)
        return joined([read(lines[first : first + AT_ONCE].as_lines()).lines for first in firsts])

    return read_block


async def read_lines(read: LineReader, block: bytes) -> Records:
    """Read whole lines in a thread; wait while a schema registry is down."""
    while True:
        try:
            return await asyncio.to_thread(read, block)
        except RegistryError:  # it logs that itself
            await asyncio.sleep(_POLL)
