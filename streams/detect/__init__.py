"""Measured steps become findings, with evidence and attribution; the shards' steps come back into one order.

May import measure and what is below it.
"""
