"""How well labels were met: counts, and what follows from them."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Delay:
    """Seconds from the start of a label until it was told; negative when it was told before."""

    median: float
    p90: int  # of ten, nine were told at least as soon
    max: int

    @classmethod
    def of(cls, delays: Sequence[int]) -> "Delay | None":
        """Sum up delays; None where there is none.

        Examples
        --------
        >>> Delay.of([60, 120, 30, 600])
        Delay(median=90.0, p90=600, max=600)
        """
        if not delays:
            return None
        rising = sorted(delays)
        return cls(float(statistics.median(rising)), rising[math.ceil(0.9 * len(rising)) - 1], rising[-1])

    def to_json(self) -> dict[str, float]:
        """Return its form in ``evaluation.json``."""
        return {"median": self.median, "p90": self.p90, "max": self.max}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Counts over labels and pages, and what follows from them: None where nothing can be said."""

    labels: int = 0  # of incidents that people want to be told of
    found: int = 0  # of them, those that were told
    in_digest: int = 0  # of the found, those told as an entry of the digest only
    other_verdict: int = 0  # of the found, those told with another verdict than the label's
    pages: int = 0
    false_pages: int = 0
    repeated: int = 0  # right pages about labels that another page told of before
    weeks: float = 0.0  # of judged time
    delays: tuple[int, ...] = ()  # of labels found by a page
    digest_delays: tuple[int, ...] = ()  # of those found in the digest: it is made once a day

    @property
    def missed(self) -> int:
        """How many labels were not found."""
        return self.labels - self.found

    @property
    def recall(self) -> float | None:
        """The part of the labels that was found."""
        return self.found / self.labels if self.labels else None

    @property
    def precision(self) -> float | None:
        """The part of the pages that was right."""
        return 1 - self.false_pages / self.pages if self.pages else None

    @property
    def pages_per_week(self) -> float | None:
        """Pages in a week of judged time."""
        return self.pages / self.weeks if self.weeks else None

    @property
    def false_pages_per_week(self) -> float | None:
        """False pages in a week of judged time."""
        return self.false_pages / self.weeks if self.weeks else None

    @property
    def delay(self) -> Delay | None:
        """How long it took until somebody was paged."""
        return Delay.of(self.delays)

    @property
    def digest_delay(self) -> Delay | None:
        """How long it took until it was in a digest."""
        return Delay.of(self.digest_delays)

    def to_json(self) -> dict[str, object]:
        """Return its form in ``evaluation.json``."""
        return {
            "labels": self.labels,
            "found": self.found,
            "missed": self.missed,
            "in_digest": self.in_digest,
            "other_verdict": self.other_verdict,
            "recall": _rounded(self.recall),
            "pages": self.pages,
            "false_pages": self.false_pages,
            "repeated": self.repeated,
            "precision": _rounded(self.precision),
            "pages_per_week": _rounded(self.pages_per_week),
            "false_pages_per_week": _rounded(self.false_pages_per_week),
            "delay": self.delay and self.delay.to_json(),
            "digest_delay": self.digest_delay and self.digest_delay.to_json(),
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
