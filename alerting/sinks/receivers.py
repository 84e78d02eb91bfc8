"""The content of a dispatch for Slack and the terminal."""

import zlib
from collections.abc import Callable

from msgspec import structs

from alerting.commands.dispatch import Dispatch, Form
from alerting.messages.message import Message
from alerting.outbox.ports import Content, SubjectState
from alerting.sinks.flood_file import flood_file

Render = Callable[[Dispatch, str | None], Message]


def in_messages(render: Render) -> Callable[[Dispatch, SubjectState], Content | None]:
    """Return a function that makes messages, charts, and the files of floods."""

    def content(dispatch: Dispatch, known: SubjectState) -> Content | None:
        if dispatch.form is Form.FILE:
            return Content(body=zlib.compress(flood_file(dispatch.of_flood).encode()))
        message = render(dispatch, known.link)
        if dispatch.form is not Form.PARENT:
            return Content(message=message)
        incident = dispatch.notice.incident
        chart = None if incident.primary.trace is None else structs.replace(incident, members=[])
        return Content(message=message, chart=chart)

    return content
