"""The four ways, by name."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tests.main_job.four_ways.gateway import Gateway
from tests.main_job.four_ways.log_entries import LogEntries
from tests.main_job.four_ways.middleware import Middleware
from tests.main_job.four_ways.spans import Spans
from tests.main_job.four_ways.way import Way

NAMES: Final = ("middleware", "spans", "gateway", "log entries")


@contextmanager
def opened(name: str) -> Iterator[Way]:
    """Make a way, with what it needs while it is used."""
    if name == "middleware":
        with Middleware() as way:
            yield way
    elif name == "spans":
        yield Spans()
    elif name == "gateway":
        yield Gateway()
    else:
        yield LogEntries()
