"""The report of a replay: one HTML file that opens offline.

May import evaluation, messages and what is below them.
"""
