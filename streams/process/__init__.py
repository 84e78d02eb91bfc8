"""The process: files and locks, logs and metrics, the web server and its locks, the watchdog.

Knows nothing about events; imports only alerting, detectors and config.
"""
