"""What AWS itself writes of functions, tables and metrics.

May import access_logs, envelopes and the contract of formats.
"""
