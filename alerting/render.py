"""The message of any notice."""

from zoneinfo import ZoneInfo

from alerting.digest import digest
from alerting.links import LinkMaker
from alerting.message import Message, page
from alerting.notice import Action, Notice


class Renderer:
    """Makes messages with these links, in this time zone. Called with a notice, it returns its message."""

    def __init__(self, links: LinkMaker, zone: ZoneInfo) -> None:
        self._links = links
        self._zone = zone

    def __call__(self, notice: Notice) -> Message:
        """Return the message that tells the notice."""
        if notice.action is Action.DIGEST:
            return digest(notice.incidents, self._links, self._zone, at=notice.at, hottest=notice.hottest)
        return page(notice.incident, self._links, self._zone, at=notice.at)
