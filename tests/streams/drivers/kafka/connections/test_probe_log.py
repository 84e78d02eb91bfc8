"""What a probe silences is heard again when it has ended."""

import logging

from config.settings import KafkaSettings
from streams.drivers.kafka.connections.probe import reason_unusable, silent_client
from tests.free_port import free_port


async def test_after_a_probe_of_several_brokers_the_client_logs_as_before() -> None:
    library = logging.getLogger("aiokafka")
    before = library.level
    brokers = tuple(f"127.0.0.1:{free_port()}" for _ in range(3))
    assert "does not answer" in (await reason_unusable(KafkaSettings(brokers=brokers)) or "")
    assert library.level == before


def test_silences_that_overlap_end_with_the_last() -> None:
    library = logging.getLogger("aiokafka")
    before = library.level
    first, second = silent_client(), silent_client()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert library.level == logging.CRITICAL
    second.__exit__(None, None, None)
    assert library.level == before
