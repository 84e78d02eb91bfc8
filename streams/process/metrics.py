"""All metrics of the daemon: name, labels, meaning. docs/metrics.md has a row for each."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

_DELAYS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0)


class StageReading(NamedTuple):
    """The state of one stage of one partition; None where unknown."""

    stage: str  # rollup, detect, incidents, notify; engine with the local driver
    partition: int | str  # of an input's topic with its name: otlp_spans/0
    lag: int | None = None  # records
    watermark: int | None = None  # epoch seconds
    checkpoint_age: float | None = None  # seconds
    fetch_age: float | None = None  # seconds since it last received records
    progress_age: float | None = None  # seconds without progress although records wait
    series: int | None = None


class Metrics:
    """The metrics of one process, in their own registry.

    No label carries a name from an event, so label values are bounded.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)  # memory, processor time, start time

        def counter(name: str, meaning: str, *labels: str) -> Counter:
            return Counter(name, meaning, labels, registry=registry)

        def gauge(name: str, meaning: str, *labels: str) -> Gauge:
            return Gauge(name, meaning, labels, registry=registry)

        place = ("stage", "partition")
        self.records = counter("uneri_records", "Records read, valid or not")
        self.rejected = counter("uneri_rejected_records", "Records sent to the dead letters", "reason")
        self.dropped_letters = counter(
            "uneri_dropped_dead_letters", "Bad records that are no dead letters, or no longer", "reason"
        )
        self.deleted_unread = counter(
            "uneri_deleted_unread_records", "Records that Kafka deleted before they were read", "stage"
        )
        self.clock_behind = gauge(
            "uneri_clock_behind", "1 while most senders or records are ahead of the clock that dates arrivals"
        )
        self.late = counter(
            "uneri_late_records", "Records that arrived after their bucket had closed; merged as corrections"
        )
        self.duplicates = counter(
            "uneri_duplicate_records", "Records dropped as duplicates because their id was known"
        )
        self.folded = counter(
            "uneri_folded_names", "Events and table calls counted as other because there are too many names"
        )
        self.blocks = counter("uneri_blocks", "Blocks of 10 s emitted by the rollup")
        self.steps = counter("uneri_steps", "Steps judged, by all shards")
        self.intake_refused = counter(
            "uneri_intake_refused_requests", "Requests that bring records, refused as a whole", "reason"
        )
        self.skipped = counter(
            "uneri_skipped_parts", "Parts of payloads that are no records by design", "reason"
        )
        self.unjoined = counter(
            "uneri_unjoined_records",
            "Records that count a part of their request and were not joined with another source's",
            "reason",
        )
        self.web_refused = counter(
            "uneri_web_refused_requests", "Requests refused before their route was looked at", "reason"
        )
        self.lag = gauge("uneri_lag_records", "Records that a stage has not processed yet", *place)
        self.watermark = gauge(
            "uneri_watermark_timestamp_seconds", "Event time up to which everything was processed", *place
        )
        self.watermark_age = gauge("uneri_watermark_age_seconds", "Wall time minus the watermark", *place)
        self.checkpoint_age = gauge(
            "uneri_checkpoint_age_seconds",
            "Age of the oldest change that no durable checkpoint includes; 0 if there is none",
            *place,
        )
        self.fetch_age = gauge("uneri_fetch_age_seconds", "Time since a stage last received records", *place)
        self.progress_age = gauge(
            "uneri_progress_age_seconds",
            "Time a stage has made no progress although records wait; the process ends after a minute",
            *place,
        )
        self.series = gauge("uneri_series", "Series kept", *place)
        self.paused = gauge(
            "uneri_paused_partitions", "Partitions paused until slower ones catch up", "stage"
        )
        self.queue = gauge("uneri_queue_depth", "Length of a queue (docs/guarantees.md)", "queue")
        self.state = gauge("uneri_state_bytes", "Size of a file of the local state, with its journal", "file")
        self.state_free = gauge(
            "uneri_state_free_bytes", "Bytes of the local log's file that are free for new records"
        )
        self.history_bytes = gauge("uneri_history_bytes", "Bytes of the files of the history")
        self.history_failed = counter("uneri_history_failures", "Attempts to write the history that failed")
        self.history_left_out = counter(
            "uneri_history_left_out", "Hours and files of the history that were damaged, and are left out"
        )
        self.registry_down = gauge("uneri_registry_down", "1 while the schema registry cannot be asked")
        self.opened = counter("uneri_stage_opens", "Times a stage was opened from its checkpoint", "stage")
        self.rebalances = counter("uneri_rebalances", "Times partitions were reassigned")
        self.loop_delay = Histogram(
            "uneri_event_loop_delay_seconds",
            "Delay of the event loop",
            buckets=_DELAYS,
            registry=registry,
        )
        self.reload_failed = gauge(
            "uneri_reload_failed", "1 while the newest reload of the configuration was refused"
        )
        self.ready = gauge("uneri_ready", "1 if /readyz returns 200")
        self.notices = counter("uneri_notices", "Notices handed to the outbox", "action")
        self.held = counter(
            "uneri_notices_held",
            "Incidents that a stage of the notification pipeline held, dropped or grouped",
            "stage",
        )
        self.outbox = gauge("uneri_outbox_rows", "Messages not sent yet, kept ones included")
        self.deliveries = counter(
            "uneri_deliveries",
            "Attempts to deliver a message, by configured destination; moved: the fallback channel took over",
            "destination",
            "result",
        )
        self.commands = counter(
            "uneri_commands", "Commands given in Slack and on the board, by outcome", "ask", "said"
        )
        self.refused = counter("uneri_slack_requests_refused", "Requests to /slack refused", "reason")

    def update(self, readings: Iterable[StageReading], queues: Mapping[str, int], wall: float) -> None:
        """Set the gauges to these readings only; ``wall`` is epoch seconds."""
        gauges = (
            self.lag,
            self.watermark,
            self.checkpoint_age,
            self.fetch_age,
            self.progress_age,
            self.series,
        )
        for gauge in (*gauges, self.watermark_age):
            gauge.clear()  # another process may have taken over a partition
        for stage, partition, *values in (
            reading._replace(watermark=reading.watermark or None) for reading in readings
        ):
            for gauge, value in zip(gauges, values, strict=True):
                if value is not None:
                    gauge.labels(stage, str(partition)).set(value)
            if (watermark := values[1]) is not None:
                self.watermark_age.labels(stage, str(partition)).set(max(0.0, wall - watermark))
        for name, depth in queues.items():
            self.queue.labels(name).set(depth)
