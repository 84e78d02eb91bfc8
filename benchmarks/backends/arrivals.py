"""Draws who comes when: the requests of a backend before anything is done with them."""

from dataclasses import dataclass

import numpy as np
from backends.backend import DAY, Backend, Clock, Floats, Path, Source

from detectors.model.array_types import Bools, Ints, Places

MINUTE = 60
NOBODY = -1


@dataclass
class Names:
    """The names of the numbers in the columns."""

    paths: list[Path]
    clients: list[tuple[str, str]]

    def path(self, function: str) -> int:
        """Return the number of the only (or first) path into a function."""
        return next(at for at, path in enumerate(self.paths) if path.function == function)


@dataclass
class Arrivals:
    """One entry a request; not sorted. ``ts`` in seconds since the start."""

    ts: Floats
    path: Ints
    client: Ints
    tenant: Ints

    def __len__(self) -> int:
        return len(self.ts)

    def at(self, rows: Places | Bools) -> "Arrivals":
        """Return some of them."""
        return Arrivals(self.ts[rows], self.path[rows], self.client[rows], self.tenant[rows])


def joined(parts: list[Arrivals]) -> Arrivals:
    """Return all of several."""
    return Arrivals(
        np.concatenate([part.ts for part in parts]),
        np.concatenate([part.path for part in parts]),
        np.concatenate([part.client for part in parts]),
        np.concatenate([part.tenant for part in parts]),
    )


def wander(draw: np.random.Generator, steps: int, size: float, memory: float) -> Floats:
    """Return a log-normal process of mean about 1: relative ``size``, ``memory`` in steps."""
    if size <= 0:
        return np.ones(steps)
    keep = float(np.exp(-1 / memory))
    noise = draw.normal(0, size * np.sqrt(1 - keep**2), steps)
    level, found = draw.normal(0, size), np.empty(steps)
    for at in range(steps):
        level = keep * level + noise[at]
        found[at] = level
    factor: Floats = np.exp(found - size**2 / 2)
    return factor


def names_of(backend: Backend) -> Names:
    """Number the paths and clients of a backend."""
    paths = list(dict.fromkeys(path for source in backend.sources for path in source.paths))
    paths += [clock.path for clock in backend.clocks if clock.path not in paths]
    clients = [
        (client.name, version)
        for source in backend.sources
        for client in source.clients
        for version, _ in client.versions
    ]
    return Names(paths, list(dict.fromkeys(clients)))


def arrivals(backend: Backend, names: Names, draw: np.random.Generator) -> Arrivals:
    """Draw all requests of a backend."""
    parts = [_of_source(source, backend, names, draw) for source in backend.sources]
    parts += [_of_clock(clock, backend, names, draw) for clock in backend.clocks]
    found = joined(parts)
    for change in backend.replacements:
        old, new = names.path(change.old), names.path(change.new)
        gone = np.clip((found.ts / DAY - change.day) / change.days, 0, 1)
        found.path[(found.path == old) & (draw.random(len(found)) < gone)] = new
    return found


def _of_source(source: Source, backend: Backend, names: Names, draw: np.random.Generator) -> Arrivals:
    minutes = backend.seconds // MINUTE
    at = (np.arange(minutes) + 0.5) * MINUTE
    rate = source.rate * source.shape(at) * (1 + source.growth) ** (at / DAY)
    rate = rate * wander(draw, minutes, source.wander, 30)
    days = np.exp(draw.normal(0, source.daily, backend.weeks * 7))
    for day, factor in backend.holidays:
        days[int(day)] *= factor
    rate *= days[(at // DAY).astype(int)]
    sessions = draw.poisson(rate * MINUTE / source.session)
    begin = (np.repeat(np.arange(minutes), sessions) + draw.random(int(sessions.sum()))) * MINUTE
    size = draw.geometric(1 / source.session, len(begin)) if source.session > 1 else np.ones(len(begin), int)
    gaps = draw.exponential(source.pause, int(size.sum()))
    first = np.cumsum(size) - size
    gaps[first] = 0.0
    along = np.cumsum(gaps)
    ts = np.repeat(begin, size) + along - np.repeat(along[first], size)
    client = np.repeat(_clients(source, names, begin, draw), size)
    tenant = np.repeat(_tenants(backend, begin, draw), size)
    inside = ts < backend.seconds
    ts, client, tenant = ts[inside], client[inside], tenant[inside]
    return Arrivals(ts, _paths(source, names, ts, minutes, draw), client, tenant)


def _paths(source: Source, names: Names, ts: Floats, minutes: int, draw: np.random.Generator) -> Ints:
    mixed = np.array([path.weight for path in source.paths])[None, :] * np.stack(
        [wander(draw, minutes, 0.08, 90) for _ in source.paths], axis=1
    )
    upto = np.cumsum(mixed, axis=1)
    minute = (ts // MINUTE).astype(np.intp)
    chosen = (upto[minute] < (draw.random(len(ts)) * upto[minute, -1])[:, None]).sum(axis=1)
    numbers = np.array([names.paths.index(path) for path in source.paths])
    found: Ints = numbers[chosen]
    return found


def _clients(source: Source, names: Names, begin: Floats, draw: np.random.Generator) -> Ints:
    found = np.full(len(begin), NOBODY, np.int64)
    if not source.clients:
        return found
    weights = np.array([client.weight for client in source.clients])
    chosen = draw.choice(len(weights), len(begin), p=weights / weights.sum())
    taste = draw.random(len(begin))  # who updates early and who never does
    for number, client in enumerate(source.clients):
        mine = chosen == number
        for version, day in client.versions:
            along = np.clip((begin / DAY - day - client.rollout / 2) * 6 / client.rollout, -50, 50)
            adopted = 0.95 / (1 + np.exp(-along))
            adopted[begin / DAY < day] = 0.0
            if day < 0:
                adopted[:] = 1.0
            found[mine & (taste < adopted)] = names.clients.index((client.name, version))
    return found


def _tenants(backend: Backend, begin: Floats, draw: np.random.Generator) -> Ints:
    if not backend.tenants:
        return np.full(len(begin), NOBODY, np.int64)
    weights = 1 / np.arange(1, backend.tenants + 1) ** 1.1
    found = np.zeros(len(begin), np.int64)
    day = (begin // DAY).astype(int)
    for day_number in range(backend.weeks * 7 + 1):
        rows = np.flatnonzero(day == day_number)
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
