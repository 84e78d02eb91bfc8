"""``uneri check``: the configuration, Kafka, the history, Slack and the other sinks."""
