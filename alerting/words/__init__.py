"""The words of messages: which phrase is said of what, and the phrases of each language.

May import commands and incidents; pure.
"""
