"""Blocks of all source partitions become closed steps with one value a series.

May import rollup, decode and process.
"""
