"""The error of whoever reads a history, where a command can name it without loading the readers."""


class ReplayError(Exception):
    """History cannot be used; the text says what is wrong, and what helps."""
