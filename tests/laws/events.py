"""Generated records of small worlds, as unkind as those of real senders, for the laws of the stream.

A record is a pure function of its seed and its time: hypothesis draws seeds and moves of time, so that a
failing stream shrinks record by record and to plainly written ones (seeds below ``PLAIN``), and drawing
costs little. Import

- ``records``: bytes of one good event in any form that JSON allows;
- ``malformed``: bytes that are mostly not an event: cut off, with flipped bits, of wrong types, or absurd;
- ``anything``: either;
- ``streams``: lists of ``Sent``, out of order, late, repeated, with gaps, wild clocks and malformed ones.
"""

import json
import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any, Final, NamedTuple

from hypothesis import settings
from hypothesis import strategies as st

from tests.laws.json_forms import ODD_NUMBERS, Literal, Pairs, written
from tests.streams.engine.decode.malformed_corpus import CORPUS

T0: Final = 1_760_000_000
GRID: Final = 4
"""Stamps are whole quarters of a second: exact in every form that ``ts`` can have."""

PLAIN: Final = 1 << 12
"""Seeds below are written as ``json.dumps`` writes, without a flourish."""

SERVICES: Final = ("inventory", "orders", "在庫", 'qu"ote\\back/slash', "tab\tand\nline")
ROUTES: Final = ("GET /items/{id}", "POST /items", "GET /über/😀")
FUNCTIONS: Final = ("put-item", "get-item", "é" * 200, "\x7f\u2028\ufeff")
TABLES: Final = ("items", "users", "ledger ☃", "", "t" * 300)
CLIENTS: Final = ("ios", "android", "web\u0000")
TENANTS: Final = ("game-42", "game-43", "")
KEYS: Final = ("sales", "cost", "verkäufe", "", "k" * 260)
OPS: Final = ("GetItem", "UpdateItem", "Query", "BatchWriteItem", "ExecuteStatement", "docs.set", "")
REASONS: Final = ("TableWriteKeyRange", "concurrency", "理由", "")
ERROR_TYPES: Final = ("Boom", "Runtime.ExitError", "Ünknown", "")
STATUSES: Final = (200, 204, 301, 400, 404, 429, 499, 500, 503, 0, 999)

COUNTED: Final = (
    "function", "account,service,route,client", "table", "function,table", "client,account",
    "account,service,route,function,table,client", "table<function", "function<route,client",
)  # fmt: skip

SMALL: Final = (0, 1, 2, 0.1, 0.5, 2.5, 41.2, 7.25, 100, 1e-7, 1 / 3, 12345.678)
LARGE: Final = (1e6, 99_999_999.5, 1e8)
"""As large as sums stay exact of however many records a test sends (``decode.columns.QUANTUM``)."""
AMOUNTS: Final = (*SMALL, *LARGE, -0.0, -3, -41.2, 1e9, -1e9, 1e15, -1e300, 5e-324, 2**53 + 1, 2**64, 10**30)
_ABSENT: Final = object()

steady = settings(derandomize=True)
"""The same examples in every run, so that a failure can be reproduced."""


class Sent(NamedTuple):
    """A record and its time stamp in epoch seconds, NaN where it has none."""

    body: bytes
    ts: float


def record(seed: int, ts: float, id: str | object | None = _ABSENT) -> bytes:  # noqa: A002 - the field's name
    """Return the record of this seed at this time; the seed also determines its id unless one is given."""
    random = Random(seed)  # noqa: S311 - a test's worlds, not secrets
    fields = fields_of(random, ts, plain=seed < PLAIN)
    if id is not _ABSENT:
        fields["id"] = id
    return json.dumps(fields).encode() if seed < PLAIN else written(random, Pairs(fields.items()))


