"""Notices when most of what arrives is not judged: it is late, or its stamps are far ahead."""

from typing import Final

import structlog

WINDOW: Final = 1000  # records that the share refers to
MOST: Final = 0.5  # share from which on it is reported
EASED: Final = 0.1  # share from which on it is no longer

log = structlog.get_logger("uneri.late")


class LateWatch:
    """The share of late and refused records among about the last ``WINDOW``.

    It is logged once when it exceeds one half, and once when it has come down.

    Parameters
    ----------
    source
        Whose records these are, for the log.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._records = self._missed = 0.0
        self.reported = False

    @property
    def share(self) -> float:
        """The share, from 0 to 1."""
        return self._missed / self._records if self._records else 0.0

    def feed(self, records: int, missed: int, watermark: int) -> None:
        """Count a run of records of which ``missed`` were late or refused; time had reached ``watermark``."""
        kept = max(0.0, 1.0 - records / WINDOW) if records else 1.0
        self._records, self._missed = kept * self._records + records, kept * self._missed + missed
        if not self.reported and self._missed > MOST * max(self._records, WINDOW / 10):
            self.reported = True
            log.warning(
                "most records are not judged: they are late, or their clocks run ahead. Replay history with "
                "`uneri replay`; else check the senders' clocks and delays, or raise time.lateness",
                source=self._source,
                share=f"{self.share:.0%}",
                event_time=watermark,
            )
        elif self.reported and self.share < EASED:
            self.reported = False
            log.info("records are judged again", source=self._source)
