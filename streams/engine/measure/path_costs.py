"""The costs of paths, calls and provisioned tables in a step: amounts times the prices of the day."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np

from config.sections.money import PriceList
from config.settings import MoneySettings, ProvisionedTable
from detectors.model.array_types import Floats, Ints
from detectors.model.measures import COLUMN, Measure
from detectors.model.scope import ACCOUNT, FUNCTION, ROUTE, TABLE, Scope, ScopeOrEdge
from streams.engine.decode.counted_kinds import counted_kinds
from streams.engine.decode.paths import Call, Path

AT_ROUTE, AT_FUNCTION, AT_TABLES = range(3)
COST_PARTS: Final = 3
"""Where a path costs: at its route, its function, the tables that it calls. A call has the last alone."""

COST_QUANTUM: Final = 2.0**-42
"""Costs are whole multiples of this, so that sums are exact in every order, up to 2,048 a step."""

LEAST_BUSY: Final = 0.1
"""Seconds that Google Cloud bills of a request at least: it rounds up to 100 ms."""

AWS: Final = "aws"
GOOGLE: Final = "gcp"

_REQUESTS, _BUSY = COLUMN[Measure.REQUESTS], COLUMN[Measure.BUSY]
_UNITS: Final = [COLUMN[Measure.RCU], COLUMN[Measure.WCU]]
_CALLS: Final = [COLUMN[Measure.READS], COLUMN[Measure.WRITES]]


class _Prices(NamedTuple):
    """Of what a path or a call counts, by name; all that is not billed is 0."""

    request: float = 0.0  # at the route
    invocation: float = 0.0
    gb_second: float = 0.0
    least: float = 0.0  # seconds in the function that are billed of a request
    second: float = 0.0  # in the function
    unstated_second: float = 0.0  # likewise, if no memory and no billed time is stated
    read_unit: float = 0.0
    write_unit: float = 0.0
    read: float = 0.0  # a document, or a call if the number of documents is not stated
    write: float = 0.0


class PathCosts:
    """Prices by id of path and call.

    Costs depend on nothing but the merged amounts of a step and the prices, so they are the same however
    the records are spread over source partitions.
    """

    def __init__(self, money: MoneySettings) -> None:
        self._list = PriceList(money) if money.count else None
        self._era = -1
        self._prices = np.zeros((0, len(_Prices._fields)))

    def era(self, start: int) -> int:
        """Return a number of the prices that are in force at ``start``, epoch seconds."""
        return 0 if self._list is None else self._list.era(start)

    def of(
        self, start: int, names: Sequence[Path | Call], ids: Ints, sums: Floats, gb_seconds: Floats
    ) -> Floats:
        """Return the (k, COST_PARTS) costs of paths and calls.

        Parameters
        ----------
        start
            Of the step, epoch seconds; the prices of that moment count.
        names
            By id.
        ids, sums, gb_seconds
            (k,) distinct ids, (k, len(SUMMED)) amounts, and (k,) what functions are billed for. The capacity
            units and calls of a path are those that its requests are billed for at tables.
        """
        costs = np.zeros((len(ids), COST_PARTS))
        if self._list is None:
            return costs
        self._learn(self._list, start, names)
        prices = _Prices(*self._prices[ids].T)
        requests, busy = sums[:, _REQUESTS], sums[:, _BUSY]
        units, calls = sums[:, _UNITS], sums[:, _CALLS]
        documents = np.where(units > 0, units, calls)
        at_tables = units[:, 0] * prices.read_unit + units[:, 1] * prices.write_unit
        at_tables += documents[:, 0] * prices.read + documents[:, 1] * prices.write
        busy = np.maximum(busy, requests * prices.least)
        at_function = requests * prices.invocation + gb_seconds * prices.gb_second + busy * prices.second
        at_function += np.where(gb_seconds > 0, 0.0, busy * prices.unstated_second)
        costs[:, AT_ROUTE] = requests * prices.request
        costs[:, AT_FUNCTION] = at_function
        costs[:, AT_TABLES] = at_tables
        return whole_costs(costs)

    def _learn(self, prices: PriceList, start: int, names: Sequence[Path | Call]) -> None:
        era = prices.era(start)
        if era != self._era:
            self._era, self._prices = era, self._prices[:0]
        fresh = []
        for name in names[len(self._prices) :]:
            if isinstance(name, Path):
                fresh.append(_of_path(prices, name, start))
                continue
            path = names[name.path]
            assert isinstance(path, Path)  # noqa: S101 - a call is never made on a call
            fresh.append(_of_call(prices, path, name.table, start))
        if fresh:
            self._prices = np.concatenate((self._prices, np.array(fresh)))


def whole_costs(amounts: Floats) -> Floats:
    """Return the amounts as whole multiples of COST_QUANTUM."""
    whole: Floats = np.rint(amounts / COST_QUANTUM) * COST_QUANTUM
    return whole


def _of_path(prices: PriceList, path: Path, at: int) -> _Prices:
    targets = counted_kinds(path.counts).targets
    price = _pricing(prices, path, at)
    found = _Prices()
    if path.cloud not in (AWS, GOOGLE):
        return found
    if path.route and ROUTE in targets and path.cloud == AWS:
        kind = prices.gateway(path.account, path.service)
        found = found._replace(request=0.0 if kind == "none" else price(f"api_gateway_{kind}_request"))
    if path.function and FUNCTION in targets:
        function = prices.function(path.account, path.function)
        gib = (function.memory_mb or 0.0) / 1024
        if path.cloud == AWS:
            gb_second = price(f"lambda_gb_second_{function.architecture}")
            found = found._replace(
                invocation=price("lambda_request"), gb_second=gb_second, unstated_second=gib * gb_second
            )
        else:
            gib_second = price("cloud_run_gib_second")
            found = found._replace(
                invocation=price("cloud_run_request"),
                gb_second=gib_second / function.concurrency,
                least=LEAST_BUSY,
                second=function.vcpu * price("cloud_run_vcpu_second") / function.concurrency,
                unstated_second=gib * gib_second / function.concurrency,
            )
    return _with_tables(found, price, path)


def _of_call(prices: PriceList, path: Path, table: str, at: int) -> _Prices:
    if path.cloud not in (AWS, GOOGLE) or prices.provisioned(path.account, path.region, table) is not None:
        return _Prices()
    return _with_tables(_Prices(), _pricing(prices, path, at), path)


def _pricing(prices: PriceList, path: Path, at: int) -> Callable[[str], float]:
    return lambda item: prices.price(item, path.account, path.region, at=at)


def _with_tables(found: _Prices, price: Callable[[str], float], path: Path) -> _Prices:
    if TABLE not in counted_kinds(path.counts).targets:
        return found
    if path.cloud == GOOGLE:
        return found._replace(read=price("firestore_read"), write=price("firestore_write"))
    return found._replace(read_unit=price("dynamodb_read_unit"), write_unit=price("dynamodb_write_unit"))


_HOUR: Final = 3600


class ProvisionedCosts:
    """The costs by row of a scope: of a table, and of its account.

    A shard does not know the tables of other shards, of which its accounts may have some.
    """

    def __init__(self, money: MoneySettings, width: int) -> None:
        self._prices = PriceList(money)
        self._tables = money.tables if money.count else {}
        self._width = width  # seconds of a step
        self._seen = 0
        self._rows: list[tuple[int, str, ProvisionedTable]] = []  # row, account, and a table that it pays for

    def at(self, start: int, scopes: Sequence[ScopeOrEdge]) -> Floats:
        """Return the (scopes,) costs of a step that starts at ``start``, by row of those known so far."""
        costs = np.zeros(len(scopes))
        if not self._tables:
            return costs
        for row in range(self._seen, len(scopes)):
            self._learn(row, scopes[row])
        self._seen = len(scopes)
        for row, account, table in self._rows:
            costs[row] += self._cost(account, table, start)
        return whole_costs(costs)

    def _learn(self, row: int, about: ScopeOrEdge) -> None:
        if not isinstance(about, Scope) or about.cloud != AWS:
            return
        if about.kind == TABLE:
            table = self._prices.provisioned(about.account, about.region, about.name)
            if table is not None:
                self._rows.append((row, about.account, table))
        elif about.kind == ACCOUNT:
            own = [table for name, table in self._tables.items() if name.startswith(f"{about.name}/")]
            self._rows += [(row, about.name, table) for table in own]

    def _cost(self, account: str, table: ProvisionedTable, at: int) -> float:
        def hour(item: str) -> float:
            return self._prices.price(item, account, table.region or "", at=at)

        per_hour = table.rcu * hour("dynamodb_rcu_hour") + table.wcu * hour("dynamodb_wcu_hour")
        return per_hour * self._width / _HOUR