def fields_of(random: Random, ts: float, *, plain: bool) -> dict[str, Any]:
    """Return the fields of a good event: most are often absent, and sometimes null."""
    fields: dict[str, Any] = {"ts": ts if plain else stamp(random, ts)}

    def maybe(name: str, make: Callable[[], Any], often: float = 0.5) -> None:
        if random.random() < often:
            fields[name] = None if random.random() < 0.1 else make()

    maybe("id", lambda: random.choice(("", *(f"e{n}" for n in range(30)), "ïd", "i" * 65, "j" * 64)))
    maybe("cloud", lambda: random.choice(("aws", "gcp")))
    maybe("account", lambda: random.choice(("1", "123456789012")))
    maybe("region", lambda: "eu-west-1")
    maybe("route", lambda: random.choice(ROUTES))
    maybe("function", lambda: random.choice(FUNCTIONS))
    fields["service"] = random.choice(SERVICES)
    if (fields.get("route") or fields.get("function")) and random.random() < 0.3:
        fields["service"] = random.choice((None, ""))
    maybe("client", lambda: _some(random, name=CLIENTS, version=("3.2.1", "4"), tenant=TENANTS))
    maybe("status", lambda: random.choice(STATUSES))
    maybe("error", lambda: random.choice(("user", "backend", "fatal")), 0.4)
    maybe("error_type", lambda: random.choice(ERROR_TYPES))
    layers = dict.fromkeys(("total", "function", "code", "auth"), SMALL)
    maybe("ms", lambda: _some(random, **layers))
    maybe("cold_start", lambda: random.random() < 0.5, 0.3)
    maybe("throttled", lambda: random.choice(REASONS), 0.3)
    maybe("tables", lambda: [_call(random) for _ in range(random.choice((0, 1, 1, 2, 3)))], 0.6)
    if random.random() < 0.3:
        maybe("kind", lambda: random.choice(("request", "call", "call")))
        maybe("counts", lambda: random.choice(COUNTED))
        maybe("weight", lambda: random.choice((1, 1.0, 2, 10, 2.5, 1 / 0.3, 1e6)))
        maybe("trace", lambda: random.choice(("5759e988bd862e3fe1be46a994272793", "spür", "")))
        maybe("joins", lambda: random.choice(("a", "b", "a b", "c  d", "ü", "")))
        maybe("sample", lambda: random.choice(('{"a": 1}', "ein Beispiel ☃")))
        maybe("memory_mb", lambda: random.choice((128, 1769)))
        maybe("billed_ms", lambda: random.choice(SMALL))
    maybe("values", lambda: {random.choice(KEYS): random.choice(AMOUNTS) for _ in range(random.randrange(3))})
    return fields


def _some(random: Random, **choices: Sequence[Any]) -> dict[str, Any]:
    return {
        name: None if random.random() < 0.1 else random.choice(among)
        for name, among in choices.items()
        if random.random() < 0.6
    }


def _call(random: Random) -> dict[str, Any]:
    units = (0, *SMALL, *LARGE)
    more = _some(random, op=OPS, ms=SMALL, rcu=units, wcu=units, throttled=REASONS)
    return {"name": random.choice(TABLES), **more}


def stamp(random: Random, ts: float) -> Any:
    """Return the time in one of the forms that ``ts`` may have."""
    form = random.randrange(6)
    if form == 0:
        return float(ts)
    if form == 1:
        return int(ts * 1000)
    if form == 2:
        return ts * 1000.0
    if form == 3:
        zone = timezone(timedelta(minutes=random.choice((0, 540, -210))))
        text = datetime.fromtimestamp(ts, zone).isoformat()
        return random.choice((text, text.lower(), text.replace("T", " ")))
    if form == 4:
        text = datetime.fromtimestamp(ts, UTC).isoformat().replace("+00:00", "Z")
        return random.choice((text, text.lower()))
    return int(ts) if ts == int(ts) else ts


