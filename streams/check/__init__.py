"""What uneri check looks at: the configuration, Kafka, Slack and the other sinks.

May import kafka and notify.
"""
