"""The events of a scenario, in the order of their arrival.

Each block of event time has its own random generator, seeded by the scenario's seed and the number of the
block: any part of a scenario has the same lines, generated alone or as part of the whole.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import numpy as np

from detectors.model.array_types import Bools, Floats, Ints, Words
from streams.offline.simulate.event_lines import LineWriter
from streams.offline.simulate.request_generator import RequestGenerator
from streams.offline.simulate.scenario import Scenario
from streams.offline.simulate.scenario_incidents import CELL, EXPECTED, DuplicateRecords, LateRecords, Target
from streams.offline.simulate.traffic import DAY, RequestRates, Shape, concerns

Delaying = TypeVar("Delaying", LateRecords, DuplicateRecords)

_AGAIN = 5.0  # seconds within which a duplicate follows
_LONGEST_DISORDER = 10  # times the mean
_BLOCKS = ((50.0, 3600), (500.0, 600))  # (requests per second at most, seconds per block)
_BUSY_BLOCK = 60


class ArrivingLines(NamedTuple):
    """The lines that arrive during one block."""

    start: int  # epoch seconds
    arrivals: Ints  # [n] epoch milliseconds, ascending
    lines: list[bytes]


class Simulation:
    """The events of one scenario.

    Parameters
    ----------
    shape : Shape, optional
        A series that traffic follows instead of the daily and weekly shape.
    now : float, optional
        Epoch seconds; without it, a scenario whose ``start`` is a number of days before now is a ValueError.
    """

    def __init__(self, scenario: Scenario, *, shape: Shape | None = None, now: float | None = None) -> None:
        self.scenario = scenario
        self.start = _start(scenario, now)
        self.end = self.start + scenario.length
        self._traffic = RequestRates(scenario, self.start, shape)
        self._flows = self._traffic.flows
        rate = sum(route.rate for service in scenario.services.values() for route in service.routes.values())
        self.block = next((seconds for most, seconds in _BLOCKS if rate <= most), _BUSY_BLOCK)
        self._requests = RequestGenerator(scenario, self._flows)
        self._writer = LineWriter(scenario, self._flows, self._requests.calls, self._requests.outcomes)

    def expected(self, start: float, end: float) -> int:
        """Return the mean number of requests between two moments (epoch seconds)."""
        total = 0.0
        first, last = int(start - self.start) // CELL, -(-int(end - self.start) // CELL)
        for since in range(max(first, 0) * CELL, min(last * CELL, self.scenario.length), DAY):
            cells = min(DAY, last * CELL - since, self.scenario.length - since) // CELL
            total += float(self._traffic.rates(since, cells).sum()) * CELL
        return round(total)

    def lines(self, start: float | None = None, end: float | None = None) -> Iterator[ArrivingLines]:
        """Yield the NDJSON lines that arrive from ``start`` on, before ``end`` (epoch seconds), by block."""
        since = max(self.start if start is None else start, self.start)
        until = np.inf if end is None else end
        longest = self._longest_delay()
        first = max(int((since - self.start - longest) // self.block), 0)
        waiting_at: Ints = np.empty(0, dtype=np.int64)
        waiting: list[bytes] = []
        number = first
        while True:
            begin = self.start + number * self.block
            if begin >= until or (begin >= self.end and not waiting):
                return
            arrivals, lines = self._block(number) if begin < self.end else (np.empty(0, dtype=np.int64), [])
            if waiting or longest:
                arrivals, lines = np.concatenate([waiting_at, arrivals]), waiting + lines
                order = np.argsort(arrivals, kind="stable")
                arrivals, lines = arrivals[order], [lines[place] for place in order.tolist()]
            cut = int(np.searchsorted(arrivals, (begin + self.block) * 1000))
            waiting_at, waiting = arrivals[cut:], lines[cut:]
            low = int(np.searchsorted(arrivals[:cut], np.ceil(since * 1000)))
            high = cut if until == np.inf else int(np.searchsorted(arrivals[:cut], np.ceil(until * 1000)))
            if begin + self.block > since:
                yield ArrivingLines(begin, arrivals[low:high], lines[low:high])
            number += 1

    def _longest_delay(self) -> float:
        delays = [_LONGEST_DISORDER * self.scenario.noise.disorder]
        delays += [
            float(incident.by) for incident in self.scenario.incidents if isinstance(incident, LateRecords)
        ]
        again = any(isinstance(incident, DuplicateRecords) for incident in self.scenario.incidents)
        return max(delays) + delays[0] + (_AGAIN if again else 0.0)

    def _block(self, number: int) -> tuple[Ints, list[bytes]]:
        """Return the arrivals (epoch milliseconds) and lines of one block."""
        since = number * self.block
        seconds = min(self.block, self.scenario.length - since)
        random = np.random.Generator(np.random.PCG64([self.scenario.seed, 2, number]))
        rates = np.cumsum(self._traffic.rates(since, seconds // CELL) * CELL)
        n = int(random.poisson(rates[-1]))
        place = np.searchsorted(rates, np.sort(random.random(n)) * rates[-1], side="right")
        cell, flow = np.divmod(np.minimum(place, len(rates) - 1), len(self._flows))
        at = cell * (CELL * 1000) + (random.random(n) * (CELL * 1000)).astype(np.int64)
        order = np.argsort(at, kind="stable")
        at, flow = at[order], flow[order]
        requests = self._requests.requests(random, number, flow, since + at / 1000)
        requests = requests._replace(
            ts=(self.start + since) * 1000 + at, ids=_ids(self.scenario.seed, number, n)
        )
        return self._arrive(number, flow, since + at / 1000, requests.ts, self._writer.lines(requests))

    def _arrive(
        self, number: int, flow: Ints, at: Floats, ts: Ints, lines: list[bytes]
    ) -> tuple[Ints, list[bytes]]:
        """Return when each line arrives, unordered; a duplicate is another line."""
        arrivals = ts
        disorder = self.scenario.noise.disorder
        if disorder:
            random = np.random.Generator(np.random.PCG64([self.scenario.seed, 4, number]))
            delay = np.minimum(random.exponential(disorder, len(ts)), _LONGEST_DISORDER * disorder)
            arrivals = arrivals + (1000 * delay).astype(np.int64)
        arrivals = arrivals.copy()
        for _, struck, incident in self._struck(LateRecords, number, flow, at):
            arrivals[struck] += 1000 * incident.by
        for random, struck, _ in self._struck(DuplicateRecords, number, flow, at):
            rows = np.flatnonzero(struck)
            again = arrivals[rows] + (1000 * _AGAIN * random.random(len(rows))).astype(np.int64)
            arrivals = np.concatenate([arrivals, again])
            lines = lines + [lines[row] for row in rows.tolist()]
        return arrivals, lines

    def _struck(
        self, kind: type[Delaying], number: int, flow: Ints, at: Floats
    ) -> Iterator[tuple[np.random.Generator, Bools, Delaying]]:
        for index, incident in self._requests.active(kind, at):
            random = self._requests.random(number, index)
            struck = self._requests.inside(incident, flow, at) & (random.random(len(at)) < incident.share)
            yield random, struck, incident

    def labels(self) -> list[dict[str, object]]:
        """Return the ground truth: one entry per incident and growth, ordered by ``start``.

        Each has ``start`` and ``end`` (epoch seconds), ``kind``, the expected ``verdict`` and ``measure``
        (null: nothing should be reported), and what it affects (null: everything).
        """
        found = [
            self._label(incident.kind, incident.at, incident.for_, incident)
            for incident in self.scenario.incidents
        ]
        found += [
            self._label("growth", growth.at, growth.for_ or self.scenario.length - growth.at, growth)
            for growth in self.scenario.growth
        ]
        return sorted(found, key=lambda label: (label["start"], label["end"]))

    def _label(self, kind: str, at: int, lasting: int, target: Target) -> dict[str, object]:
        services = {flow.service for flow in self._flows if concerns(target, flow)}
        accounts = {self.scenario.accounts[self.scenario.services[name].account].account for name in services}
        verdict, measure = EXPECTED[kind]
        if measure == "wcu":
            measure = self._capacity(target)
        return {
            "start": self.start + at,
            "end": min(self.start + at + lasting, self.end),
            "kind": kind,
            "verdict": verdict,
            "measure": measure,
            "account": accounts.pop() if len(accounts) == 1 else None,
            "table": getattr(target, "table", None),
            **target.model_dump(include={"service", "route", "function", "client", "version"}),
        }

    def _capacity(self, target: Target) -> str:
        """Return the kind of capacity that the calls of an incident consume."""
        functions = {flow.function for flow in self._flows if concerns(target, flow)}
        table = getattr(target, "table", None)
        calls = [call for name in functions for call in self.scenario.functions[name].calls]
        return "wcu" if any(call.wcu for call in calls if call.table == table) else "rcu"


def _start(scenario: Scenario, now: float | None) -> int:
    if isinstance(scenario.start, datetime):
        return int(scenario.start.timestamp())
    if now is None:
        raise ValueError("the scenario starts a number of days before now: pass now")
    midnight = datetime.fromtimestamp(now, ZoneInfo(scenario.time_zone)).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    return int((midnight + timedelta(days=scenario.start)).timestamp())


def _ids(seed: int, block: int, n: int) -> Words:
    """Return identifiers that look random and cannot collide within a scenario.

    The finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
    OOPSLA 2014) is a bijection of 64-bit numbers, so different (block, number) give different identifiers.
    """
    mixed = np.arange(n, dtype=np.uint64) + np.uint64((block << 32) & (2**64 - 1))
    mixed ^= np.uint64((seed * 0x9E3779B97F4A7C15) & (2**64 - 1))
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
