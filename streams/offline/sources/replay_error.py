"""The error of all readers of sources, where a command can name it without loading them."""


class ReplayError(Exception):
    """A source cannot be used; the text names the cause and the remedy."""
