"""Spans, logs and metrics of OpenTelemetry, as collectors and SDKs send them: protobuf and JSON, one meaning.

Both formats read messages into the same few values (``span.py``), from which records are made: ``spans.py``
defines the meaning of spans.
"""
