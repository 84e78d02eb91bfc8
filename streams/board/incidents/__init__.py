"""Incidents on the board: the list, one whole, its story, and what people do about it.

May import what is beside it in ``streams.board``, and what that may.
"""
