"""Expectations of series, verdicts about them, and the scopes that explain these: pure numpy, in folders.

score > watch > explain > latency > judge > state > model; no Kafka, no Slack, no clock, no randomness.
"""
