"""The sinks of rows: Slack, what calls somebody, webhook, Alertmanager, terminal; and the chart in a thread.

May import outbox and what is below it.
"""
