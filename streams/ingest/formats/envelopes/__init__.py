"""Payloads that hold other payloads: what they unpack is read by the format that it is recognised as.

May import the contract of formats.
"""
