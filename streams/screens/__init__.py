"""What people and programs look at: the board, its API, and tools for assistants."""
