"""Which series are to be scraped: found once, then only among those that are new."""

from functools import cache

import numpy as np

from alerting.commands.matching import fits, names_of
from config.settings import ScrapedSettings, ScrapeSettings
from detectors.model.array_types import Ints
from detectors.model.scope import Scope
from streams.record.history.series_names import SeriesKey, SeriesNames


class ScrapedSeries:
    """Finds the series of one ``SeriesNames``; to be used by one thread at a time.

    Parameters
    ----------
    settings
        Say which.
    """

    def __init__(self, settings: ScrapeSettings) -> None:
        self.settings = settings
        self._wanted = [_Wanted(one) for one in settings.series]
        self._known = 0
        self._found = np.zeros(0, np.int64)

    def among(self, names: SeriesNames) -> Ints:
        """Return the numbers of those that are known by now, sorted."""
        fresh = list(names.since(self._known))
        self._known += len(fresh)
        more = [number for number, key in fresh if any(one.takes(key) for one in self._wanted)]
        if more:
            self._found = np.sort(np.concatenate([self._found, np.array(more, np.int64)]))
        return self._found


class _Wanted:
    """One selector. Scopes and measures come again in many series: each is compared once."""

    def __init__(self, settings: ScrapedSettings) -> None:
        self._callers = settings.callers
        self._kinds = {scope.partition(":")[0] for scope in settings.scopes}

        @cache
        def is_scope(scope: Scope) -> bool:
            return fits(settings.scopes, names_of(scope)) and fits(settings.accounts, {scope.account})

        @cache
        def is_measure(measure: str) -> bool:
            return fits(settings.measures, {measure})

        self._is_scope = is_scope
        self._is_measure = is_measure

    def takes(self, key: SeriesKey) -> bool:
        return (
            (self._callers or not key.source.kind)
            and key.scope.kind in self._kinds
            and self._is_measure(key.measure)
            and self._is_scope(key.scope)
        )
