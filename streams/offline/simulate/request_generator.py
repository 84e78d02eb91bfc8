"""Generates the requests of a scenario, as columns: their outcome, table calls and latency."""

from collections.abc import Iterator
from typing import Final, NamedTuple, TypeVar

import numpy as np

from detectors.model.array_types import Bools, Floats, Ints, Words
from streams.offline.simulate.scenario import Scenario, ScenarioCall, ScenarioGrowth
from streams.offline.simulate.scenario_incidents import (
    BadClient,
    Failing,
    Fatal,
    Hammer,
    Heavier,
    HotKey,
    Outage,
    Slow,
    Target,
    Timed,
)
from streams.offline.simulate.traffic import Flow, concerns, grown

Kind = TypeVar("Kind", bound=Timed)

_GATEWAY_MS = 5.0  # median of what a gateway adds around the function
_RUNTIME_MS = 1.2  # what a function's runtime adds around its code
_LONGEST = 9_000_000  # tenths of a millisecond: 15 minutes, the longest a Lambda function may run


class RequestOutcome(NamedTuple):
    """The end of a request."""

    status: int
    error: str | None
    error_type: str | None


OUTCOMES: Final = (
    RequestOutcome(200, None, None),
    RequestOutcome(400, "user", "ValidationException"),
    RequestOutcome(404, "user", "NotFound"),
    RequestOutcome(401, "user", "Unauthorized"),
    RequestOutcome(502, "backend", "UpstreamUnavailable"),
    RequestOutcome(504, "backend", "Timeout"),
    RequestOutcome(500, "fatal", "Runtime.UnhandledException"),
)
"""The outcomes of an ordinary day; those of ``fatal`` incidents follow them."""

THROTTLED: Final = (None, "TableReadKeyRangeThroughputExceeded", "TableWriteKeyRangeThroughputExceeded")
"""DynamoDB's ThrottlingReasons for a hot key, by code."""


class Requests(NamedTuple):
    """n requests with their m table calls."""

    ts: Ints  # [n] epoch milliseconds, ascending
    ids: Words  # [n] unique
    flow: Ints  # [n] index of the flow
    tenant: Ints  # [n] index of the tenant
    outcome: Ints  # [n] index of the outcome
    ms: Ints  # [4, n] total, function, code, auth; tenths of a millisecond
    cold: Ints  # [n] 0 or 1
    amounts: Ints  # [n, largest number of values of any route]
    request: Ints  # [m] the request a call belongs to, ascending
    call: Ints  # [m] index of the scenario's call
    call_ms: Ints  # [m] tenths of a millisecond
    rcu: Ints  # [m] halves of a unit
    wcu: Ints  # [m] halves of a unit
    throttled: Ints  # [m] code, see THROTTLED


_OF_CLASS = {
    error: np.array([index for index, outcome in enumerate(OUTCOMES) if outcome.error == error])
    for error in ("user", "backend", "fatal")
}


def _tenths(ms: Floats) -> Ints:
    return np.clip(np.rint(10 * ms), 1, _LONGEST).astype(np.int64)


