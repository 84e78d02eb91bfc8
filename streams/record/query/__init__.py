"""The read API: Prometheus queries over the history, for Grafana, notebooks and programs."""
