"""Draws who comes when: the requests of a backend before anything is done with them."""

from typing import Final, NamedTuple

import numpy as np
from scipy.signal import lfilter

from benchmarks.backends.backend import DAY, Backend, Clock, Fault, Path, Source
from detectors.model.array_types import Bools, Floats, Ints, Places

MINUTE: Final = 60
NOBODY: Final = -1
FEW: Final = 10  # requests to draw others like them from


class Names(NamedTuple):
    """The names of the numbers in the columns."""

    paths: list[Path]
    clients: list[tuple[str, str]]


class Arrivals(NamedTuple):
    """One entry a request; not sorted. ``ts`` in seconds since the start."""

    ts: Floats
    path: Ints
    client: Ints
    tenant: Ints

    def at(self, rows: Places | Bools) -> "Arrivals":
        """Return some of them."""
        return Arrivals(self.ts[rows], self.path[rows], self.client[rows], self.tenant[rows])

    def moved(self, ts: Floats) -> "Arrivals":
        """Return them at other times."""
        return self._replace(ts=ts)


def joined(parts: list[Arrivals]) -> Arrivals:
    """Return all of several."""
    return Arrivals(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def names_of(backend: Backend) -> Names:
    """Number the paths and clients of a backend."""
    paths = [path for source in backend.sources for path in source.paths]
    paths += [clock.path for clock in backend.clocks]
    clients = [(client.name, version) for client in backend.clients for version, _ in client.versions]
    return Names(list(dict.fromkeys(paths)), clients)


def arrivals(backend: Backend, names: Names, draw: np.random.Generator) -> Arrivals:
    """Draw all requests of a backend, and apply the faults that change who comes."""
    parts = [_of_source(source, backend, names, draw) for source in backend.sources]
    found = joined([*parts, *(_of_clock(clock, backend, names, draw) for clock in backend.clocks)])
    functions = [path.function for path in names.paths]
    for change in backend.replacements:
        gone = np.clip((found.ts / DAY - change.day) / change.days, 0, 1)
        replaced = (found.path == functions.index(change.old)) & (draw.random(len(found.ts)) < gone)
        found.path[replaced] = functions.index(change.new)
    for fault in backend.faults:
        if fault.effect == "more":
            found = _more(found, fault, names, draw)
        elif fault.effect == "fewer":
            spared = draw.random(len(found.ts)) < fault.size
            found = found.at(spared | ~struck(fault, found, names))
    return found


def meant(fault: Fault, events: Arrivals, names: Names) -> Bools:
    """Return which requests a fault is about, at whatever time."""
    wanted = [
        (fault.function in {"", path.function})
        and (fault.route in {"", path.route})
        and (fault.account in {"", path.account})
        and (not fault.table or any(call.table == fault.table for call in path.calls))
        for path in names.paths
    ]
    found: Bools = np.array(wanted)[events.path]
    if fault.client:
        found &= events.client == [" ".join(client) for client in names.clients].index(fault.client)
    if fault.tenant >= 0:
        found &= events.tenant == fault.tenant
    return found


def struck(fault: Fault, events: Arrivals, names: Names) -> Bools:
    """Return which requests a fault strikes."""
    found: Bools = meant(fault, events, names) & (events.ts >= fault.start) & (events.ts < fault.end)
    return found


def _more(events: Arrivals, fault: Fault, names: Names, draw: np.random.Generator) -> Arrivals:
    rows = np.flatnonzero(struck(fault, events, names))
    seconds = fault.end - fault.start
    if fault.grow:
        extra = (1 + fault.size) ** ((events.ts[rows] - fault.start) / DAY) - 1
        picked = np.repeat(rows, draw.poisson(extra))
        when = events.ts[picked] + draw.normal(0, 60, len(picked)) - fault.start
        inside = (when >= 0) & (when < seconds)
        return joined([events, events.at(picked[inside]).moved(fault.start + when[inside])])
    count = int(draw.poisson((fault.size - 1) * max(len(rows), fault.least * seconds)))
    when = draw.random(count) * seconds
    pool = rows if len(rows) >= FEW else np.flatnonzero(meant(fault, events, names))
    picked = draw.choice(pool, count)
    if len(rows) >= FEW and seconds > DAY:  # with the shape of its days
        when = np.clip(events.ts[picked] - fault.start + draw.normal(0, 120, count), 0, seconds - 1)
    return joined([events, events.at(picked).moved(fault.start + when)])


def wander(draw: np.random.Generator, steps: int, size: float, memory: float) -> Floats:
    """Return a log-normal process of mean about 1: relative ``size``, ``memory`` in steps."""
    keep = float(np.exp(-1 / memory))
    noise = draw.normal(0, size * np.sqrt(1 - keep**2), steps)
    noise[0] += keep * draw.normal(0, size)
    factor: Floats = np.exp(lfilter([1.0], [1.0, -keep], noise) - size**2 / 2)
    return factor


def _of_source(source: Source, backend: Backend, names: Names, draw: np.random.Generator) -> Arrivals:
    minutes = backend.seconds // MINUTE
    at = (np.arange(minutes, dtype=np.float64) + 0.5) * MINUTE
    rate = source.rate * source.shape.at(at) * (1 + source.growth) ** (at / DAY)
    rate *= wander(draw, minutes, source.wander, 30)
    rate *= np.exp(draw.normal(0, source.daily, backend.days))[(at // DAY).astype(int)]
    sessions = draw.poisson(rate * MINUTE / source.session)
    begin = (np.repeat(np.arange(minutes), sessions) + draw.random(int(sessions.sum()))) * MINUTE
    size = draw.geometric(1 / source.session, len(begin))
    gaps = draw.exponential(source.pause, int(size.sum()))
    first = np.cumsum(size) - size
    gaps[first] = 0.0
    along = np.cumsum(gaps)
    ts = np.repeat(begin, size) + along - np.repeat(along[first], size)
    client = np.repeat(_clients(backend, begin, draw), size)
    tenant = np.repeat(_tenants(backend, begin, draw), size)
    inside = ts < backend.seconds
    ts = ts[inside]
    return Arrivals(ts, _paths(source, names, ts, minutes, draw), client[inside], tenant[inside])


def _paths(source: Source, names: Names, ts: Floats, minutes: int, draw: np.random.Generator) -> Ints:
    mixed = np.stack([path.weight * wander(draw, minutes, 0.08, 90) for path in source.paths], axis=1)
    upto = np.cumsum(mixed, axis=1)
    minute = (ts // MINUTE).astype(np.intp)
    chosen = (upto[minute] < (draw.random(len(ts)) * upto[minute, -1])[:, None]).sum(axis=1)
    found: Ints = np.array([names.paths.index(path) for path in source.paths])[chosen]
    return found


def _clients(backend: Backend, begin: Floats, draw: np.random.Generator) -> Ints:
    weights = np.array([client.weight for client in backend.clients])
    chosen = draw.choice(len(weights), len(begin), p=weights / weights.sum())
    taste = draw.random(len(begin))  # who updates early and who never does
    found, number, days = np.full(len(begin), NOBODY, np.int64), 0, begin / DAY
    for which, client in enumerate(backend.clients):
        for _, day in client.versions:
            along = np.clip((days - day - client.rollout / 2) * 6 / client.rollout, -50, 50)
            adopted = np.where(days < day, 0.0, 1.0 if day < 0 else 0.95 / (1 + np.exp(-along)))
            found[(chosen == which) & (taste < adopted)] = number
            number += 1
    return found


def _tenants(backend: Backend, begin: Floats, draw: np.random.Generator) -> Ints:
    found = np.full(len(begin), NOBODY, np.int64)
    weights = 1 / np.arange(1, backend.tenants + 1) ** 1.1
    for day in range(backend.days * bool(backend.tenants)):
        rows = np.flatnonzero((begin // DAY).astype(int) == day)
        if rows.size:
            today = weights * np.exp(draw.normal(0, 0.25, backend.tenants))
            found[rows] = draw.choice(backend.tenants, rows.size, p=today / today.sum())
    return found


def _of_clock(clock: Clock, backend: Backend, names: Names, draw: np.random.Generator) -> Arrivals:
    begin = np.arange(clock.at, backend.seconds, clock.every)
    begin = begin + np.abs(draw.normal(0, 6, len(begin)))
    size = draw.poisson(clock.size * np.exp(draw.normal(0, clock.wander, len(begin))))
    ts = np.repeat(begin, size) + draw.random(int(size.sum())) * clock.lasts
    ts = ts[ts < backend.seconds]
    nobody = np.full(len(ts), NOBODY, np.int64)
    return Arrivals(ts, np.full(len(ts), names.paths.index(clock.path), np.int64), nobody, nobody)
