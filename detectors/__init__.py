"""What is expected of a series, what happened to it and who explains that: pure numpy, in folders.

score > watch > explain > latency > judge > state > model; no Kafka, no Slack, no clock, no randomness.
"""
