"""Outcomes of requests: their table calls, time and errors, and the effects of faults."""

from dataclasses import dataclass, field

import numpy as np
from backends.arrivals import Arrivals, Names, arrivals, joined, names_of
from backends.backend import Backend, Floats
from backends.faults import Fault, Incident, struck_traffic
from numpy.typing import NDArray

from detectors.model.array_types import Bools, Places

OK, USER, BACKEND, FATAL = range(4)
ENDS_IN = {"fail": BACKEND, "refuse": USER, "crash": FATAL}

LONGEST = 25_000.0  # milliseconds: a gateway waits no longer
COLD_STARTS = 0.004  # of all requests
SLOW = 0.01  # of all times, with a Pareto tail
LOST_BY_THROTTLING = 0.4  # of the throttled calls fail their request; the others are tried again in time


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

    @property
    def function(self) -> Floats:
        """Milliseconds of the function: its own code, and all table calls one after the other."""
        whole: Floats = self.code + np.bincount(self.event, self.ms, len(self.events))
        return whole


def draw_log(backend: Backend, incidents: tuple[Incident, ...], seed: int) -> Log:
    """Draw the whole log of a backend with its incidents."""
    draw = np.random.default_rng(seed)
    names = names_of(backend)
    faults = [fault for incident in incidents for fault in incident.faults]
    log = _requests(struck_traffic(arrivals(backend, names, draw), faults, names, draw), names, faults, draw)
    failed = np.flatnonzero((log.error >= BACKEND) & (draw.random(len(log.events)) < backend.retries))
    again = log.events.at(failed)  # who is refused by the backend tries again a little later
    again.ts = again.ts + 0.5 + draw.exponential(2.0, failed.size)
    return _requests(joined([log.events, again.at(again.ts < backend.seconds)]), names, faults, draw)


def _tailed(draw: np.random.Generator, count: int, spread: float) -> Floats:
    """Return factors on a time: log-normal, a few with a Pareto tail."""
    found: Floats = np.exp(draw.normal(0, spread, count))
    slow = draw.random(count) < SLOW
    found[slow] *= 3 * (1 + draw.pareto(2.0, int(slow.sum())))
    return np.minimum(found, 300.0)


def _requests(events: Arrivals, names: Names, faults: list[Fault], draw: np.random.Generator) -> Log:
    events = events.at(np.argsort(events.ts, kind="stable"))
    n = len(events)

    def of_path(figure: str) -> Floats:
        return np.array([getattr(path, figure) for path in names.paths], float)[events.path]

    code = of_path("ms") * _tailed(draw, n, 0.45)
    cold = draw.random(n) < COLD_STARTS
    code[cold] += 350 * _tailed(draw, int(cold.sum()), 0.3)
    chance, backend = draw.random(n), of_path("backend_errors")
    error = np.where(chance < backend, BACKEND, np.where(chance < backend + of_path("user_errors"), USER, OK))
    event, call = _calls(events, names, faults)
    ms, rcu, wcu = (_of_calls(names, figure)[events.path[event], call] for figure in ("ms", "rcu", "wcu"))
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
        rcu=_units(rcu, draw),
        wcu=_units(wcu, draw),
        ms=ms * _tailed(draw, len(event), 0.35),
        throttle=np.zeros(len(event), np.intp),
    )
    for fault in faults:
        struck = fault.where.rows(events, names) & fault.during(events.ts)
        if fault.effect == "slow code":
            log.code[struck] *= fault.size
        elif fault.effect in ENDS_IN:
            _fail(log, struck & (draw.random(n) < fault.size), fault)
        elif fault.effect in {"dear", "slow table", "throttle"}:
            _strike_table(log, struck, fault, draw)
    return log


def _calls(events: Arrivals, names: Names, faults: list[Fault]) -> tuple[Places, Places]:
    """Return the request of every table call, and which of the calls of its path it is."""
    count = np.array([len(path.calls) for path in names.paths])[events.path]
    many = count.copy()
    for fault in faults:
        if fault.effect == "calls":
            struck = fault.where.rows(events, names) & fault.during(events.ts)
            many[struck] = np.rint(many[struck] * fault.size).astype(int)
    event = np.repeat(np.arange(len(events)), many)
    first = np.cumsum(many) - many
    return event, (np.arange(len(event)) - first[event]) % count[event]


def _of_calls(names: Names, figure: str) -> Floats:
    """Return a figure of every call, (paths, most calls of a path)."""
    most = max(1, *(len(path.calls) for path in names.paths))
    found = np.zeros((len(names.paths), most))
    for at, path in enumerate(names.paths):
        for number, call in enumerate(path.calls):
            found[at, number] = getattr(call, figure)
    return found


def _units(mean: Floats, draw: np.random.Generator) -> Floats:
    """Return capacity in halves: what is small is the same at every call, the rest varies with the data."""
    varied = np.maximum(np.rint(2 * mean * draw.gamma(3.0, 1 / 3.0, len(mean))) / 2, 0.5)
    found: Floats = np.where(mean > 1, varied, mean)
    return found


def _fail(log: Log, hit: Bools, fault: Fault) -> None:
    log.error[hit] = ENDS_IN[fault.effect]
    if fault.text:
        log.types.append(fault.text)
        log.error_type[hit] = len(log.types) - 1


def _strike_table(log: Log, struck: Bools, fault: Fault, draw: np.random.Generator) -> None:
    most = max(1, *(len(path.calls) for path in log.names.paths))
    there = np.zeros((len(log.names.paths), most), bool)
    for at, path in enumerate(log.names.paths):
        for number, call in enumerate(path.calls):
            there[at, number] = call.table == fault.where.table
    on = there[log.events.path[log.event], log.call] & struck[log.event]
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
