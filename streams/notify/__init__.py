"""Delivers messages, receives buttons and commands, and shows operators the state of both.

May import only process within streams.
"""
