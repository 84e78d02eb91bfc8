"""How many processors this process may use."""

import os


def cores() -> int:
    """Return their number: fewer than the machine has where it is bound to some."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # only Linux has it
        return os.cpu_count() or 1
