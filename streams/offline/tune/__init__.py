"""Searches for settings: a recording of measured steps, trials, the pick and its proposal."""
