"""How much of the history is kept."""

from typing import NamedTuple, Self

from config.settings import HistorySettings


class HistoryBounds(NamedTuple):
    """How much is kept."""

    minutes_days: int
    tens_days: int
    most_bytes: int

    @classmethod
    def of(cls, settings: HistorySettings) -> Self:
        """Return those of the configuration."""
        return cls(settings.minutes_days, settings.tens_days, int(settings.max_gib * (1 << 30)))
