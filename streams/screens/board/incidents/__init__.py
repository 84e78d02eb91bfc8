"""Incidents on the board: the list, one whole, its story, and what people do about it."""
