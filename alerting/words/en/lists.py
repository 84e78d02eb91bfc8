"""What messages say of many incidents in English: states, counts and floods."""

from alerting.incidents.incident import Incident


def count(what: str, number: int) -> str:
    """Return ``what: number``."""
    return f"{what}: {number:,}"


def state(of: Incident) -> str:
    """Name the state an incident is in."""
    return of.state


def stage(of: str) -> str:
    """Name a stage of the notification pipeline."""
    return of.replace("_", " ")


def and_more(more: int) -> str:
    """Say how many are not shown."""
    return f"and {more:,} more"


def more_in_file(more: int) -> str:
    """Say how many are not shown here but in the attached file."""
    return f"and {more:,} more in the file attached to this thread"


def flood_title(incidents: int, still_open: int) -> str:
    """Return the title of the one message of many incidents."""
    if not still_open:
        return f"FLOOD RESOLVED · {incidents:,} incidents"
    return f"FLOOD · {incidents:,} incidents at once · {still_open:,} open"


def flood_sentence(incidents: int, still_open: int) -> str:
    """Say why they share one message."""
    opened = f"{incidents:,} incidents opened within a short time"
    if not still_open:
        return f"{opened} and shared this message; all are resolved."
    return (
        f"{opened} and share this message, which is kept up to date; {still_open:,} still open. "
        "Look for a common cause first."
    )
