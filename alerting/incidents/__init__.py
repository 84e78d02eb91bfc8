"""Findings become incidents with a life, and notices of what is new about them.

Imports nothing else of this package; pure.
"""
