"""Renders the message of every dispatch and notice."""

from zoneinfo import ZoneInfo

from alerting.commands.dispatch import Dispatch, Form
from alerting.incidents.notice import Action, Notice
from alerting.messages.blocks import Message
from alerting.messages.digest import Day, digest
from alerting.messages.flood_message import flood_message
from alerting.messages.incident_page import page, thread_line
from alerting.words.locales import ENGLISH
from alerting.words.phrases import Phrases
from config.links import Links


class Renderer:
    """Makes messages with these links, in this time zone and language.

    Called with a dispatch, it returns its message; called with a notice, the message that would be sent
    without a pipeline. Without ``pressable`` there are no buttons: presses do not reach the daemon.
    """

    def __init__(
        self, links: Links, zone: ZoneInfo, words: Phrases = ENGLISH, *, pressable: bool = True
    ) -> None:
        self._pressable = pressable
        self.links = links
        self._zone = zone
        self.words = words

    def __call__(self, of: Dispatch | Notice, earlier: str | None = None) -> Message:
        """Return the message; ``earlier`` is the URL of the message that it follows."""
        if isinstance(of, Notice):
            return self._digest(of) if of.action is Action.DIGEST else self._page(of)
        match of.form:
            case Form.PARENT:
                return self._page(of.notice, of, earlier)
            case Form.LINE if of.line is not None:
                return thread_line(of.line, of.notice.incident, self.words, self._zone)
            case Form.DIGEST:
                return self._digest(of.notice, of)
            case Form.FLOOD | Form.FILE:  # the message of a file is the text beside it
                at = of.at or of.notice.at
                return flood_message(of.of_flood, self.links, self._zone, self.words, at=at, calls=of.mention)
            case _:
                raise ValueError(f"dispatch {of.id} is of form line but has no line")

    def _page(self, notice: Notice, dispatch: Dispatch | None = None, earlier: str | None = None) -> Message:
        at = notice.at if dispatch is None else max(notice.at, dispatch.at)
        return page(
            notice.incident,
            self.links,
            self._zone,
            self.words,
            at=at,
            commands=() if dispatch is None else dispatch.commands,
            memos=() if dispatch is None else dispatch.memos,
            calls="" if dispatch is None else dispatch.mention,
            earlier=earlier,
            pressable=self._pressable,
        )

    def _digest(self, notice: Notice, dispatch: Dispatch | None = None) -> Message:
        return digest(Day(notice, dispatch, self.links, self._zone, self.words))
