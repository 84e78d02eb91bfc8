"""Block Kit as HTML that resembles Slack."""

import base64
import functools
from datetime import datetime
from importlib import resources
from typing import Any, Literal
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined

from alerting.incidents.incident import Incident
from alerting.messages.blocks import LEAD, Block, Message
from alerting.messages.mrkdwn_runs import runs
from alerting.words.locales import ENGLISH
from alerting.words.phrases import Phrases

Theme = Literal["light", "dark", "auto"]


def fragment(
    message: Message, zone: ZoneInfo, *, at: int, incident: Incident | None = None, words: Phrases = ENGLISH
) -> str:
    """Return one message as an HTML fragment, to be styled by ``stylesheet``.

    ``at`` is the time of posting, epoch seconds; ``incident`` adds its chart (a data URI) if its primary
    finding has a trace.
    """
    chart, text = None, ""
    if incident is not None:
        from alerting.sinks.chart import alternative, draw

        text = alternative(incident, words)
        if incident.primary.trace is not None:
            chart = "data:image/png;base64," + base64.b64encode(draw(incident, zone, words)).decode("ascii")
    template = environment().get_template("preview.html.j2")
    return template.render(
        blocks=[_block(block, zone, words) for block in message.blocks],
        time=f"{datetime.fromtimestamp(at, zone):%H:%M}",
        chart=chart,
        lead=LEAD,
        caption=words.labels.chart_caption,
        alternative=text,
    )


def page(body: str, *, title: str, theme: Theme = "auto") -> str:
    """Return a self-contained page with one fragment."""
    template = environment().get_template("page.html.j2")
    return template.render(title=title, look=theme, css=stylesheet(), fragment=body)


@functools.cache
def environment() -> Environment:
    """Return the environment of the templates, with escaping always on."""
    return Environment(
        loader=PackageLoader("alerting.preview"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=False,
    )


@functools.cache
def stylesheet() -> str:
    """Return the stylesheet of fragments, light and dark."""
    return resources.files("alerting.preview").joinpath("templates/look.css").read_text(encoding="utf-8")


def _block(block: Block, zone: ZoneInfo, words: Phrases) -> dict[str, Any]:
    if block["type"] == "header":
        return {"kind": "header", "text": block["text"]["text"]}
    if block["type"] == "actions":
        return {"kind": "actions", "elements": [_element(element) for element in block["elements"]]}
    kind = "fields" if "fields" in block else "context" if block["type"] == "context" else "section"
    above = block["text"]["text"] if kind == "fields" and "text" in block else ""
    texts = block.get("fields") or block.get("elements") or [block["text"]]
    return {
        "kind": kind,
        "above": [list(runs(line, zone, words)) for line in above.split("\n") if line],
        "texts": [list(runs(text["text"], zone, words)) for text in texts],
    }


def _element(element: Block) -> dict[str, Any]:
    if element["type"] == "static_select":
        return {"text": element["placeholder"]["text"], "menu": True, "style": ""}
    return {"text": element["text"]["text"], "menu": False, "style": element.get("style", "")}
