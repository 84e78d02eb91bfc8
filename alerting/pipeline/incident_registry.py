"""All incidents that the pipeline knows, and their packed state, repacked only where it changed."""

from collections.abc import Iterator, Mapping
from typing import Final

from alerting.pipeline.tracked_incident import TrackedIncident
from detectors.state.state import pack, unpack

KEPT: Final = 30 * 86400
"""Seconds of event time for which an ended incident is known: its buttons take feedback that long, and a
recurrence links to it."""

MOST: Final = 20_000
"""Incidents kept; of more, the ones that ended first are forgotten first."""

SHORTEST: Final = 4
"""Characters of an id that are enough to name an incident, if no other begins so."""

_PREFIX: Final = "incident/"


class IncidentRegistry:
    """Tracked incidents by id. After changing one, call ``put``.

    Parameters
    ----------
    keep
        Never forget: for replay, which reports everything at its end.
    """

    def __init__(self, *, keep: bool = False) -> None:
        self._keep = keep
        self._tracked: dict[str, TrackedIncident] = {}
        self._packed: dict[str, bytes] = {}

    def get(self, incident: str, at: int | None = None) -> TrackedIncident | None:
        """Return an incident, None when it is unknown or, at this time, forgotten."""
        tracked = self._tracked.get(incident)
        return None if tracked is None or (at is not None and _is_old(tracked, at)) else tracked

    def named(self, name: str, at: int) -> TrackedIncident | None:
        """Return the incident with this id, or the only one whose id begins so; None without one."""
        found = self.get(name, at)
        if found is not None or len(name) < SHORTEST:
            return found
        begin = [one for key, one in self._tracked.items() if key.startswith(name) and not _is_old(one, at)]
        return begin[0] if len(begin) == 1 else None

    def put(self, tracked: TrackedIncident) -> None:
        """Add an incident, or note that it changed."""
        self._tracked[tracked.incident.id] = tracked
        self._packed.pop(tracked.incident.id, None)

    def __iter__(self) -> Iterator[TrackedIncident]:
        return iter(self._tracked.values())

    def __len__(self) -> int:
        return len(self._tracked)

    def sweep(self, at: int) -> list[str]:
        """Forget what ended long ago, or ended and exceeds ``MOST``; return the ids."""
        if self._keep:
            return []
        forgotten = [key for key, tracked in self._tracked.items() if _is_old(tracked, at)]
        if len(self._tracked) - len(forgotten) > MOST:
            known = set(forgotten)
            ended = sorted(
                (tracked.ended_at, key)
                for key, tracked in self._tracked.items()
                if tracked.ended_at is not None and key not in known
            )
            forgotten += [key for _, key in ended[: len(self._tracked) - len(forgotten) - MOST]]
        for key in forgotten:
            del self._tracked[key]
            self._packed.pop(key, None)
        return forgotten

    def snapshot(self) -> dict[str, bytes]:
        """Return one part per incident; unchanged ones are the same bytes."""
        for key, tracked in self._tracked.items():
            if key not in self._packed:
                self._packed[key] = pack("tracked-incident", 1, tracked, {})
        return {f"{_PREFIX}{key}": part for key, part in self._packed.items()}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Restore the state that ``snapshot`` returned, whatever the order of its parts."""
        found = [
            unpack(part, "tracked-incident", 1, TrackedIncident)[0]
            for name, part in parts.items()
            if name.startswith(_PREFIX)
        ]
        found.sort(key=lambda tracked: (tracked.sequence, tracked.incident.id))
        self._tracked = {tracked.incident.id: tracked for tracked in found}
        self._packed = {key: parts[f"{_PREFIX}{key}"] for key in self._tracked}


def _is_old(tracked: TrackedIncident, at: int) -> bool:
    return tracked.ended_at is not None and at >= tracked.ended_at + KEPT
