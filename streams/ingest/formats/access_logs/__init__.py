"""Logs with a record for each request: of gateways, balancers, proxies and platforms.

May import envelopes and the contract of formats.
"""
