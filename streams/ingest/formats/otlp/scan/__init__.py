"""The compiled reader of OTLP spans."""
