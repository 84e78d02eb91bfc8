"""Why events could not be delivered."""


class WriteError(RuntimeError):
    """The events cannot be delivered; one line, with the remedy."""
