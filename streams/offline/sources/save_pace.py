"""How often a long reading saves its state."""

import time
from collections.abc import Callable
from typing import Final

SAVED_EVERY: Final = 30.0
"""Minimum seconds between two saved states, extended to twenty times what saving one takes."""


class SavePace:
    """Saves now and then, so that a crash costs little and saving costs less.

    Parameters
    ----------
    save
        Saves the state; None when nothing is to be saved.
    """

    def __init__(self, save: Callable[[], None] | None) -> None:
        self._save = save
        self._saved, self._took = time.perf_counter(), 0.0

    def due(self) -> bool:
        """Return whether it is time to save."""
        since = time.perf_counter() - self._saved
        return self._save is not None and since >= max(SAVED_EVERY, 20 * self._took)

    def save(self) -> None:
        """Save."""
        if self._save:
            now = time.perf_counter()
            self._save()
            self._saved = time.perf_counter()
            self._took = self._saved - now
