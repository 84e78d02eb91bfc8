"""The notification stages: who is notified of what, what is held, and why.

May import words, commands and incidents; pure.
"""
