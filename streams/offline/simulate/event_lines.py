"""Events as lines of JSON, from the columns of requests.

No line is built from a dictionary: common parts of requests are encoded once, and a block becomes one flat
array of byte strings, filled column by column, joined once and split at the newlines.
"""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.model.array_types import Ints
from streams.offline.simulate.request_generator import THROTTLED, RequestOutcome, Requests
from streams.offline.simulate.scenario import Scenario, ScenarioCall
from streams.offline.simulate.traffic import Flow

Objects = NDArray[np.object_]

_HEAD, _PER_CALL, _TAIL = 14, 7, 2  # pieces of a line
# numbers with a cached text; larger ones are formatted when they occur
_KNOWN_TENTHS, _KNOWN_HALVES = 20_000, 2_000


def _objects(pieces: list[bytes]) -> Objects:
    array = np.empty(len(pieces), dtype=object)
    array[:] = pieces
    return array


def _written(value: float) -> bytes:
    return (b"%d" % value) if value == int(value) else (b"%.1f" % value)


class _Numbers:
    """The text of multiples of 1/parts."""

    def __init__(self, parts: int, known: int) -> None:
        self._parts = parts
        self._known = known
        self._texts = _objects([_written(number / parts) for number in range(known)])

    def __call__(self, numbers: Ints) -> Objects:
        texts = self._texts[np.minimum(numbers, self._known - 1)]
        for place in np.flatnonzero(numbers >= self._known).tolist():
            texts[place] = _written(int(numbers[place]) / self._parts)
        return texts


def _text(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


class LineWriter:
    """Writes the events of one scenario in the format of docs/event.md.

    The indices in ``Requests`` refer to the given flows, calls and outcomes.
    """

    def __init__(
        self, scenario: Scenario, flows: list[Flow], calls: list[ScenarioCall], outcomes: list[RequestOutcome]
    ) -> None:
        self._flows = _objects([self._flow(scenario, flow) for flow in flows])
        self._tenants = _objects(
            [b',"tenant":%b},"status":' % _text(name) for name in scenario.tenants] or [b'},"status":']
        )
        self._outcomes = _objects(
            [
                b'%d,"error":%b,"error_type":%b,"ms":{"total":' % (status, _text(error), _text(error_type))
                for status, error, error_type in outcomes
            ]
        )
        self._cold = _objects(
            [b'},"cold_start":%b,"throttled":null,"tables":[' % cold for cold in (b"false", b"true")]
        )
        first = [b'{"name":%b,"op":%b,"ms":' % (_text(call.table), _text(call.op)) for call in calls]
        self._call = _objects(first + [b"," + head for head in first])
        self._throttled = _objects([b',"throttled":%b}' % _text(reason) for reason in THROTTLED])
        self._millis = _objects([b'.%03d,"id":"' % ms for ms in range(1000)])
        self._tenths = _Numbers(10, _KNOWN_TENTHS)
        self._halves = _Numbers(2, _KNOWN_HALVES)
        self._values = [list(scenario.services[flow.service].routes[flow.route].values) for flow in flows]
        self._amounts = [
            b'],"values":{' + b",".join(_text(name).replace(b"%", b"%%") + b":%d" for name in names) + b"}}"
            for names in self._values
        ]
        self._has_values = np.array([bool(names) for names in self._values])

    @staticmethod
    def _flow(scenario: Scenario, flow: Flow) -> bytes:
        account = scenario.accounts[scenario.services[flow.service].account]
        head: dict[str, Any] = {**account.model_dump(), "service": flow.service, "route": flow.route}
        head["function"] = flow.function
        head["client"] = {"name": flow.client, "version": flow.version}
        written = json.dumps(head, ensure_ascii=False, separators=(",", ":")).encode()
        return b'",' + written[1:-2]  # left open for the tenant

    def lines(self, requests: Requests) -> list[bytes]:
        """Return one line per request, without newlines, in the order of the columns."""
        n, m = len(requests.ts), len(requests.call)
        if not n:
            return []
        of_request = np.bincount(requests.request, minlength=n)
        head = np.zeros(n, dtype=np.int64)
        np.cumsum((_HEAD + _TAIL + _PER_CALL * of_request)[:-1], out=head[1:])
        first_call = np.cumsum(of_request) - of_request
        place_in_request = np.arange(m) - first_call[requests.request]
        at = head[requests.request] + _HEAD + _PER_CALL * place_in_request
        pieces = np.empty(n * (_HEAD + _TAIL) + m * _PER_CALL, dtype=object)
        for offset, texts in enumerate(self._heads(requests)):
            pieces[head + offset] = texts
        later = len(self._call) // 2 * (place_in_request > 0)
        pieces[at] = self._call[requests.call + later]
        pieces[at + 1] = self._tenths(requests.call_ms)
        pieces[at + 2] = b',"rcu":'
        pieces[at + 3] = self._halves(requests.rcu)
        pieces[at + 4] = b',"wcu":'
        pieces[at + 5] = self._halves(requests.wcu)
        pieces[at + 6] = self._throttled[requests.throttled]
        tail = head + _HEAD + _PER_CALL * of_request
        pieces[tail] = self._tails(requests)
        pieces[tail + 1] = b"\n"
        return b"".join(pieces.tolist()).split(b"\n")[:-1]

    def _heads(self, requests: Requests) -> list[Objects | bytes]:
        second, milli = np.divmod(requests.ts, 1000)
        seconds = _objects([b'{"ts":%d' % epoch for epoch in range(int(second[0]), int(second[-1]) + 1)])
        ids = np.frombuffer(requests.ids.astype(">u8").tobytes().hex().encode(), dtype="S16").astype(object)
        total, function, code, auth = (self._tenths(row) for row in requests.ms)
        return [
            seconds[second - second[0]],
            self._millis[milli],
            ids,
            self._flows[requests.flow],
            self._tenants[requests.tenant],
            self._outcomes[requests.outcome],
            total,
            b',"function":',
            function,
            b',"code":',
            code,
            b',"auth":',
            auth,
            self._cold[requests.cold],
        ]

    def _tails(self, requests: Requests) -> Objects:
        tails = np.full(len(requests.ts), b"]}", dtype=object)
        rows = np.flatnonzero(self._has_values[requests.flow])
        for row, flow, amounts in zip(
            rows.tolist(), requests.flow[rows].tolist(), requests.amounts[rows].tolist(), strict=True
        ):
            tails[row] = self._amounts[flow] % tuple(amounts[: len(self._values[flow])])
        return tails
