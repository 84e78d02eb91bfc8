"""Why a file cannot be judged as a series."""


class SeriesError(Exception):
    """A file is no series; the text says which, where, why, and what helps."""
