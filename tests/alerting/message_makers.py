"""Messages made without the engine, for the tests of this folder."""

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from alerting.commands.dispatch import Dispatch, Form
from alerting.incidents.incident import Incident
from alerting.incidents.notice import Action, Notice, NoticeReason
from alerting.messages.blocks import Message
from alerting.messages.digest import Day
from alerting.messages.digest import digest as render_digest
from alerting.messages.incident_page import page as render_page
from alerting.outbox.ports import SubjectState
from alerting.sinks.alertmanager import AlertmanagerSink
from alerting.sinks.http_sink import HttpOptions
from alerting.sinks.webhook import WebhookSink
from alerting.words.locales import ENGLISH
from alerting.words.phrases import Phrases
from config.links import Links
from config.settings import Settings
from detectors.watch.maturity import Maturity
from detectors.watch.rankings import Hot, Standings
from tests.alerting.given import T0
from tests.alerting.slack_standin import texts

LINKS = Links(Settings().links)
ZONE = ZoneInfo("Asia/Tokyo")


def page(
    incident: Incident,
    *,
    at: int = T0,
    words: Phrases = ENGLISH,
    earlier: str | None = None,
    pressable: bool = True,
    **added: Any,
) -> Message:
    sent = dispatch(notice(incident, at=at), **added)
    return render_page(sent, LINKS, ZONE, words, earlier=earlier, pressable=pressable)


def notice(*incidents: Incident, action: Action = Action.OPEN, at: int = T0, **more: Any) -> Notice:
    return Notice(id="n", action=action, at=at, reason=NoticeReason.TABLE, incidents=list(incidents), **more)


def dispatch(of: Notice, form: Form = Form.PARENT, **more: Any) -> Dispatch:
    given: dict[str, Any] = {"id": "d", "destination": "slack:#uneri", "subject": "s", "at": of.at}
    return Dispatch(form=form, notice=of, **(given | more))


def digest(
    growing: Sequence[Incident],
    *,
    at: int = T0,
    hottest: Sequence[Hot] = (),
    standings: Standings | None = None,
    maturity: Sequence[Maturity] = (),
    small: Sequence[Incident] = (),
    words: Phrases = ENGLISH,
    **more: Any,
) -> Message:
    known = {
        "hottest": list(hottest),
        "standings": standings or Standings(),
        "maturity": list(maturity),
        "small": list(small),
    }
    reported = notice(*growing, action=Action.DIGEST, at=at, **known)
    return render_digest(Day(dispatch(reported, Form.DIGEST, **more), LINKS, ZONE, words))


def said(message: Message) -> str:
    return "\n".join(text["text"] for text in texts(message.blocks))


def posted(sent: Dispatch, words: Phrases = ENGLISH, links: Links = LINKS) -> bytes:
    """Return what a webhook gets."""
    row = WebhookSink("w", "", None, HttpOptions(links, words)).render(sent, SubjectState())
    assert row is not None
    return row.body or b""


def alerted(sent: Dispatch, words: Phrases = ENGLISH, links: Links = LINKS) -> bytes:
    """Return what an Alertmanager gets."""
    row = AlertmanagerSink("a", "", {}, HttpOptions(links, words)).render(sent, SubjectState())
    assert row is not None
    return row.body or b""
