"""The changes of the last days, found by what they were about."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from detectors.model.scope import Scope
from detectors.model.stated import StatedChange
from detectors.state.state import pack, unpack

KEPT_SECONDS: Final = 7 * 86400
"""A change is forgotten once event time is this far beyond it."""

MOST: Final = 2000
"""Changes kept, a few hundred bytes each; of more, the oldest are forgotten first."""

_PART: Final = "recent-changes"
_VERSION: Final = 1


class RecentChanges:
    """Deployments and other changes, each once, whatever the order in which they became known."""

    def __init__(self) -> None:
        self.all: tuple[StatedChange, ...] = ()  # oldest first; never mutated, so any thread may read it
        self._times: list[float] = []
        self._by_name: dict[tuple[str, str], list[StatedChange]] = {}
        self._packed: bytes | None = None

    def add(self, changes: Iterable[StatedChange], at: float) -> bool:
        """Add what became known at a time, epoch seconds; return whether anything of it is new."""
        changes = list(changes)
        if not changes:
            return False
        known = set(self.all)
        new = {change for change in changes if change not in known and change.ts > at - KEPT_SECONDS}
        if new:
            kept = (change for change in known | new if change.ts > at - KEPT_SECONDS)
            self._keep(sorted(kept)[-MOST:])
        return bool(new)

    def between(self, since: float, until: float) -> bool:
        """Return whether there was any change from ``since`` to before ``until``."""
        first = bisect_left(self._times, since)
        return first < len(self._times) and self._times[first] < until

    def about(self, scope: Scope, since: float, until: float) -> Iterator[StatedChange]:
        """Yield the changes of a scope from ``since`` to before ``until``.

        Who deploys often knows no account or region: what one side does not state is not compared.
        """
        for change in self._by_name.get((scope.kind, scope.name), ()):
            if since <= change.ts < until and _fits(change, scope):
                yield change

    def _keep(self, changes: list[StatedChange]) -> None:
        self._times, self._by_name, self._packed = [change.ts for change in changes], {}, None
        for change in changes:
            self._by_name.setdefault((change.about.kind, change.about.name), []).append(change)
        self.all = tuple(changes)

    def snapshot(self) -> dict[str, bytes]:
        """Return the changes as one part; unchanged, it is the same bytes."""
        if self._packed is None:
            self._packed = pack(_PART, _VERSION, list(self.all), {})
        return {_PART: self._packed}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Restore the state that ``snapshot`` returned; without its part, of a version that kept none."""
        part = parts.get(_PART)
        self._keep([] if part is None else unpack(part, _PART, _VERSION, list[StatedChange])[0])
        self._packed = part


def _fits(change: StatedChange, scope: Scope) -> bool:
    of = change.about
    stated = ((of.cloud, scope.cloud), (of.account, scope.account), (of.region, scope.region))
    builds = (of.version or change.version, scope.version)  # of a client
    return all(not one or not other or one == other for one, other in (*stated, builds))
