"""What is no record by design."""


class SkippedError(Exception):
    """A part of a payload is no record by design. No format lets it out.

    Parameters
    ----------
    why
        Counted in ``Reading.skipped``: one of few, never a text of the payload.
    """

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why
