"""Every metric of the daemon: name, labels, meaning, in one place. docs/metrics.md has a row of each."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

_DELAYS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0)


class Reading(NamedTuple):
    """How one stage of one partition is, as far as it is known."""

    stage: str  # rollup, detect, incidents, notify; engine with the local driver
    partition: int
    lag: int | None = None  # records
    watermark: int | None = None  # epoch seconds
    checkpoint_age: float | None = None  # seconds
    fetch_age: float | None = None  # seconds since records last came
    progress_age: float | None = None  # seconds since it last took some in though there were more
    series: int | None = None


class Metrics:
    """The metrics of one process, in a registry of their own.

    No label carries a name from an event: label values are bounded.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)  # memory, processor time, when it began

        def counter(name: str, meaning: str, *labels: str) -> Counter:
            return Counter(name, meaning, labels, registry=registry)

        def gauge(name: str, meaning: str, *labels: str) -> Gauge:
            return Gauge(name, meaning, labels, registry=registry)

        place = ("stage", "partition")
        self.records = counter("uneri_records", "Records read, good and bad")
        self.rejected = counter("uneri_rejected_records", "Records dead-lettered", "reason")
        self.late = counter("uneri_late_records", "Records that came after their bucket had closed")
        self.duplicates = counter("uneri_duplicate_records", "Records dropped: their id was known")
        self.folded = counter("uneri_folded_names", "Events and calls folded into other: too many names")
        self.blocks = counter("uneri_blocks", "Blocks of 10 s that left the rollup")
        self.steps = counter("uneri_steps", "Steps that a shard judged")
        self.intake_refused = counter(
            "uneri_intake_refused_requests", "Requests of senders that were refused whole", "reason"
        )
        self.lag = gauge("uneri_lag_records", "Records that a stage has yet to take in", *place)
        self.watermark = gauge(
            "uneri_watermark_timestamp_seconds", "Event time up to which everything was taken in", *place
        )
        self.watermark_age = gauge("uneri_watermark_age_seconds", "Wall time less the watermark", *place)
        self.checkpoint_age = gauge(
            "uneri_checkpoint_age_seconds",
            "Since when a stage has taken in what no durable checkpoint includes; 0 when there is nothing",
            *place,
        )
        self.fetch_age = gauge("uneri_fetch_age_seconds", "Time since records last came", *place)
        self.progress_age = gauge(
            "uneri_progress_age_seconds",
            "Time for which a stage has stood still though there is more; a minute ends the process",
            *place,
        )
        self.series = gauge("uneri_series", "Series that are kept", *place)
        self.paused = gauge("uneri_paused_partitions", "Partitions that wait for slower ones", "stage")
        self.queue = gauge("uneri_queue_depth", "What waits in a queue (docs/architecture.md)", "queue")
        self.opened = counter("uneri_stage_opens", "Times a stage was opened from its checkpoint", "stage")
        self.rebalances = counter("uneri_rebalances", "Times partitions were assigned anew")
        self.loop_delay = Histogram(
            "uneri_event_loop_delay_seconds",
            "How late the event loop came to a turn",
            buckets=_DELAYS,
            registry=registry,
        )
        self.ready = gauge("uneri_ready", "1 when /readyz says yes")
        self.notices = counter("uneri_notices", "Notices handed to the outbox", "action")
        self.held = counter(
            "uneri_notices_held",
            "Incidents that a stage of the notification pipeline held, dropped or gathered",
            "stage",
        )
        self.outbox = gauge("uneri_outbox_rows", "Messages on their way")
        self.deliveries = counter(
            "uneri_deliveries",
            "What came of each attempt to deliver a message, by configured destination; moved: a second "
            "channel took over",
            "destination",
            "result",
        )
        self.commands = counter(
            "uneri_commands", "What people asked for in Slack, and how it was taken", "ask", "said"
        )
        self.refused = counter(
            "uneri_slack_requests_refused", "Requests to /slack that were refused", "reason"
        )

    def show(self, readings: Iterable[Reading], queues: Mapping[str, int], wall: float) -> None:
        """Let the gauges show these readings and no others; ``wall`` is epoch seconds."""
        by_place = (
            self.lag,
            self.watermark,
            self.watermark_age,
            self.checkpoint_age,
            self.fetch_age,
            self.progress_age,
            self.series,
        )
        for gauge in by_place:
            gauge.clear()  # a partition that another process has taken over is told there
        for one in readings:
            age = None if not one.watermark else max(0.0, wall - one.watermark)
            told = (
                one.lag,
                one.watermark or None,
                age,
                one.checkpoint_age,
                one.fetch_age,
                one.progress_age,
                one.series,
            )
            for gauge, value in zip(by_place, told, strict=True):
                if value is not None:
                    gauge.labels(one.stage, str(one.partition)).set(value)
        for name, depth in queues.items():
            self.queue.labels(name).set(depth)
