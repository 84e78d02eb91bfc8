"""What Prometheus may scrape: the newest step of chosen series.

Imports what the board has its data from, and ``alerting`` for patterns.
"""
