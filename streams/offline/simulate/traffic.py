"""The rate at which each client version calls each route of a scenario, by itself or by a given shape."""

from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from detectors.model.array_types import Floats, Ints, Places
from streams.offline.simulate.scenario import Scenario, ScenarioGrowth
from streams.offline.simulate.scenario_incidents import CELL, Absence, Drop, Spike, Target
from streams.offline.sources.csv_series import SeriesError, read_series

WEEK = 7 * 86400
DAY = 86400
_HOUR = 3600
_ZONE_STEP = 900  # every UTC offset in use today, and every change of one, falls on a quarter of an hour


class Shape:
    """A regular series with mean 1 that repeats, in whole weeks if it is at least a week long.

    Parameters
    ----------
    times : float64[n]
        Epoch seconds, ascending; the first is aligned to the start of the scenario. A missing row repeats the
        previous one.
    values : float64[n]
        Not negative, not all zero.
    """

    def __init__(self, times: Floats, values: Floats) -> None:
        gaps = np.diff(times)
        if len(times) < 2 or (gaps <= 0).any():  # noqa: PLR2004 - an interval needs two rows
            raise SeriesError("needs at least two rows with ascending timestamps")
        if not np.isfinite(values).all() or (values < 0).any() or not values.any():
            raise SeriesError("needs finite values that are not negative and not all zero")
        self.interval = float(np.median(gaps))
        grid = np.arange(times[0], times[-1] + self.interval, self.interval)
        filled = values[np.searchsorted(times, grid + self.interval / 2, side="right") - 1]
        whole = int(len(filled) * self.interval // WEEK) * int(WEEK // self.interval)
        self.values = filled[: whole or len(filled)]
        self.values = self.values / self.values.mean()

    def at(self, seconds: Floats) -> Floats:
        """Return the traffic factor at ``seconds`` after the start of the scenario."""
        rows: Ints = np.floor(seconds / self.interval).astype(np.int64) % len(self.values)
        return self.values[rows]


def read_shape(path: Path) -> Shape:
    """Read a shape from a file of ``timestamp,value``, as ``read_series`` reads it.

    Raises
    ------
    SeriesError
        When the file is no series, or traffic cannot follow it; the text names the file.
    """
    series = read_series(path)
    try:
        return Shape(series.times.astype(np.float64), series.values)
    except SeriesError as error:
        raise SeriesError(f"{path}: {error}") from None


class Flow(NamedTuple):
    """One client version on one route; its requests are statistically alike."""

    service: str
    route: str
    function: str
    client: str
    version: str


def concerns(target: Target, flow: Flow) -> bool:
    """Return whether a growth or an incident affects a flow."""
    return all(getattr(target, field) in (None, name) for field, name in flow._asdict().items())


def grown(growth: ScenarioGrowth, seconds: Any) -> Any:
    """Return the factor of a growth at ``seconds`` after the start of the scenario."""
    passed = np.clip(seconds - growth.at, 0, growth.for_ if growth.for_ is not None else np.inf)
    return (1 + growth.per_day) ** (passed / DAY)


class RequestRates:
    """The rates of a scenario that begins at ``start`` (epoch seconds).

    A ``shape`` replaces the daily and weekly shape and the drift: rates then follow it exactly.
    """

    def __init__(self, scenario: Scenario, start: int, shape: Shape | None) -> None:
        self._scenario = scenario
        self._start = start
        self._shape = shape
        self._zone = ZoneInfo(scenario.time_zone)
        self.flows: list[Flow] = []
        base: list[float] = []
        for name, service in scenario.services.items():
            clients = service.clients or list(scenario.clients)
            everyone = sum(scenario.clients[client].share for client in clients)
            for path, route in service.routes.items():
                for client in clients:
                    versions = scenario.clients[client].versions
                    builds = sum(versions.values())
                    for version, weight in versions.items():
                        self.flows.append(Flow(name, path, route.function, client, version))
                        base.append(route.rate * scenario.clients[client].share / everyone * weight / builds)
        self._base = np.array(base)
        services = list(scenario.services)
        self._service_of = np.array([services.index(flow.service) for flow in self.flows])
        self._drift = self._drifts(len(services))

    def _drifts(self, services: int) -> Floats:
        """Return the logarithm of each service's drift at every full hour: a first-order autoregression."""
        noise = self._scenario.noise
        hours = self._scenario.length // _HOUR + 2
        random = np.random.Generator(np.random.PCG64([self._scenario.seed, 1]))
        steps = random.standard_normal((hours, services))
        keep = np.exp(-1 / noise.hours)
        drift = np.empty_like(steps)
        drift[0] = steps[0]
        for hour in range(1, hours):
            drift[hour] = keep * drift[hour - 1] + np.sqrt(1 - keep**2) * steps[hour]
        # minus half the variance: the lognormal then has mean 1, so mean rates stay as configured
        drift *= noise.drift
        return drift - noise.drift**2 / 2

    def _shaped(self, seconds: Floats) -> Floats:
        """Return the factor of time of day and day of week, with mean 1 over a week."""
        if self._shape is not None:
            return self._shape.at(seconds)
        steps, place = np.unique((self._start + seconds) // _ZONE_STEP, return_inverse=True)
        local = self._start + seconds + np.array([self._offset(step * _ZONE_STEP) for step in steps])[place]
        hours, minutes = self._scenario.daily.peak.split(":")
        angle = 2 * np.pi * (local / DAY - (int(hours) + int(minutes) / 60) / 24)
        weekend = self._scenario.weekly.weekend
        weekday = (local // DAY + 3) % 7  # 1 January 1970 was a Thursday; Monday is 0
        week: Floats = np.where(weekday >= 5, weekend, 1.0) * 7 / (5 + 2 * weekend)  # noqa: PLR2004
        day: Floats = 1 + self._scenario.daily.depth * np.cos(angle)
        return week * day

    def _offset(self, epoch: float) -> float:
        offset = datetime.fromtimestamp(epoch, self._zone).utcoffset()
        return offset.total_seconds() if offset is not None else 0.0

    def rates(self, since: int, cells: int) -> Floats:
        """Return the mean rates of a time range, with incidents and growth.

        Parameters
        ----------
        since : int
            Seconds after the start of the scenario, a multiple of ``CELL``.
        cells : int
            Length of the range, in ``CELL`` seconds.

        Returns
        -------
        float64[cells, flows]
            Requests per second.
        """
        seconds = since + CELL * np.arange(cells, dtype=np.float64)
        rates: Floats = self._shaped(seconds)[:, None] * self._base
        if self._shape is None and self._scenario.noise.drift:
            hour, part = np.divmod(seconds / _HOUR, 1)
            at = hour.astype(np.int64)
            drift = self._drift[at] * (1 - part[:, None]) + self._drift[at + 1] * part[:, None]
            rates *= np.exp(drift)[:, self._service_of]
        for growth in self._scenario.growth:
            if growth.table is None and growth.by == "calls":
                rates[:, self._about(growth)] *= grown(growth, seconds)[:, None]
        for incident in self._scenario.incidents:
            if isinstance(incident, Spike | Drop | Absence) and incident.touches(seconds[0], seconds[-1]):
                times = 0.0 if isinstance(incident, Absence) else incident.times
                rates[np.ix_(incident.during(seconds), self._about(incident))] *= times
        return rates

    def _about(self, target: Target) -> Places:
        return np.flatnonzero([concerns(target, flow) for flow in self.flows])
