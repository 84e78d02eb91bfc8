"""The quality of detection against labels: counts, and the figures derived from them."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_WRITTEN: Final = (
    "labels", "found", "missed", "in_digest", "other_verdict", "recall", "pages", "false_pages", "repeated",
    "precision", "pages_per_week", "false_pages_per_week", "delay", "digest_delay",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Delay:
    """Seconds from the start of a label until its report; negative when it was reported before."""

    median: float
    p90: int  # nine of ten were reported at least as soon
    max: int

    @classmethod
    def of(cls, delays: Sequence[int]) -> "Delay | None":
        """Summarise delays; None without any.

        Examples
        --------
        >>> Delay.of([60, 120, 30, 600])
        Delay(median=90.0, p90=600, max=600)
        """
        if not delays:
            return None
        rising = sorted(delays)
        return cls(float(statistics.median(rising)), rising[math.ceil(0.9 * len(rising)) - 1], rising[-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionQuality:
    """Counts over labels and pages, and derived figures: None where undefined."""

    labels: int = 0  # of incidents
    found: int = 0  # of them, those reported
    in_digest: int = 0  # of the found, those reported only in the digest
    other_verdict: int = 0  # of the found, those reported with another verdict than the label's
    pages: int = 0
    false_pages: int = 0
    repeated: int = 0  # right pages about labels that another page had reported
    weeks: float = 0.0  # of judged time
    delays: tuple[int, ...] = ()  # of labels found by a page
    digest_delays: tuple[int, ...] = ()  # of labels found in the digest, which is daily

    @property
    def missed(self) -> int:
        """Labels that were not found."""
        return self.labels - self.found

    @property
    def recall(self) -> float | None:
        """The share of labels that were found."""
        return self.found / self.labels if self.labels else None

    @property
    def precision(self) -> float | None:
        """The share of pages that were right."""
        return 1 - self.false_pages / self.pages if self.pages else None

    @property
    def pages_per_week(self) -> float | None:
        """Pages per week of judged time."""
        return self.pages / self.weeks if self.weeks else None

    @property
    def false_pages_per_week(self) -> float | None:
        """False pages per week of judged time."""
        return self.false_pages / self.weeks if self.weeks else None

    @property
    def delay(self) -> Delay | None:
        """The delay until the page."""
        return Delay.of(self.delays)

    @property
    def digest_delay(self) -> Delay | None:
        """The delay until the digest."""
        return Delay.of(self.digest_delays)

    def to_json(self) -> dict[str, object]:
        """Return the JSON of ``evaluation.json``."""
        found = {name: getattr(self, name) for name in _WRITTEN}
        return {name: round(value, 4) if isinstance(value, float) else value for name, value in found.items()}
