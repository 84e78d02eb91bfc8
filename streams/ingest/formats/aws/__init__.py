"""Logs, metrics and traces of AWS, by its services and by its libraries in functions.

May import access_logs, envelopes and the contract of formats.
"""
