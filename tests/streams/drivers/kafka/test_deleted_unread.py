"""Records that Kafka deleted before they were read, as operators see them."""

from types import SimpleNamespace

from faust.types import TP

from config.settings import Settings
from streams.cli.daemon_call import status_lines
from streams.drivers.kafka.status import HostedStages
from streams.process.metrics import Metrics
from tests.streams.drivers.kafka.hosting import DETECT, ROLLUP, add_partition, hosting


async def test_records_that_kafka_deleted_unread_are_in_the_metrics_and_in_status() -> None:
    metrics = Metrics()
    stages = HostedStages(Settings, None)
    stages.host = host = hosting(ROLLUP, DETECT, metrics=metrics)
    partition = add_partition(
        host, TP("requests", 3), SimpleNamespace(key="rollup/3", position=7, stage=None)
    )
    assert "deleted unread    none" in status_lines(stages.status())
    partition.count_deleted(1000)
    partition.count_deleted(100)
    del host.partitions[partition.tp]  # it moved to another process
    assert "deleted unread    rollup/3 1100" in status_lines(stages.status())
    lost = "uneri_deleted_unread_records_total"
    assert metrics.registry.get_sample_value(lost, {"stage": "rollup"}) == 1100
    assert metrics.registry.get_sample_value(lost, {"stage": "detect"}) == 0  # from where a rise can be seen
