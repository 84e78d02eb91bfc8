"""The notification stages: decide who is notified of a notice, and hold, drop or combine it with a reason.

May import commands and incidents; pure.
"""
