"""The error of all readers of sources, where a command can name it without loading them."""

from streams.process.command_error import UsageError


class ReplayError(UsageError):
    """A source cannot be used; the text names the cause and the remedy."""
