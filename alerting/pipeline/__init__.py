"""The stages between a notice and its dispatches, which may hold, drop or combine it.

May import commands and incidents; pure.
"""
