"""All incidents that the pipeline knows, and their bytes, made anew only where something changed."""

from collections.abc import Iterator, Mapping
from typing import Final

from alerting.pipeline.tracked_incident import TrackedIncident
from detectors.state.state import pack, unpack

KEPT: Final = 30 * 86400
"""Seconds of event time that an incident is known after it is over: its buttons take feedback so long, and
what comes back links it."""

MOST: Final = 20_000
"""Incidents that are kept: what was over first is forgotten first when there are more."""

_PREFIX: Final = "story/"


class IncidentRegistry:
    """Stories by incident id. Who changes one has to say so by ``put``.

    Parameters
    ----------
    keep
        Never forget: for replay, which tells of everything at its end.
    """

    def __init__(self, *, keep: bool = False) -> None:
        self._keep = keep
        self._stories: dict[str, TrackedIncident] = {}
        self._packed: dict[str, bytes] = {}

    def get(self, incident: str, at: int | None = None) -> TrackedIncident | None:
        """Return a story, None when there is none or, at this time, it is forgotten."""
        story = self._stories.get(incident)
        return None if story is None or (at is not None and _is_old(story, at)) else story

    def put(self, story: TrackedIncident) -> None:
        """Add a story, or take note that it has changed."""
        self._stories[story.incident.id] = story
        self._packed.pop(story.incident.id, None)

    def __iter__(self) -> Iterator[TrackedIncident]:
        return iter(self._stories.values())

    def __len__(self) -> int:
        return len(self._stories)

    def sweep(self, at: int) -> list[str]:
        """Forget what is over for long, or is over and too much; return the ids."""
        if self._keep:
            return []
        gone = [key for key, story in self._stories.items() if _is_old(story, at)]
        if len(self._stories) - len(gone) > MOST:
            known = set(gone)
            over = sorted(
                (story.over, key)
                for key, story in self._stories.items()
                if story.over is not None and key not in known
            )
            gone += [key for _, key in over[: len(self._stories) - len(gone) - MOST]]
        for key in gone:
            del self._stories[key]
            self._packed.pop(key, None)
        return gone

    def snapshot(self) -> dict[str, bytes]:
        """Return one part a story: those that did not change are the very same bytes."""
        for key, story in self._stories.items():
            if key not in self._packed:
                self._packed[key] = pack("story", 1, story, {})
        return {f"{_PREFIX}{key}": part for key, part in self._packed.items()}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Take up the state of ``snapshot``, whatever the order of its parts."""
        found = [
            unpack(part, "story", 1, TrackedIncident)[0] for name, part in parts.items() if _is_part(name)
        ]
        found.sort(key=lambda story: (story.sequence, story.incident.id))
        self._stories = {story.incident.id: story for story in found}
        self._packed = {key: parts[f"{_PREFIX}{key}"] for key in self._stories}


def _is_part(name: str) -> bool:
    return name.startswith(_PREFIX)


def _is_old(story: TrackedIncident, at: int) -> bool:
    return story.over is not None and at >= story.over + KEPT
