"""docs/metrics.md and the registry agree, and no label value comes from an event."""

import re
from pathlib import Path

from prometheus_client import generate_latest

from streams.process.metrics import Metrics, StageReading

PAGE = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(uneri_\w+)` \| ((?:`\w+`(?:, )?)*) ?\|", re.MULTILINE)
BOUNDED = {
    "action", "ask", "destination", "file", "partition", "queue", "reason", "result", "said", "stage"
}  # fmt: skip


def registered() -> dict[str, tuple[str, ...]]:
    found = {}
    for metric in vars(Metrics()).values():
        if hasattr(metric, "_labelnames"):
            name = metric._name + ("_total" if metric._type == "counter" else "")
            found[name] = tuple(metric._labelnames)
    return found


def test_the_page_lists_every_metric_with_its_labels_and_no_other() -> None:
    page = {name: tuple(re.findall(r"`(\w+)`", labels)) for name, labels in ROW.findall(PAGE)}
    assert page == registered()


def test_label_values_are_bounded() -> None:
    assert {label for labels in registered().values() for label in labels} <= BOUNDED


def test_gauges_show_only_the_partitions_of_this_process_and_their_age() -> None:
    metrics = Metrics()
    metrics.update(
        [StageReading("rollup", 0, lag=5, watermark=1000), StageReading("rollup", 1, lag=7)],
        {"chunks": 3},
        1060,
    )
    page = generate_latest(metrics.registry).decode()
    assert 'uneri_lag_records{partition="1",stage="rollup"} 7.0' in page
    assert 'uneri_watermark_age_seconds{partition="0",stage="rollup"} 60.0' in page
    assert 'uneri_watermark_age_seconds{partition="1"' not in page, "it has seen no record"
    assert 'uneri_queue_depth{queue="chunks"} 3.0' in page
    metrics.update([StageReading("rollup", 0, lag=0, watermark=1060)], {"chunks": 0}, 1060)
    page = generate_latest(metrics.registry).decode()
    assert 'partition="1"' not in page, "another process has taken it over"
