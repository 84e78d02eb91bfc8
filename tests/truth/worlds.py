"""Small backends with one incident whose truth is known, because it was drawn.

A second account has the same names and less traffic, and nothing happens in it.

Requests are a Poisson stream with a daily shape, in parts by route. A route has a function, which calls a
table; a client is drawn for each request. Nothing here knows how Uneri counts or judges.
"""

import json
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Kind = Literal["more", "fewer", "none", "errors", "loop", "heavy"]
KINDS: Final[tuple[Kind, ...]] = ("more", "fewer", "none", "errors", "loop", "heavy")

ACCOUNTS: Final = ("123456789012", "210987654321")
START: Final = 1_756_684_800
LEARNT: Final = 3 * 3600  # seconds before the incident
A_DAY: Final = 25 * 3600  # that an absence is compared with
AFTER: Final = 45 * 60
RATES: Final = (0.3, 1.0, 4.0, 0.05)  # requests a second
QUICK: Final = 12  # worlds that are drawn in every test run, with few requests
ROUTES: Final = ("GET /items", "POST /orders", "GET /search")
FUNCTIONS: Final = ("get-items", "post-orders", "search")
TABLES: Final = ("items", "orders", "items")
CLIENTS: Final = ("ios", "android", "web")
BESIDE: Final = 0.2  # of the first account's rate, in the second
PARTS: Final = (0.5, 0.3, 0.2)
CALLS: Final = (1, 2, 3)  # of its table, by a request of a route
REFUSED: Final = 0.02
WCU: Final = (1.0, 2.5, 0.5)  # of a call


class World(NamedTuple):
    """What happened: one row per request, and the incident."""

    seed: int
    kind: Kind
    rate: float
    route: int  # that the incident is about; -1: all of them
    size: float  # times the usual; of errors, the part that fails
    begins: float  # epoch seconds
    ends: float
    ts: Floats
    accounts: NDArray[np.int64]
    routes: NDArray[np.int64]
    clients: NDArray[np.int64]
    failed: NDArray[np.bool_]
    refused: NDArray[np.bool_]  # by the caller's own mistake
    calls: NDArray[np.int64]
    wcu: Floats  # of each call
    total_ms: Floats
    function_ms: Floats

    def usual(self, since: float, until: float) -> float:
        """Return how many requests of all routes are usual between two times."""
        at = np.arange(since, until, 10.0)
        return float((self.rate * (1 + 0.2 * np.sin(2 * np.pi * at / 86400))).sum() * 10)

    def records(self) -> list[bytes]:
        """Return the events, as a sender writes them."""
        return [json.dumps(self._event(at)).encode() for at in range(len(self.ts))]

    def _event(self, at: int) -> dict[str, Any]:
        route, wcu = int(self.routes[at]), float(self.wcu[at])
        call = {"name": TABLES[route], "op": "UpdateItem", "ms": 4.0, "wcu": wcu}
        return {
            "ts": round(float(self.ts[at]), 3),
            "id": f"{self.seed}-{at}",
            "cloud": "aws",
            "account": ACCOUNTS[int(self.accounts[at])],
            "region": "eu-west-1",
            "service": "shop",
            "route": ROUTES[route],
            "function": FUNCTIONS[route],
            "client": {"name": CLIENTS[int(self.clients[at])]},
            "status": 502 if self.failed[at] else 404 if self.refused[at] else 200,
            "ms": {"total": float(self.total_ms[at]), "function": float(self.function_ms[at])},
            "tables": [call] * int(self.calls[at]),
        }


def drawn(seed: int) -> World:
    """Draw a world; the same seed draws the same one."""
    draw = np.random.default_rng(seed)
    kind = KINDS[seed % len(KINDS)]
    rate = float(draw.choice(RATES if seed >= QUICK else RATES[:2]))
    route = int(draw.choice((0, 1) if kind == "none" else (-1, 0, 1)))  # of nothing at all, time stands still
    size = {
        "more": float(draw.uniform(3, 8)),
        "fewer": float(draw.uniform(0.1, 0.4)),
        "none": 0.0,
        "errors": float(draw.uniform(0.15, 0.8)),
        "loop": float(draw.integers(8, 20)),
        "heavy": float(draw.uniform(5, 20)),
    }[kind]
    begins = START + (A_DAY if kind == "none" else LEARNT) + float(draw.uniform(0, 600))
    ends = begins + float(draw.uniform(12, 35)) * 60
    ts, routes = _requests(draw, rate, _Change(kind, route, size, begins, ends))
    ts_beside, routes_beside = _requests(draw, BESIDE * rate, _Change("errors", -1, 0.0, begins, ends))
    order = np.argsort(np.concatenate((ts, ts_beside)), kind="stable")
    accounts = np.repeat((0, 1), (len(ts), len(ts_beside)))[order]
    ts, routes = np.concatenate((ts, ts_beside))[order], np.concatenate((routes, routes_beside))[order]
    inside = (ts >= begins) & (ts < ends) & ((route < 0) | (routes == route)) & (accounts == 0)
    count = len(ts)
    calls = np.array(CALLS)[routes]
    wcu = np.array(WCU)[routes]
    failed = draw.random(count) < 0.0005
    if kind == "errors":
        failed |= inside & (draw.random(count) < size)
    if kind == "loop":
        calls = np.where(inside, calls * int(size), calls)
    if kind == "heavy":
        wcu = np.where(inside, wcu * size, wcu)
    clients = draw.choice(len(CLIENTS), count, p=(0.5, 0.3, 0.2))
    times = (40 * np.exp(draw.normal(0, 0.25, count))).round(3)
    return World(
        seed=seed,
        kind=kind,
        rate=rate,
        route=route,
        size=size,
        begins=begins,
        ends=ends,
        ts=ts,
        accounts=accounts,
        routes=routes,
        clients=clients,
        failed=failed,
        refused=~failed & (draw.random(count) < REFUSED),
        calls=calls,
        wcu=wcu.astype(float),
        total_ms=times,
        function_ms=(0.8 * times).round(3),
    )


class _Change(NamedTuple):
    kind: Kind
    route: int
    size: float
    begins: float
    ends: float


def _requests(draw: np.random.Generator, rate: float, change: _Change) -> tuple[Floats, NDArray[np.int64]]:
    """Draw when requests come, and of which route: thinned from the highest rate."""
    until = change.ends + AFTER
    most = rate * 1.2 * max(change.size if change.kind == "more" else 1.0, 1.0)
    count = int(draw.poisson(most * (until - START)))
    ts = np.sort(draw.uniform(START, until, count)).round(3).astype(np.float64)
    routes = draw.choice(len(ROUTES), count, p=PARTS)
    wanted = rate * (1 + 0.2 * np.sin(2 * np.pi * ts / 86400))
    inside = (ts >= change.begins) & (ts < change.ends) & ((change.route < 0) | (routes == change.route))
    if change.kind in ("more", "fewer", "none"):
        wanted = np.where(inside, wanted * change.size, wanted)
    kept = draw.random(count) * most < wanted
    return ts[kept], routes[kept]
