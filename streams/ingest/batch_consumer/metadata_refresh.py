"""Lets nobody wait for metadata that aiokafka does not ask for.

aiokafka refreshes its metadata every five minutes. Where other topics are wanted by the time that such a
refresh ends, it is to begin anew, but waits for the next five minutes first. Who waits for it meanwhile is a
worker that leads its group while another joins or leaves: it sends no heartbeats, is put out of the group,
and does not end when it is stopped. Here, whoever waits has it begin at once.
"""

from typing import Any, Final

from aiokafka.client import AIOKafkaClient

_force: Final = AIOKafkaClient.force_metadata_update
_wait: Final = AIOKafkaClient._maybe_wait_metadata  # noqa: SLF001 - aiokafka has no other way


def force_metadata_update(self: Any) -> Any:
    """Ask for metadata; return a future that tells whether they came."""
    _hasten(self)
    return _force(self)


async def _maybe_wait_metadata(self: Any) -> None:
    """Wait for metadata that are being asked for."""
    _hasten(self)
    await _wait(self)


def _hasten(client: Any) -> None:
    """Have the next refresh follow at once where one that is awaited has to begin anew."""
    waiter = client._md_update_waiter  # noqa: SLF001 - as above
    if client._md_update_fut is not None and not waiter.done():  # noqa: SLF001 - as above
        waiter.set_result(None)


AIOKafkaClient.force_metadata_update = force_metadata_update
AIOKafkaClient._maybe_wait_metadata = _maybe_wait_metadata  # noqa: SLF001 - as above
