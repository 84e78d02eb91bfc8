"""Business values: the keys of ``values`` as small numbers, and the scopes that an amount belongs to."""

from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import Final, NamedTuple

import numpy as np

from detectors.model.array_types import Floats, Ints
from detectors.model.scope import ACCOUNT, SERVICE, Scope
from detectors.state.declared import StatePart
from streams.engine.decode.event import MAX_NAME_BYTES
from streams.engine.decode.paths import OTHER, Path, PathIds, cut, sender_of
from streams.engine.decode.returning_names import Places
from streams.engine.decode.touched import scope_of

LARGEST: Final = 1e9
"""The largest amount of one key in one request, positive or negative."""

WHOLE: Final = 2.0**-10
REST: Final = 2.0**-40
"""An amount is stored in two parts: a multiple of WHOLE, and the remainder as a multiple of REST.

A sale may be thousands, the cost of a request a millionth. Sums of either part are exact in a float64 (up to
8.8e12, and over 16 million requests), so they do not depend on the order of their terms.
"""

COLUMNS: Final = 2
"""Parts of an amount."""

GB_SECONDS: Final = "gb_s"
"""The business value that a function's memory and billed time make: what functions are billed by."""


class Value(NamedTuple):
    """One key of the field ``values``, in the requests to one service."""

    cloud: str
    account: str
    region: str
    service: str
    key: str


def scopes_of(value: Value) -> list[Scope]:
    """Return the scopes with a series of this key: the account and the service."""
    path = Path(value.cloud, value.account, value.region, value.service, "", "", "", "", "")
    return [scope for kind in (ACCOUNT, SERVICE) if (scope := scope_of(path, kind)) is not None]


def parts_of(amounts: Floats) -> Floats:
    """Return the (v, COLUMNS) parts of (v,) amounts.

    Examples
    --------
    >>> parts_of(np.array([120.0, 2e-7])).sum(axis=1).round(9).tolist()
    [120.0, 2e-07]
    """
    amounts = np.clip(amounts, -LARGEST, LARGEST)
    whole = np.rint(amounts / WHOLE) * WHOLE
    return np.stack((whole, np.rint((amounts - whole) / REST) * REST), axis=1)


_STATE: Final = StatePart("values", list[str])


_PLACED: Final = frozenset((GB_SECONDS, OTHER))
"""Keys that need no place."""


class ValueKeys(dict[str, int]):
    """Key as it is in an event -> number, for one source partition.

    At most ``most`` keys are kept apart, with ``Places`` that services share; others share the key ``OTHER``.
    One of them is ``GB_SECONDS``, early or late: without it, functions would cost nothing.
    """

    def __init__(self, most: int, paths: PathIds) -> None:
        super().__init__()
        self.names: list[str] = []
        self.most = most
        self._numbers: dict[str, int] = {}  # of the names
        self._paths = paths
        self._places = Places(most)

    def look_up(self, raw: Sequence[str], paths: Ints, minutes: Ints) -> list[int]:
        """Return the numbers of keys, each of a record on a path in a minute of event time; intern them."""
        found = list(map(self.get, raw, repeat(-1)))
        new = [at for at, number in enumerate(found) if number < 0]
        former, sender = -1, ""
        for at, path, minute in zip(new, paths[new].tolist(), minutes[new].tolist(), strict=True):
            if path != former:
                former, sender = path, sender_of(self._paths.names[path])
            found[at] = self._intern(raw[at], sender, minute)
        return found

    def _intern(self, raw: str, sender: str, minute: int) -> int:
        """Intern a key in a form not seen before."""
        key = cut(raw) or OTHER
        number = self._numbers.get(key)
        waits = False
        if number is None:
            kept = len(self.names) - (OTHER in self._numbers) + (GB_SECONDS not in self._numbers)
            if key not in _PLACED and not self._places.take(kept, key, sender, minute):
                key, waits = OTHER, kept < self.most
            number = self._numbers.setdefault(key, len(self.names))
            if number == len(self.names):
                self.names.append(key)
        # a cache: neither a flood of keys nor long ones must fill memory
        if not waits and len(self) < 2 * self.most and len(raw) <= MAX_NAME_BYTES:
            self[raw] = number
        return number

    def snapshot(self) -> dict[str, bytes]:
        """Return the keys."""
        return {**_STATE.pack(self.names), **self._places.snapshot("values")}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Replace the keys by those of a snapshot."""
        self.clear()
        self.names = _STATE.unpack(parts)
        self._numbers = {name: number for number, name in enumerate(self.names)}
        self._places.restore("values", parts)


class ValueIds:
    """(path, key) -> id of the service's value. Ids depend only on the order of paths and keys."""

    def __init__(self, paths: PathIds, keys: ValueKeys) -> None:
        self._paths = paths
        self._keys = keys
        self._width = keys.most + 1
        self._services: list[tuple[str, str, str, str]] = []
        self._number: dict[tuple[str, str, str, str], int] = {}
        self._service_of = np.zeros(0, np.int64)  # by path id

    @property
    def bound(self) -> int:
        """Every id is below this."""
        return len(self._services) * self._width

    def ids(self, path: Ints, key: Ints) -> Ints:
        """Return the id of the value of each pair."""
        return self.services(path) * self._width + key

    def services(self, path: Ints) -> Ints:
        """Return the number of the service of each path, in its account and region."""
        self._learn()
        return self._service_of[path]

    def name(self, number: int) -> Value:
        """Return the value with this id."""
        self._learn()
        service, key = divmod(number, self._width)
        return Value(*self._services[service], self._keys.names[key])

    def _learn(self) -> None:
        if len(self._service_of) == len(self._paths.names):
            return
        fresh = []
        for path in self._paths.names[len(self._service_of) :]:
            service = path[:4]
            number = self._number.setdefault(service, len(self._number))
            if number == len(self._services):
                self._services.append(service)
            fresh.append(number)
        self._service_of = np.concatenate((self._service_of, np.array(fresh, np.int64)))
