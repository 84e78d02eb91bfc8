"""Checkpoints in Kafka: fenced transactions, takeovers by the next owner, export and import of the state.

May import what is beside it in ``streams.kafka``, and what that may.
"""
