"""What provisioned tables cost at every step, whether they are used or not."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from config.price_list import PriceList
from config.settings import MoneySettings, ProvisionedTable
from detectors.model.array_types import Floats
from detectors.model.scope import ACCOUNT, TABLE, Scope, ScopeOrEdge
from streams.engine.measure.path_costs import AWS, whole_costs

_HOUR: Final = 3600


class ProvisionedCosts:
    """The costs by row of a scope: of a table, and of its account.

    A shard does not know the tables of other shards, of which its accounts may have some.

    Parameters
    ----------
    money
        Prices and tables.
    width
        Seconds of a step.
    """

    def __init__(self, money: MoneySettings, width: int) -> None:
        self._prices = PriceList(money)
        self._tables = money.tables if money.count else {}
        self._width = width
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

        each = table.rcu * hour("dynamodb_rcu_hour") + table.wcu * hour("dynamodb_wcu_hour")
        return each * self._width / _HOUR
