"""The report of a replay: the page of the board as one file, with its data inside."""
