"""The read API: Prometheus' queries over the history, for Grafana, notebooks and programs.

Imports ``store`` for the history, and ``process`` for its requests.
"""
