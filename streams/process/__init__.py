"""The process: logs and metrics, stop requests, the watchdog. Knows nothing about events."""
