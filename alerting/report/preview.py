"""Block Kit as HTML that looks as Slack shows it: for the report, and for the pictures of the README."""

import base64
import functools
from datetime import datetime
from importlib import resources
from typing import Any, Literal
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined

from alerting.incidents.incident import Incident
from alerting.messages.message import Block, Message
from alerting.messages.mrkdwn_runs import runs
from alerting.sinks.chart import alternative, draw
from alerting.words.locales import ENGLISH
from alerting.words.phrases import Phrases

Look = Literal["light", "dark", "auto"]


def fragment(
    message: Message,
    zone: ZoneInfo,
    *,
    at: int,
    incident: Incident | None = None,
    words: Phrases = ENGLISH,
) -> str:
    """Return one message as an HTML fragment; ``stylesheet`` dresses it.

    Parameters
    ----------
    message
        What was posted.
    zone
        Of the reader.
    at
        When it was posted, epoch seconds.
    incident
        Adds its chart (a data URI), where its primary finding has a trace.
    words
        The language of what is around the message.
    """
    chart = None
    if incident is not None and incident.primary.trace is not None:
        chart = "data:image/png;base64," + base64.b64encode(draw(incident, zone, words)).decode("ascii")
    return (
        environment()
        .get_template("preview.html.j2")
        .render(
            blocks=[_block(block, zone, words) for block in message.blocks],
            time=f"{datetime.fromtimestamp(at, zone):%H:%M}",
            chart=chart,
            caption=words.labels.chart_caption,
            alternative=alternative(incident, words) if incident is not None else "",
        )
    )


def page(body: str, *, title: str, look: Look = "auto") -> str:
    """Return a whole page with one fragment in it; it needs nothing from anywhere."""
    return (
        environment()
        .get_template("page.html.j2")
        .render(title=title, look=look, css=stylesheet(), fragment=body)
    )


@functools.cache
def environment() -> Environment:
    """Return the templates of this folder, with escaping always on."""
    return Environment(
        loader=PackageLoader("alerting.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=False
    )


@functools.cache
def stylesheet() -> str:
    """Return what makes a fragment look like Slack, in light and dark."""
    return resources.files("alerting.report").joinpath("templates/look.css").read_text(encoding="utf-8")


def _block(block: Block, zone: ZoneInfo, words: Phrases) -> dict[str, Any]:
    if block["type"] == "header":
        return {"kind": "header", "text": block["text"]["text"]}
    if block["type"] == "actions":
        return {"kind": "actions", "elements": [_element(each) for each in block["elements"]]}
    kind = "fields" if "fields" in block else "context" if block["type"] == "context" else "section"
    texts = block.get("fields") or block.get("elements") or [block["text"]]
    return {"kind": kind, "texts": [list(runs(text["text"], zone, words)) for text in texts]}


def _element(element: Block) -> dict[str, Any]:
    if element["type"] == "static_select":
        return {"text": element["placeholder"]["text"], "menu": True, "style": ""}
    return {"text": element["text"]["text"], "menu": False, "style": element.get("style", "")}
