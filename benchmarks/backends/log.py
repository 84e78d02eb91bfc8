"""A whole log: how the requests of a backend end, what they take, and the events that are written of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
from msgspec import json
from numpy.typing import NDArray

from benchmarks.backends.arrivals import NOBODY, Arrivals, Names, arrivals, joined, names_of, struck
from benchmarks.backends.backend import START, Backend, Call, Fault
from detectors.model.array_types import Bools, Floats, Places

OK, USER, BACKEND, FATAL = range(4)
ENDS_IN: Final = {"fail": BACKEND, "refuse": USER, "crash": FATAL}
STATUS: Final = (200, 400, 500, 502)
CLASS: Final = ("", "user", "backend", "fatal")

LONGEST: Final = 25_000.0  # milliseconds: a gateway waits no longer
COLD_STARTS: Final = 0.004  # of all requests
SLOW: Final = 0.01  # of all times, with a Pareto tail
LOST_BY_THROTTLING: Final = (
    0.4  # of the throttled calls fail their request; the others are tried again in time
)
RETRIED: Final = 0.5  # of the requests that the backend fails
TRAVELS: Final = 0.5  # seconds from a request to its arrival
RUN: Final = 20_000  # records that are written at a time


class Run(NamedTuple):
    """Records in the order of their arrival, and when each does, epoch seconds."""

    arrived: Floats
    records: list[bytes]


@dataclass
class Log:
    """Requests in order of time, and their table calls in order of the requests."""

    names: Names
    events: Arrivals
    error: NDArray[np.int8]
    error_type: Places  # index into ``types``
    code: Floats  # milliseconds of the function's own code
    auth: Floats
    cold: Bools
    event: Places  # of each call
    call: Places  # number of the call within its path
    rcu: Floats
    wcu: Floats
    ms: Floats
    throttle: Places  # index into ``reasons``
    types: list[str] = field(default_factory=lambda: [""])
    reasons: list[str] = field(default_factory=lambda: [""])


def draw_log(backend: Backend, seed: int) -> Log:
    """Draw the whole log of a backend with its incidents."""
    draw = np.random.default_rng(seed)
    names = names_of(backend)
    log = _requests(arrivals(backend, names, draw), names, backend.faults, draw)
    failed = np.flatnonzero((log.error >= BACKEND) & (draw.random(len(log.code)) < RETRIED))
    again = log.events.at(failed)  # who is refused by the backend tries again a little later
    again = again.moved(again.ts + 0.5 + draw.exponential(2.0, failed.size))
    again = again.at(again.ts < backend.seconds)
    return _requests(joined([log.events, again]), names, backend.faults, draw)


def _tailed(draw: np.random.Generator, count: int, spread: float) -> Floats:
    """Return factors on a time: log-normal, a few with a Pareto tail."""
    found: Floats = np.exp(draw.normal(0, spread, count))
    slow = draw.random(count) < SLOW
    found[slow] *= 3 * (1 + draw.pareto(2.0, int(slow.sum())))
    return np.minimum(found, 300.0)


def _requests(events: Arrivals, names: Names, faults: list[Fault], draw: np.random.Generator) -> Log:
    events = events.at(np.argsort(events.ts, kind="stable"))
    n = len(events.ts)

    def of_path(figure: str) -> Floats:
        return np.array([getattr(path, figure) for path in names.paths], float)[events.path]

    code = of_path("ms") * _tailed(draw, n, 0.45)
    cold = draw.random(n) < COLD_STARTS
    code[cold] += 350 * _tailed(draw, int(cold.sum()), 0.3)
    chance, backend = draw.random(n), of_path("backend_errors")
    error = np.where(chance < backend, BACKEND, np.where(chance < backend + of_path("user_errors"), USER, OK))
    count = np.array([len(path.calls) for path in names.paths])[events.path]
    many = count.copy()
    for fault in faults:
        if fault.effect == "calls":
            hit = struck(fault, events, names)
            many[hit] = np.rint(many[hit] * fault.size).astype(int)
    event = np.repeat(np.arange(n), many)
    call = (np.arange(len(event)) - (np.cumsum(many) - many)[event]) % count[event]
    most = max(len(path.calls) for path in names.paths)
    calls = [[*path.calls, *[Call("", "")] * (most - len(path.calls))] for path in names.paths]

    def of_call(figure: str) -> NDArray[Any]:
        by_path = np.array([[getattr(each, figure) for each in row] for row in calls])
        found: NDArray[Any] = by_path[events.path[event], call]
        return found

    log = Log(
        names=names,
        events=events,
        error=error.astype(np.int8),
        error_type=np.zeros(n, np.intp),
        code=np.minimum(code, LONGEST),
        auth=4.0 * _tailed(draw, n, 0.25),
        cold=cold,
        event=event,
        call=call,
        rcu=_units(of_call("rcu"), draw),
        wcu=_units(of_call("wcu"), draw),
        ms=of_call("ms") * _tailed(draw, len(event), 0.35),
        throttle=np.zeros(len(event), np.intp),
    )
    tables = of_call("table")
    for fault in faults:
        hit = struck(fault, events, names)
        if fault.effect == "slow code":
            log.code[hit] *= fault.size
        elif fault.effect in ENDS_IN:
            hit &= draw.random(n) < fault.size
            log.error[hit] = ENDS_IN[fault.effect]
            if fault.text:
                log.types.append(fault.text)
                log.error_type[hit] = len(log.types) - 1
        elif fault.effect in {"dear", "slow table", "throttle"}:
            _strike_table(log, (tables == fault.table) & hit[event], fault, draw)
    return log


def _units(mean: Floats, draw: np.random.Generator) -> Floats:
    """Return capacity in halves: what is small is the same at every call, the rest varies with the data."""
    varied = np.maximum(np.rint(2 * mean * draw.gamma(3.0, 1 / 3.0, len(mean))) / 2, 0.5)
    found: Floats = np.where(mean > 1, varied, mean)
    return found


def _strike_table(log: Log, on: Bools, fault: Fault, draw: np.random.Generator) -> None:
    if fault.effect == "dear":
        log.rcu[on] *= fault.size
        log.wcu[on] *= fault.size
    elif fault.effect == "slow table":
        log.ms[on] *= fault.size
    else:
        hit = on & (draw.random(len(on)) < fault.size)
        log.reasons.append(fault.text)
        log.throttle[hit] = len(log.reasons) - 1
        log.ms[hit] += 60 + draw.exponential(80, int(hit.sum()))
        log.rcu[hit] = log.wcu[hit] = 0.0
        log.error[log.event[hit & (draw.random(len(on)) < LOST_BY_THROTTLING)]] = BACKEND


def arriving(
    log: Log, backend: Backend, seed: int, since: float = np.inf, within: float = 2.0
) -> Iterator[Run]:
    """Yield all records, many at a time; from ``since`` on (epoch seconds) those of so many seconds."""
    draw = np.random.default_rng(seed + 1)
    n = len(log.code)
    at = log.events.ts + draw.exponential(max(backend.disorder, 1e-9), n)
    late = draw.random(n) < backend.late
    at[late] += 60 + draw.exponential(120, int(late.sum()))
    order = np.argsort(at, kind="stable")
    at = START + TRAVELS + at[order]
    calm = int(np.searchsorted(at, since))
    bounds = [*range(0, calm, RUN), calm]
    bounds += (calm + 1 + np.flatnonzero(np.diff(at[calm:] // within))).tolist()
    write = _Writer(log, backend).written
    for first, end in zip(bounds, [*bounds[1:], n], strict=True):
        if first < end:
            yield Run(at[first:end], [write(row) for row in order[first:end].tolist()])


class _Writer:
    """Writes the events of docs/event.md."""

    def __init__(self, log: Log, backend: Backend) -> None:
        self._log = log
        self._ts, self._path = (START + log.events.ts).round(3).tolist(), log.events.path.tolist()
        self._client, self._tenant = log.events.client.tolist(), log.events.tenant.tolist()
        self._error, self._cold = log.error.tolist(), log.cold.tolist()
        self._type = [log.types[number] for number in log.error_type.tolist()]
        function = log.code + np.bincount(
            log.event, log.ms, len(log.code)
        )  # its calls come one after the other
        times = (function + log.auth + 3, function, log.code, log.auth)
        self._ms = list(zip(*(column.round(2).tolist() for column in times), strict=True))
        self._first = np.searchsorted(log.event, np.arange(len(log.code) + 1)).tolist()
        calls = (log.call, log.ms.round(2), log.rcu.round(2), log.wcu.round(2), log.throttle)
        self._calls = list(zip(*(column.tolist() for column in calls), strict=True))
        self._cloud = backend.cloud

    def written(self, row: int) -> bytes:
        """Return the event of one request."""
        log, error = self._log, self._error[row]
        path = log.names.paths[self._path[row]]
        event: dict[str, object] = {"ts": self._ts[row], "id": f"{row:x}", "cloud": self._cloud}
        event |= {"account": path.account, "region": path.region, "service": path.service}
        if path.route:
            event |= {"route": path.route, "status": STATUS[error]}
        event["function"] = path.function
        if error == FATAL or (
            error and not path.route
        ):  # nobody waits for an answer: the class alone is known
            event["error"] = CLASS[error]
        if error == FATAL or self._type[row]:
            event["error_type"] = self._type[row] or "Error"
        if self._client[row] != NOBODY:
            name, version = log.names.clients[self._client[row]]
            tenant = self._tenant[row]
            by = {} if tenant == NOBODY else {"tenant": f"t-{tenant:02d}"}
            event["client"] = {"name": name, "version": version} | by
        event["ms"] = dict(zip(("total", "function", "code", "auth"), self._ms[row], strict=True))
        if self._cold[row]:
            event["cold_start"] = True
        first, end = self._first[row], self._first[row + 1]
        if first < end:
            event["tables"] = [self._table(path.calls, call) for call in self._calls[first:end]]
        return json.encode(event)

    def _table(
        self, calls: Sequence[Call], figures: tuple[int, float, float, float, int]
    ) -> dict[str, object]:
        which, ms, rcu, wcu, why = figures
        call: dict[str, object] = {"name": calls[which].table, "op": calls[which].op, "ms": ms}
        more = {"rcu": rcu, "wcu": wcu, "throttled": self._log.reasons[why]}
        return call | {key: value for key, value in more.items() if value}
