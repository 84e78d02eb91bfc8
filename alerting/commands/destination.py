"""Where a message goes: a Slack channel, a webhook or an Alertmanager, written ``kind:name``."""

from typing import Final, NamedTuple, Self

SLACK: Final = "slack"
WEBHOOK: Final = "webhook"
ALERTMANAGER: Final = "alertmanager"
SINKS: Final = (SLACK, WEBHOOK, ALERTMANAGER)


class Destination(NamedTuple):
    """One receiver of one sink.

    Examples
    --------
    >>> Destination.of("#uneri"), str(Destination.of("webhook:pager"))
    (Destination(sink='slack', name='#uneri'), 'webhook:pager')
    """

    sink: str
    name: str

    @classmethod
    def of(cls, text: str) -> Self:
        """Parse ``kind:name``; without a kind it is a Slack channel."""
        kind, colon, name = text.partition(":")
        return cls(kind, name) if colon and kind in SINKS else cls(SLACK, text)

    def __str__(self) -> str:
        return f"{self.sink}:{self.name}"
