"""The words of messages: numbers, names and sentences in each language.

May import commands and incidents; pure.
"""
