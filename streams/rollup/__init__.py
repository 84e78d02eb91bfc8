"""Columns become buckets of ten seconds: one mergeable block per shard, with the watermark of its partition.

May import decode and process.
"""
