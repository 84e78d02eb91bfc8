"""What a dispatch becomes for one sink: a message in blocks, or the bytes that are posted."""

from typing import NamedTuple

from alerting.incidents.incident import Incident
from alerting.messages.message import Message


class Content(NamedTuple):
    """One of ``message`` and ``body`` is there; ``chart`` is drawn into the thread of a new message."""

    message: Message | None = None
    body: bytes | None = None
    chart: Incident | None = None
    key: str = ""  # what its receiver knows the subject by


class SubjectState(NamedTuple):
    """What the outbox knows that the content of a dispatch needs."""

    link: str | None = None  # address of the message that this one follows
    key: str = ""  # that of the first content of the same subject
