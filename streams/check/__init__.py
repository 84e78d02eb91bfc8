"""The checks of uneri check: the configuration, Kafka, the history, Slack and the other sinks.

May import kafka, store and notify.
"""
