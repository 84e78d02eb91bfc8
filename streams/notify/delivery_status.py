"""What ``uneri status`` shows of messages: how many are on their way, and where none arrive."""

from alerting.outbox.outbox import Outbox


def delivery_status(outbox: Outbox) -> dict[str, object]:
    """Return messages on their way, and what is out of order: refused, moved, closed."""
    shown: dict[str, object] = {"outbox": len(outbox.waiting())}
    if refused := len(outbox.parked()):
        shown["refused"] = refused
    if moved := outbox.moved():
        shown["moved_to"] = moved
    if closed := outbox.closed():
        shown["not_sent"] = [f"{name}: {why}" for name, why in sorted(closed.items())]
    return shown