class RequestGenerator:
    """Draws requests at random, from the functions and incidents of one scenario.

    The indices in ``requests`` refer to ``flows``.
    """

    def __init__(self, scenario: Scenario, flows: list[Flow]) -> None:
        self._scenario = scenario
        self._flows = flows
        self._tenants = np.cumsum(list(scenario.tenants.values()) or [1.0])
        self.outcomes: list[RequestOutcome] = list(OUTCOMES)
        self._outcomes_of: dict[int, Ints] = {}
        for index, incident in enumerate(scenario.incidents):
            if isinstance(incident, Outage | BadClient):
                self._outcomes_of[index] = _OF_CLASS["backend" if isinstance(incident, Outage) else "user"]
            elif isinstance(incident, Fatal):
                self._outcomes_of[index] = np.array([len(self.outcomes)])
                self.outcomes.append(RequestOutcome(500, "fatal", incident.error_type))
        self._lay_out_functions()

    def _lay_out_functions(self) -> None:
        functions = self._scenario.functions
        names = list(functions)
        self.calls: list[ScenarioCall] = []
        most = max((len(function.calls) for function in functions.values()), default=0)
        # one spare column, and -1 for no call: the last entry of every array below is 0
        slots = np.full((len(names), max(most, 1)), -1)
        for row, function in enumerate(functions.values()):
            slots[row, : len(function.calls)] = len(self.calls) + np.arange(len(function.calls))
            self.calls += function.calls
        of_flow = np.array([names.index(flow.function) for flow in self._flows])
        self._slots = slots[of_flow]
        of_flows = [functions[flow.function] for flow in self._flows]
        self._code_ms = np.array([function.code_ms for function in of_flows])
        self._code_spread = np.array([function.code_spread for function in of_flows])
        self._auth_ms = np.array([function.auth_ms for function in of_flows])
        self._cold = np.array([function.cold for function in of_flows])
        self._cold_ms = np.array([function.cold_ms for function in of_flows])
        self._errors = np.array([[f.errors.user, f.errors.backend, f.errors.fatal] for f in of_flows])
        calls = self.calls
        self._per_request = np.array([*(call.per_request for call in calls), 0.0])
        self._units = np.array([*((call.rcu, call.wcu) for call in calls), (0.0, 0.0)]).T
        self._unit_spread = np.array([*(call.spread for call in calls), 0.0])
        self._call_ms = np.array([*(call.ms for call in calls), 0.0])
        self._call_spread = np.array([*(call.ms_spread for call in calls), 0.0])
        values = [self._scenario.services[flow.service].routes[flow.route].values for flow in self._flows]
        width = max(len(amounts) for amounts in values)
        self._amount = np.zeros((2, len(values), width))
        for row, amounts in enumerate(values):
            for column, amount in enumerate(amounts.values()):
                self._amount[:, row, column] = amount.mean, amount.spread

    def requests(self, random: np.random.Generator, number: int, flow: Ints, at: Floats) -> Requests:
        """Return the requests of a block, by its number, without ``ts`` and ``ids``.

        Parameters
        ----------
        random : numpy.random.Generator
            The generator of the block. Incidents have their own, so that the other requests are the same in
            a scenario without them.
        flow : int64[n]
        at : float64[n]
            Seconds after the start of the scenario, ascending.
        """
        n = len(flow)
        tenant = np.searchsorted(self._tenants, random.random(n) * self._tenants[-1], side="right")
        outcome = self._ends(random, number, flow, at)
        failed_early = (outcome >= 1) & (outcome <= 3)  # noqa: PLR2004 - a user error reaches no table
        slots = self._slots[flow]
        calls = self._per_request[slots]
        for effect, factor in self._more(Hammer, "calls", at):
            touched = self._about(effect)[flow][:, None] & self._is_table(effect.table)[slots]
            calls = np.where(touched, calls * factor[:, None], calls)
        calls[failed_early] = 0
        count = np.floor(calls + random.random(calls.shape)).astype(np.int64)
        call = np.repeat(slots.ravel(), count.ravel())
        request = np.repeat(np.arange(n), count.sum(axis=1))
        call_flow, call_at = flow[request], at[request]
        spread = self._unit_spread[call]
        size = np.exp(spread * random.standard_normal(len(call)) - spread**2 / 2)
        for effect, factor in self._more(Heavier, "capacity", call_at):
            touched = self._about(effect)[call_flow] & self._is_table(effect.table)[call]
            size = np.where(touched, size * factor, size)
        units = self._units[:, call]
        halves = np.floor(2 * units * size + random.random(len(call))).astype(np.int64)
        halves = np.maximum(halves, units > 0)
        throttled = self._throttle(number, call, call_flow, call_at)
        halves[:, throttled > 0] = 0
        call_ms = self._call_ms[call] * np.exp(self._call_spread[call] * random.standard_normal(len(call)))
        own = self._code_ms[flow] * np.exp(self._code_spread[flow] * random.standard_normal(n))
        for _, slow in self.active(Slow, at):
            if slow.table is None:
                own[self.inside(slow, flow, at)] *= slow.times
            else:
                call_ms[self.inside(slow, call_flow, call_at) & self._is_table(slow.table)[call]] *= (
                    slow.times
                )
        code = own + np.bincount(request, call_ms, n)
        cold = random.random(n) < self._cold[flow]
        function = code + _RUNTIME_MS + cold * self._cold_ms[flow]
        auth = self._auth_ms[flow] * np.exp(0.3 * random.standard_normal(n))
        total = function + auth + _GATEWAY_MS * np.exp(0.4 * random.standard_normal(n))
        mean, sigma = self._amount[0][flow], self._amount[1][flow]
        amounts = mean * np.exp(sigma * random.standard_normal(mean.shape) - sigma**2 / 2)
        empty = np.empty(0, dtype=np.int64)
        return Requests(
            ts=empty,
            ids=empty.astype(np.uint64),
            flow=flow,
            tenant=tenant,
            outcome=outcome,
            ms=_tenths(np.stack([total, function, code, auth])),
            cold=cold.astype(np.int64),
            amounts=np.rint(amounts).astype(np.int64),
            request=request,
            call=call,
            call_ms=_tenths(call_ms),
            rcu=halves[0],
            wcu=halves[1],
            throttled=throttled,
        )

    def _ends(self, random: np.random.Generator, number: int, flow: Ints, at: Floats) -> Ints:
        n = len(flow)
        user, backend, fatal = np.cumsum(self._errors[flow].T, axis=0)
        luck, which = random.random(n), random.integers(0, 1 << 30, n)
        outcome = np.zeros(n, dtype=np.int64)
        for error, failed in (
            ("user", luck < user),
            ("backend", (luck >= user) & (luck < backend)),
            ("fatal", (luck >= backend) & (luck < fatal)),
        ):
            types = _OF_CLASS[error]
            outcome[failed] = types[which[failed] % len(types)]
        for index, incident in self.active(Failing, at):
            struck = self.inside(incident, flow, at)
            struck &= self.random(number, index).random(n) < incident.share
            types = self._outcomes_of[index]
            outcome[struck] = types[which[struck] % len(types)]
        return outcome

    def _throttle(self, number: int, call: Ints, flow: Ints, at: Floats) -> Ints:
        code = np.zeros(len(call), dtype=np.int64)
        for index, incident in self.active(HotKey, at):
            struck = self.inside(incident, flow, at) & self._is_table(incident.table)[call]
            struck &= self.random(number, index).random(len(call)) < incident.share
            code[struck] = np.where(self._units[1, call[struck]] > 0, 2, 1)
        return code

    def random(self, number: int, incident: int) -> np.random.Generator:
        """Return the random generator of one incident (by index) in one block."""
        return np.random.Generator(np.random.PCG64([self._scenario.seed, 3, number, incident]))

    def active(self, kind: type[Kind], at: Floats) -> Iterator[tuple[int, Kind]]:
        """Yield the incidents of a kind that touch a block, with their indices."""
        for index, incident in enumerate(self._scenario.incidents):
            if isinstance(incident, kind) and len(at) and incident.touches(float(at[0]), float(at[-1])):
                yield index, incident

    def inside(self, incident: Timed, flow: Ints, at: Floats) -> Bools:
        """Return the requests that an incident affects."""
        return incident.during(at) & self._about(incident)[flow]

    def _about(self, target: Target) -> Bools:
        return np.array([concerns(target, flow) for flow in self._flows])

    def _is_table(self, table: str | None) -> Bools:
        return np.array([*(table is None or call.table == table for call in self.calls), False])

    def _more(
        self, kind: type[Hammer] | type[Heavier], by: str, at: Floats
    ) -> Iterator[tuple[ScenarioGrowth | Hammer | Heavier, Floats]]:
        """Yield each growth and incident that multiplies table calls or their capacity, with its factors."""
        for growth in self._scenario.growth:
            if growth.by == by and (growth.table is not None or by == "capacity"):
                yield growth, grown(growth, at)
        for _, incident in self.active(kind, at):
            yield incident, np.where(incident.during(at), incident.times, 1.0)
