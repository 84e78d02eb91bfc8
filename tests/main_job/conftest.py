import asyncio
import threading
from collections.abc import Iterator

import pytest

from tests.alerting.slack_standin import SlackStandin


@pytest.fixture
def slack() -> Iterator[SlackStandin]:
    """The stand-in in a thread of its own, so that a daemon can be waited for."""
    standin, ready, done = SlackStandin(), threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with standin:
            ready.set()
            await done.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    ready.wait()
    yield standin
    loop.call_soon_threadsafe(done.set)
    thread.join()
    loop.close()
