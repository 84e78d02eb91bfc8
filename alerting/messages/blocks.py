"""A message and the blocks it is made of, all within Slack's limits."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

import msgspec

from alerting.words.mrkdwn import escape, plain
from alerting.words.phrase import Phrase
from alerting.words.phrases import Phrases

HEADER: Final = 150  # Slack's limit; the others stay below it (3,000 a section, about 13,200 in all)
SECTION: Final = 2800
TOTAL: Final = 12_000
TEXT: Final = 3000
NAME: Final = 60
BUTTON: Final = 75
OPTION: Final = 75
IMAGE: Final = 900  # characters of the text of a picture
LEAD: Final = 3  # blocks of a page: title, figures, explanation
SENTENCE: Final = 450  # characters of an explanation, each of which may become five
REASON: Final = 200  # characters of the reason that a person gives

Block = dict[str, Any]
Frame = Literal["page", "over", "digest"]
"""The frame that a terminal draws around a message."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """Blocks, and the full sentence for notifications and screen readers.

    Blocks carry no ids: an edited message needs new ones, which Slack assigns.
    """

    text: str
    blocks: list[Block]
    look: Frame = "page"
    aloud: bool = False  # of a line: in the channel, too


def marked_as_test(message: Message, words: Phrases) -> Message:
    """Return a message marked as a test in its title and its last line."""
    labels = words.labels
    first, *rest = message.blocks
    title = header(f"{labels.test} · {first['text']['text']}")
    return msgspec.structs.replace(
        message,
        text=f"{labels.test} · {message.text}"[:TEXT],
        blocks=[title, *rest, context([labels.test_note])],
    )


def header(text: str) -> Block:
    """Return the title of a message; ``text`` needs no escaping."""
    return {"type": "header", "text": plain_text(text, HEADER)}


def section(text: str) -> Block:
    """Return a paragraph of escaped mrkdwn, shorter than ``SECTION``."""
    return {"type": "section", "text": mrkdwn(text)}


def fields(texts: Iterable[str], above: str = "") -> Block:
    """Return short texts in two columns, at most ten, below a paragraph of escaped mrkdwn if there is one."""
    first = {"text": mrkdwn(above)} if above else {}
    return {"type": "section", **first, "fields": [mrkdwn(text) for text in texts][:10]}


def labelled(label: str, text: str, limit: int = 2 * NAME) -> str:
    """Return a field: our label, and below it a text that needs no escaping."""
    return f"*{label}*\n{escape(text, limit) or '–'}"


def image(file: str, title: str, text: str) -> Block:
    """Return a picture uploaded to Slack, with its alternative text."""
    shown = {"slack_file": {"id": file}, "alt_text": plain(text, IMAGE) or "–"}
    return {"type": "image", "title": plain_text(title, HEADER), **shown}


def with_image(blocks: Sequence[Block], of: Block) -> list[Block]:
    """Return the blocks of a page with a picture below its title, figures and explanation."""
    return [*blocks[:LEAD], of, *blocks[LEAD:]]


def context(lines: Iterable[str]) -> Block:
    """Return small print, at most ten lines."""
    return {"type": "context", "elements": [mrkdwn(line) for line in lines][:10]}


def button(action: str, label: str, value: str, **more: str) -> Block:
    """Return a button."""
    return {
        "type": "button",
        "action_id": str(action),
        "text": plain_text(label, BUTTON),
        "value": value,
        **more,
    }


def select(action: str, label: str, options: Sequence[tuple[str, str]]) -> Block:
    """Return a menu of (label, value)."""
    return {
        "type": "static_select",
        "action_id": str(action),
        "placeholder": plain_text(label, HEADER),
        "options": [{"text": plain_text(text, OPTION), "value": value} for text, value in options],
    }


def actions(elements: Sequence[Block]) -> Block:
    """Return a row of buttons and menus."""
    return {"type": "actions", "elements": list(elements)}


def mrkdwn(text: str) -> Block:
    """Return a text object of escaped mrkdwn."""
    # verbatim: Slack must not turn into links or mentions what we did not mark as such.
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def plain_text(text: str, limit: int) -> Block:
    """Return a text object without markup; ``text`` needs no escaping."""
    return {"type": "plain_text", "text": plain(text, limit) or "–", "emoji": False}


def fit(lines: Iterable[str], budget: int) -> str:
    """Join the first lines that fit: whole lines only, since half a link would break the block."""
    kept: list[str] = []
    for line in lines:
        if sum(map(len, kept)) + len(kept) + len(line) > budget:
            break
        kept.append(line)
    return "\n".join(kept)


def paragraphs(lines: Iterable[str], budget: int) -> list[Block]:
    """Pack lines into as few sections as possible, until the budget is spent."""
    blocks: list[Block] = []
    held: list[str] = []
    spent = room = 0
    for line in lines:
        if len(line) > SECTION or spent + len(line) > budget:
            break
        if held and room + len(line) + 1 > SECTION:
            blocks.append(section("\n".join(held)))
            held, room = [], 0
        held.append(line)
        room += len(line) + 1
        spent += len(line) + 1
    return [*blocks, section("\n".join(held))] if held else blocks


def listing(
    title: str,
    lines: Sequence[str],
    more: Phrase,
    *,
    budget: int = SECTION,
    most: int | None = None,
    total: int | None = None,
) -> list[Block]:
    """Return a titled list as sections; nothing where there are no lines.

    Parameters
    ----------
    more
        The line that counts the entries not shown; ``NOTHING`` where the most important come first.
    budget
        Characters available.
    total
        Number of entries, where ``lines`` holds only the first of them.
    """
    if not lines:
        return []
    spent, shown = len(title) + NAME, 0
    for line in lines[:most]:
        spent += len(line) + 1
        if spent > budget or len(line) > SECTION:
            break
        shown += 1
    rest = max(len(lines), total or 0) - shown
    last = more(count=rest) if rest else ""
    return paragraphs([f"*{title}*", *lines[:shown], *([last] if last else [])], budget)


def length(thing: object) -> int:
    """Return the number of characters of text in blocks."""
    if isinstance(thing, dict):
        return sum(
            len(value) if key == "text" and isinstance(value, str) else length(value)
            for key, value in thing.items()
        )
    return sum(map(length, thing)) if isinstance(thing, list) else 0
