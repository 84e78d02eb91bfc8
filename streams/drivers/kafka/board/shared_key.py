"""The key that seals the sessions of browsers: one for all processes of an app, in the checkpoints topic."""

import asyncio
from typing import Final

import structlog
from aiokafka.errors import KafkaError

from detectors.state.state import StateError
from streams.drivers.kafka.checkpoints.fenced_store import FencedError, FencedStore
from streams.process.web.sessions import KEY_BYTES, new_session_key

KEY: Final = "sessions"
RETRY_SECONDS: Final = 2.0

log = structlog.get_logger("uneri.board")


async def shared_session_key(records: FencedStore) -> bytes:
    """Return the key that all processes use; the first one to ask makes it. Tries until Kafka answers."""
    logged = False
    while True:
        try:
            key = (await records.look(KEY)).get(KEY) or await _made(records)
        except FencedError:
            continue  # another process makes it at this moment
        except (KafkaError, StateError) as error:
            if not logged:
                log.warning("sessions of browsers must wait for Kafka", reason=str(error))
                logged = True
            await asyncio.sleep(RETRY_SECONDS)
            continue
        if len(key) == KEY_BYTES:
            return key
        raise StateError("the key of sessions in the checkpoints topic is damaged")


async def _made(records: FencedStore) -> bytes:
    try:
        found = await records.take_over(KEY)
        if KEY in found:  # it was made after the look
            return found[KEY]
        key = new_session_key()
        await records.write(KEY, [(KEY, key)])
        return key
    finally:
        await records.give_up(KEY)
