"""The check of the history: that its place can be written."""

from collections.abc import Iterator

import pyarrow as pa

from config.settings import Settings
from streams.cli.check.result import CheckResult
from streams.record.history.history_files import HistoryFolder
from streams.record.history.place_trouble import place_trouble


def check_history(settings: Settings) -> Iterator[CheckResult]:
    """Write a file into the place of the history and delete it, if one is configured."""
    history = settings.history
    if not history.keep or history.place is None:
        return
    try:
        HistoryFolder(history.place).probe()
    except (OSError, pa.ArrowException) as error:
        yield CheckResult(False, f"history: {history.place} cannot be written: {place_trouble(error)}")
        return
    yield CheckResult(True, f"history: {history.place} can be written")
