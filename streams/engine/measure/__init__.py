"""Blocks of all source partitions become closed steps with one value per series."""
