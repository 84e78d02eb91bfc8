"""Screens for people and programs: the board, its API, and tools for assistants."""
