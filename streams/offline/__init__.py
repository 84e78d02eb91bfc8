"""Recorded events, read again: sources, backfill, replay, tuning, scoring, and generated traffic."""
