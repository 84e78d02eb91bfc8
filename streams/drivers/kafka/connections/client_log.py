"""The log of aiokafka, silent while its errors are raised in one line."""

import contextlib
import logging
from collections.abc import Iterator


@contextlib.contextmanager
def silent_client() -> Iterator[None]:
    """Silence the log of the client: its errors are raised in one line."""
    library = logging.getLogger("aiokafka")
    before = library.level
    library.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        library.setLevel(before)
