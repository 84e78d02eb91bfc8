"""The process itself: files and locks, logs and metrics, a request to stop, the watchdog, progress bars.

Knows nothing of events; imports alerting, detectors and config only.
"""
