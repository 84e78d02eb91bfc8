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
        self.zone = zone
        self.words = words

    def __call__(self, of: Dispatch | Notice, earlier: str | None = None) -> Message:
        """Return the message; ``earlier`` is the URL of the message that it follows."""
        sent = of if isinstance(of, Dispatch) else _alone(of)
        match sent.form:
            case Form.PARENT:
                return page(
                    sent, self.links, self.zone, self.words, earlier=earlier, pressable=self._pressable
                )
            case Form.LINE if sent.line is not None:
                return thread_line(sent.line, sent.notice.incident, self.words, self.zone, calls=sent.mention)
            case Form.DIGEST:
                return digest(Day(sent, self.links, self.zone, self.words))
            case Form.FLOOD | Form.FILE:  # the message of a file is the text beside it
                incidents, calls = sent.notice.incidents, sent.mention
                return flood_message(incidents, self.links, self.zone, self.words, at=sent.at, calls=calls)
            case _:
                raise ValueError(f"dispatch {sent.id} is of form line but has no line")


def _alone(notice: Notice) -> Dispatch:
    """Return a notice as it is sent without a pipeline."""
    form = Form.DIGEST if notice.action is Action.DIGEST else Form.PARENT
    return Dispatch(id=notice.id, destination="", form=form, subject=notice.id, notice=notice, at=notice.at)
