"""The checks of uneri check: the configuration, Kafka, Slack and the other sinks.

May import kafka and notify.
"""
