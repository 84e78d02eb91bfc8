"""The role board: steps that it keeps and writes, incidents that it follows, commands that it sends.

May import what is beside it in ``streams.kafka``, and what that may.
"""
