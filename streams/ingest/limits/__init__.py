"""Limits read from a cloud: the calls, the file that keeps them, and their age."""
