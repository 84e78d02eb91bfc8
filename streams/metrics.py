"""Every metric of the daemon: name, labels, meaning, in one place."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class Metrics:
    """The metrics of one process, in a registry of their own.

    No label carries a name from an event: label values are bounded.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.records = Counter("uneri_records", "Records read, good and bad", registry=registry)
        self.rejected = Counter(
            "uneri_rejected_records", "Records dead-lettered", ["reason"], registry=registry
        )
        self.intake_refused = Counter(
            "uneri_intake_refused_requests",
            "Requests of senders that were refused whole",
            ["reason"],
            registry=registry,
        )
        self.notices = Counter("uneri_notices", "Notices handed to the outbox", ["action"], registry=registry)
        self.held = Counter(
            "uneri_notices_held",
            "Incidents that a stage of the notification pipeline held, dropped or gathered",
            ["stage"],
            registry=registry,
        )
        self.watermark = Gauge(
            "uneri_watermark_timestamp_seconds",
            "Event time up to which everything was judged",
            registry=registry,
        )
        self.checkpoint = Gauge(
            "uneri_checkpoint_timestamp_seconds",
            "When the last durable checkpoint was written",
            registry=registry,
        )
        self.lag = Gauge(
            "uneri_log_lag_records", "Records in the local log not yet judged", registry=registry
        )
        self.outbox = Gauge("uneri_outbox_rows", "Messages on their way", registry=registry)
        self.deliveries = Counter(
            "uneri_deliveries",
            "What came of each attempt to deliver a message, by configured destination; moved: a second "
            "channel took over",
            ["destination", "result"],
            registry=registry,
        )
        self.commands = Counter(
            "uneri_commands",
            "What people asked for in Slack, and how it was taken",
            ["ask", "said"],
            registry=registry,
        )
        self.refused = Counter(
            "uneri_slack_requests_refused",
            "Requests to /slack that were refused",
            ["reason"],
            registry=registry,
        )
