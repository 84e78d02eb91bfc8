"""A made-up backend of any size, and its requests as lines.

A cell is a service with four routes, a function each, two tables and two clients that call all of these.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np

from streams.engine.decode.paths import Call
from streams.engine.decode.paths import Path as Way

ROUTES, TABLES, CLIENTS = 4, 2, 2
SERIES: Final = 388  # of a cell
PER_CELL: Final = ROUTES * CLIENTS  # paths
DAY: Final = 86400
START: Final = 1_767_571_200  # a Monday, 00:00 UTC
FAILING: Final = 0.15  # part of the paths that fail now and then


def day_shape(at: float) -> float:
    """Return the effect of the time of day on all."""
    return 1.0 + 0.5 * float(np.sin(2 * np.pi * at / DAY))


class Backend:
    """Names of so many cells, and how their requests are spread: a few busy paths, many quiet ones."""

    def __init__(self, cells: int) -> None:
        rng = np.random.default_rng(7)
        self.paths = [
            Way("aws", "123456789012", "eu-west-1", f"service-{cell:04}", f"GET /r{route}/{cell:04}",
                f"function-{cell:04}-{route}", ("ios", "android")[client], "3.2.1", "")
            for cell in range(cells) for route in range(ROUTES) for client in range(CLIENTS)
        ]  # fmt: skip
        self.calls = [
            Call(path, f"table-{path // PER_CELL:04}-{table}")
            for path in range(len(self.paths))
            for table in range(TABLES)
        ]
        weight = rng.lognormal(0.0, 1.2, len(self.paths))
        self.share = weight / weight.sum()
        self.fails = np.where(rng.random(len(self.paths)) < FAILING, 0.01, 0.0)
        self._names = [
            f'"cloud":"aws","account":"{way.account}","region":"{way.region}","service":"{way.service}",'
            f'"route":"{way.route}","function":"{way.function}","client":{{"name":"{way.client}",'
            f'"version":"3.2.1"}},"tables":[{self._tables(path)}],'
            for path, way in enumerate(self.paths)
        ]

    def _tables(self, path: int) -> str:
        calls = self.calls[path * TABLES : (path + 1) * TABLES]
        return ",".join(f'{{"name":"{call.table}","op":"GetItem","ms":4.0,"rcu":0.5}}' for call in calls)

    def lines(
        self, at: float, seconds: float, count: int, rng: np.random.Generator, first: int = 0
    ) -> list[bytes]:
        """Return so many requests from ``at`` on, in order of time, with ids from ``first`` on."""
        stamps = at + np.sort(rng.random(count)) * seconds
        which = rng.choice(len(self.paths), count, p=self.share)
        total, failed = rng.lognormal(3, 0.4, count), rng.random(count) < self.fails[which]
        return [
            f'{{"ts":{ts:.3f},"id":"{number:016x}",{self._names[path]}"status":{500 if bad else 200},'
            f'"ms":{{"total":{ms + 5:.1f},"function":{ms:.1f}}}}}'.encode()
            for number, (ts, path, ms, bad) in enumerate(
                zip(stamps, which, total, failed, strict=True), first
            )
        ]

    def days(self, days: float, per_second: float) -> Iterator[list[bytes]]:
        """Yield the requests of each day."""
        rng, count = np.random.default_rng(5), 0
        hours = np.arange(round(days * 24))
        for some in np.split(hours, range(24, len(hours), 24)):
            lines: list[bytes] = []
            for at in (START + some * 3600).tolist():
                many = int(rng.poisson(per_second * 3600 * day_shape(at)))
                lines += self.lines(at, 3600, many, rng, count + len(lines))
            count += len(lines)
            yield lines
