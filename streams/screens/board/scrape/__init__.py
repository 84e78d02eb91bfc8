"""What Prometheus may scrape: the newest step of chosen series."""
