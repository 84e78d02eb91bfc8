"""Logs, metrics and traces that AWS itself writes of functions and tables.

May import access_logs, envelopes and the contract of formats.
"""
