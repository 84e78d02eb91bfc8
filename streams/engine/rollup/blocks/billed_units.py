"""What the requests of a path are billed for at tables, in the columns of its calls.

The account of a path may belong to another shard than the tables, and has to know what its requests cost.
"""

from typing import Final

import numpy as np

from config.price_list import PriceList
from config.settings import MoneySettings
from detectors.model.array_types import Floats, Ints
from detectors.model.measures import COLUMN, Measure
from detectors.model.scope import TABLE
from streams.engine.decode.counted import counted
from streams.engine.rollup.blocks.grouping import add_rows
from streams.engine.rollup.blocks.names import RollupNames

_COLUMNS: Final = [COLUMN[measure] for measure in (Measure.READS, Measure.WRITES, Measure.RCU, Measure.WCU)]


class BilledUnits:
    """Adds the calls of each path up, without those of provisioned tables: these cost the same anyway.

    Parameters
    ----------
    money
        Whether costs are counted, and which tables are provisioned.
    names
        Whose ids the counts are kept under.
    """

    def __init__(self, money: MoneySettings, names: RollupNames) -> None:
        self._prices = PriceList(money)
        self._count = money.count
        self._names = names
        self.forget()

    def forget(self) -> None:
        """Forget the names, after they were restored."""
        self._billed = np.zeros(0, np.bool_)  # by call

    def added(self, sums: Floats, callers: Ints, call_ids: Ints, call_sums: Floats) -> Floats:
        """Return the (paths, len(SUMMED)) sums of paths with what their calls are billed for.

        Parameters
        ----------
        sums
            Of paths, which have nothing in the columns of calls.
        callers, call_ids, call_sums
            (m,) the row of each call's path, (m,) its id, and (m, len(SUMMED)) its sums.
        """
        if not self._count:
            return sums
        calls, paths = self._names.calls, self._names.paths
        fresh = []
        for call in calls[len(self._billed) :]:
            path = paths[call.path]
            provisioned = self._prices.provisioned(path.account, path.region, call.table) is not None
            fresh.append(TABLE in counted(path.counts).targets and not provisioned)
        if fresh:
            self._billed = np.concatenate((self._billed, fresh))
        billed = self._billed[call_ids]
        with_units = sums.copy()
        units = call_sums[:, _COLUMNS][billed]
        with_units[:, _COLUMNS] += add_rows(callers[billed], units, len(sums))
        return with_units
