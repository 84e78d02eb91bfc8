"""Generates traffic with incidents in it, and makes the demo of it."""