def spoilt(seed: int, ts: float = T0) -> bytes:  # noqa: PLR0911 - one a way to spoil it
    """Return a record with which something is wrong, mostly: cut off, bits flipped, of wrong types."""
    random = Random(seed)  # noqa: S311 - a test's worlds, not secrets
    good = record(random.randrange(1 << 30), ts)
    way = random.randrange(7)
    if way == 0:
        return good[: random.randrange(len(good))]
    if way == 1:
        flipped = bytearray(good)
        for _ in range(random.choice((1, 1, 2, 9))):
            flipped[random.randrange(len(flipped))] ^= 1 << random.randrange(8)
        return bytes(flipped)
    if way == 2:
        at, to = sorted(random.randrange(len(good) + 1) for _ in range(2))
        return good[:at] + random.choice((b"", b"\n", b"\0", b'"', b"}{", b",", b"\xff", b"[")) + good[to:]
    if way == 3:
        return good + random.choice((b"}", b" x", b"\n" + good, b"\0", b"]", good))
    if way == 4:
        short = [body for body, _ in CORPUS if len(body) < 1024]
        return random.choice(short)
    if way == 5:
        return random.randbytes(random.randrange(60))
    fields = fields_of(random, ts, plain=False)
    wrong: tuple[object, ...] = (
        True,
        [],
        {},
        "x",
        7,
        -1,
        0.5,
        1e12,
        1e300,
        [None],
        {"total": "1"},
        {"name": 3},
        [{"rcu": 1}],
    )
    odd = map(
        Literal, (*ODD_NUMBERS, "NaN", "Infinity", "-", "+1", "01", "1.", ".5", "1e", "1e400", "-1e999")
    )
    fields[random.choice([*fields, "status", "ms", "tables", "ts"])] = random.choice((*wrong, *odd))
    return written(random, fields)


seeds = st.integers(0, 2**32 - 1)
stamps = st.integers(0, 3600 * GRID).map(lambda quarters: T0 + quarters / GRID)
records = st.builds(record, seeds, stamps)
malformed = st.builds(spoilt, seeds, stamps)
anything = st.one_of(records, records, malformed)


MOVES: Final = (0, 0, 0.25, 0.5, 1, 3, 9, 12, -0.25, -4, -15, -28, -31, -90, -250, 35, 200)
"""Mostly forward, sometimes back inside the lateness, sometimes far back, sometimes a gap."""
WILD: Final = (301, 400, 7200, 32_400, 90_000, 86400 * 400, -4000, -86400 * 30)
"""How far a wrong clock is off, or how long nothing arrived."""


@st.composite
def streams(
    draw: Callable[[st.SearchStrategy[Any]], Any],
    most: int = 40,
    *,
    moves: Sequence[float] = MOVES,
    wild: Sequence[float] = WILD,
    repeats: bool = True,
    bad: bool = True,
) -> list[Sent]:
    """Draw the records of one source partition in the order of their arrival.

    Parameters
    ----------
    most
        Records at most.
    moves
        How time moves from one record to the next; a negative move is this record's alone.
    wild
        Rare moves: a sender's clock that is off, sometimes a leap of time itself.
    repeats
        Records are repeated, with or without ids.
    bad
        Malformed records are among them.
    """
    kinds = st.integers(0, 15)
    steps = st.tuples(kinds, seeds, st.sampled_from(list(moves)))
    sent: list[Sent] = []
    now = float(T0)
    least = draw(st.sampled_from([1, max(1, most // 4), max(1, most // 2)]))  # else most would be short
    for kind, seed, move in draw(st.lists(steps, min_size=least, max_size=most)):
        if kind == 15 and wild:
            far = wild[seed % len(wild)]
            now = max(now, now + far) if seed & 1 else now
            sent.append(Sent(record(seed, now if seed & 1 else now + far), now if seed & 1 else now + far))
        elif kind == 14 and bad:
            sent.append(Sent(spoilt(seed, now), math.nan))
        elif kind >= 12 and repeats and sent:
            sent.append(sent[-1 - seed % min(len(sent), 12)])
        else:
            now = max(now, now + move)
            ts = now + min(move, 0)
            sent.append(Sent(record(seed, ts), ts))
    return sent


def stamp_of_sent(body: bytes) -> float:
    """Return the epoch seconds of a good record, read without the code under test."""
    ts: float | str = json.loads(body)["ts"]
    if isinstance(ts, str):
        return datetime.fromisoformat(ts.upper()).timestamp()
    return ts / 1000 if ts > 1e11 else ts
