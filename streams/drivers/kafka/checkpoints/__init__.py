"""Checkpoints in Kafka: fenced transactions, takeovers by the next owner, export and import of the state."""
