"""Durable rows on their way to the sinks: queues, retries, failover, the courier.

May import messages and what is below it.
"""
