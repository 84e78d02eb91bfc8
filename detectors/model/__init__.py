"""Scope, measure, series, finding and the sentence that explains it.

Imports config alone.
"""
