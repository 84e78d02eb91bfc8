"""How numbers, names and sentences are written, in each language.

May import commands and incidents; pure.
"""
