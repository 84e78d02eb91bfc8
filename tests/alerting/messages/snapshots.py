"""What every message says, in a file for each language that people review.

``python -m tests.alerting.messages.snapshots`` writes the files anew; nothing else does. Read what changed
before it is committed. A message that is much like an earlier one is written as what differs from it.
"""

import re
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from alerting.words.locales import LANGUAGES
from alerting.words.phrases import Phrases
from tests.alerting.messages.gallery import Shown, gallery

_HEAD = re.compile(r"^=== (.+)\n", re.MULTILINE)
_CONSOLE = re.compile(r"<https://[\w.-]*console\.[^|>]*\|")  # test_message.py has where they lead
_DATE = "^{date_short_pretty} {time}|"


def path_of(words: Phrases) -> Path:
    return Path(__file__).with_name(f"{words.locale}.txt")


def made(words: Phrases) -> dict[str, str]:
    """Return what each message says, by its name."""
    lines = {name: lines_of(shown) for name, shown in gallery(words).items()}
    return {name: "\n".join(_beside(name, of, lines)) for name, of in lines.items()}


def reviewed(words: Phrases) -> dict[str, str]:
    """Return what the file says that each message says."""
    _, *parts = _HEAD.split(path_of(words).read_text("utf-8"))
    return {name: text.rstrip("\n") for name, text in zip(parts[::2], parts[1::2], strict=True)}


def lines_of(shown: Shown) -> list[str]:
    if isinstance(shown, str):
        text = shown
    elif isinstance(shown, dict):
        head = " · ".join(shown[key]["text"] for key in ("title", "submit", "close") if key in shown)
        text = "\n".join([head, *map(_block, shown["blocks"])])
    else:
        text = "\n".join([f"> {shown.text}", *map(_block, shown.blocks)])
    return _CONSOLE.sub("<…|", text).replace(_DATE, "|").rstrip("\n").split("\n")


def _block(block: dict[str, Any]) -> str:
    """Return a block: a line for each field, one for all buttons."""
    if block["type"] == "input":
        return f"[{block['label']['text']}]"
    if block["type"] == "actions":
        return " ".join(f"[{(of.get('text') or of['placeholder'])['text']}]" for of in block["elements"])
    texts = [block["text"]["text"]] if "text" in block else []
    texts += [field["text"].replace("\n", " ") for field in block.get("fields", ())]
    return "\n".join(texts + [element["text"] for element in block.get("elements", ())])


def _beside(name: str, lines: list[str], known: dict[str, list[str]]) -> list[str]:
    """Return a message as what differs from the first of its kind, if that is much less."""
    kind, _, _ = name.partition(", ")
    topic, named, _ = name.partition(": ")
    names = list(known)
    first = next(other for other in names if other.startswith(topic + named)) if named else "spike, open"
    base = f"{kind}, open" if f"{kind}, open" in known and not name.endswith(", open") else first
    if base not in names[: names.index(name)]:
        return lines
    written = [f"(as {base})"]
    compared = SequenceMatcher(None, known[base], lines, autojunk=False)
    for what, start, end, begin, stop in compared.get_opcodes():
        if what == "equal":
            written.append(f"    … {end - start}")
        else:
            written += [f"  + {line}" for line in lines[begin:stop]]
            written += [f"  - {end - start}"] if end - start not in (0, stop - begin) else []
    return written if len(written) < 2 * len(lines) // 3 else lines


def write(words: Phrases) -> None:
    entries = [f"=== {name}\n{text}\n" for name, text in made(words).items()]
    path_of(words).write_text("\n".join(entries), "utf-8")


if __name__ == "__main__":
    for language in LANGUAGES:
        write(language)
