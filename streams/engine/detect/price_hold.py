"""Prices that change move every cost at once, though no request moved: costs are not judged for a while."""

from collections.abc import Mapping
from typing import Final

import msgspec

from config.price_list import PriceList
from config.settings import MoneySettings
from detectors.state.history import DAY
from detectors.state.state import pack, unpack

HOLD: Final = DAY
"""Seconds after a change: what costs rise and fall by in a day follows the new level by then."""

_PART: Final = "prices"


class _Held(msgspec.Struct):
    pricing: str  # what costs were made of
    until: int  # epoch seconds, of a change in the settings; 0 without one


class PriceHold:
    """Knows when costs are comparable with those of the days before.

    They are not on the first day of a price, nor after other settings of ``money`` or other shipped prices.

    Parameters
    ----------
    money
        The settings.
    """

    VERSION = 1

    def __init__(self, money: MoneySettings) -> None:
        self._prices = PriceList(money)
        self._held = _Held(self._prices.pricing, 0)
        self._changed = False  # what was restored was priced otherwise

    def at(self, start: int) -> bool:
        """Return whether costs of the step that starts at epoch second ``start`` say nothing about requests.

        Steps come in their order.
        """
        if self._changed:
            self._held.until, self._changed = start + HOLD, False
        return start < self._held.until or start - self._prices.changed(start) < HOLD

    def snapshot(self) -> dict[str, bytes]:
        """Return the state."""
        return {_PART: pack(_PART, self.VERSION, self._held, {})}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Restore a snapshot; state of versions before 0.3 knew no prices."""
        if _PART not in parts:
            return
        before, _ = unpack(parts[_PART], _PART, self.VERSION, _Held)
        self._changed = before.pricing != self._prices.pricing
        self._held.until = before.until
