"""The history store: what was measured, expected and found at every judged step, in Parquet files.

May import detect and what is below it; nothing of the drivers.
"""
