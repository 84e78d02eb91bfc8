"""Payloads that hold other payloads, each of which is read by the format that it is recognised as.

May import the contract of formats.
"""
