"""The message of anything that is told."""

from zoneinfo import ZoneInfo

from alerting.commands.dispatch import Dispatch, Form
from alerting.incidents.notice import Action, Notice
from alerting.messages.digest import Day, digest
from alerting.messages.flood_message import flood_message
from alerting.messages.links import LinkMaker
from alerting.messages.message import Message
from alerting.messages.page import page
from alerting.messages.thread_line import thread_line
from alerting.words.locales import ENGLISH
from alerting.words.phrases import Phrases


class Renderer:
    """Makes messages with these links, in this time zone and language.

    Called with a dispatch, it returns its message; called with a notice, the message that would tell it where
    nothing stands between. ``pressable`` says whether presses of buttons reach the daemon.
    """

    def __init__(
        self, links: LinkMaker, zone: ZoneInfo, words: Phrases = ENGLISH, *, pressable: bool = True
    ) -> None:
        self._pressable = pressable
        self._links = links
        self._zone = zone
        self.words = words

    def __call__(self, told: Dispatch | Notice, earlier: str | None = None) -> Message:
        """Return the message; ``earlier`` is the URL of the message that this one follows."""
        if isinstance(told, Notice):
            return self._digest(told) if told.action is Action.DIGEST else self._page(told)
        match told.form:
            case Form.PARENT:
                return self._page(told.notice, told, earlier)
            case Form.LINE if told.line is not None:
                return thread_line(told.line, told.notice.incident, self.words, self._zone)
            case Form.DIGEST:
                return self._digest(told.notice, told)
            case Form.FLOOD | Form.FILE:  # of a file, the message is the text beside it
                at = told.at or told.notice.at
                return flood_message(
                    told.of_flood, self._links, self._zone, self.words, at=at, calls=told.mention
                )
            case _:
                raise ValueError(f"dispatch {told.id} is a line without one")

    def _page(self, notice: Notice, told: Dispatch | None = None, earlier: str | None = None) -> Message:
        at = notice.at if told is None else max(notice.at, told.at)
        return page(
            notice.incident,
            self._links,
            self._zone,
            self.words,
            at=at,
            commands=() if told is None else told.commands,
            calls="" if told is None else told.mention,
            earlier=earlier,
            pressable=self._pressable,
        )

    def _digest(self, notice: Notice, told: Dispatch | None = None) -> Message:
        return digest(Day(notice, told, self._links, self._zone, self.words))
