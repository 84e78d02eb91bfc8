"""Checkpoints in Kafka: committed by ``checkpoints`` in one ``fenced_store`` transaction, and taken over."""
