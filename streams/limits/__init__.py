"""Limits read from a cloud: the calls, the file that keeps them, and their age.

May import only process within streams.
"""
