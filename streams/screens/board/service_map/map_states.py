"""What is not well on the service map: open findings and exceeded thresholds, of nodes and edges."""

from collections.abc import Iterable
from typing import Final

from config.settings import BoardSettings, ThresholdSettings
from detectors.model.scope import FUNCTION, ROUTE, SERVICE, TABLE
from streams.screens.board.service_map.service_map import MapAmounts
from streams.screens.board.wall.wall import WallThreshold
from streams.screens.board.wall.wall_numbers import threshold_of

FEWEST: Final = 5
"""Failed requests that a share rests on: one of two is chance, and no reason to colour anything."""


def worst_of(thresholds: Iterable[WallThreshold]) -> WallThreshold:
    """Return the worst of some thresholds.

    Examples
    --------
    >>> worst_of([None, "warning", None]), worst_of(["warning", "critical"]), worst_of([])
    ('warning', 'critical', None)
    """
    found = set(thresholds)
    return "critical" if "critical" in found else "warning" if "warning" in found else None


class MapStates:
    """Tells which thresholds are reached.

    Parameters
    ----------
    settings
        The thresholds of the wall, which hold for every node.
    step, seconds
        The length of a step, and of what the amounts are of.
    """

    def __init__(self, settings: BoardSettings, step: int, seconds: int) -> None:
        self._settings = settings
        self._step = step
        self._seconds = seconds
        self._times: dict[str, ThresholdSettings] = {
            SERVICE: settings.api_ms,
            ROUTE: settings.api_ms,
            FUNCTION: settings.function_ms,
            TABLE: settings.table_ms,
        }

    def of_amounts(self, amounts: MapAmounts) -> WallThreshold:
        """Return the worst threshold that amounts a second reach."""
        found: list[WallThreshold] = []
        failed = amounts.failed or 0.0
        if amounts.requests > 0 and failed * self._seconds >= FEWEST:
            found.append(threshold_of(failed / amounts.requests, self._settings.errors_backend))
        if amounts.throttles:
            found.append(threshold_of(amounts.throttles * self._step, self._settings.throttles))
        return worst_of(found)

    def of_node(
        self, kind: str, amounts: MapAmounts, latency: float | None, share: float | None
    ) -> WallThreshold:
        """Return the worst threshold that a node has reached."""
        times = self._times.get(kind)
        return worst_of(
            (
                self.of_amounts(amounts),
                None if times is None else threshold_of(latency, times),
                threshold_of(share, self._settings.share),
            )
        )
