"""The board: its page, the data of the page, and who may see it."""
