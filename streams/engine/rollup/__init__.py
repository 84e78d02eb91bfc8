"""Columns become buckets of ten seconds, with the watermark of their partition."""
