"""The process: files and locks, logs and metrics, stop requests, the watchdog, progress bars.

Knows nothing about events; imports only alerting, detectors and config.
"""
