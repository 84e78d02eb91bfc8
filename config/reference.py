"""The page docs/configuration.md, written from the settings so that it cannot fall behind them."""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from config.settings import Settings
from config.template import ENCODINGS, PLACEHOLDERS

INTRODUCTION: Final = """\
# Configuration

<!-- Written by `make docs` from config/settings.py: change it there. -->

One YAML file, given with `--config`; everything has a default, so an empty file is a valid one.
[examples/uneri.yaml](../examples/uneri.yaml) shows every section. `uneri check --config FILE` reads it and
says what is wrong, each problem on a line as `FILE:LINE:COLUMN: message; remedy`.

Unknown keys, keys given twice, values of the wrong type or out of bounds, anchors, aliases and tags are
refused. A number in quotes is text. A section without contents has its defaults: `kafka:` alone chooses the
Kafka driver with a broker on this machine. Secrets are never written here: the file names the environment
variable that holds one.
"""

LINKS: Final = f"""\
A template is an `https` URL with placeholders:
{", ".join(f"`{{{name}}}`" for name in PLACEHOLDERS)}.
The times are the range of the alert. Every value is percent-encoded; `{{name:{ENCODINGS[1]}}}` writes it as
the fragments of the CloudWatch console want it, `{{name:{ENCODINGS[2]}}}` for a place between double quotes
of a query. A template whose value is unknown gives no link. The kind is that of a scope, alone or with a
suffix of your own (`table_grafana`); the cloud is `aws`, `gcp`, whatever your events say, or `any`. Yours go
before the shipped ones.
"""


def reference() -> str:
    """Return the page as Markdown."""
    schema = Settings.model_json_schema()
    definitions = schema["$defs"]
    lines = [INTRODUCTION]
    written: set[str] = set()  # what several sections have in common stands on the page once
    for name, field in schema["properties"].items():
        lines += _section(name, _target(field, definitions), definitions, written, field.get("description"))
    return "\n".join(lines).rstrip() + "\n"


def _section(
    name: str,
    model: dict[str, Any],
    definitions: dict[str, Any],
    written: set[str],
    note: str | None = None,
) -> Iterator[str]:
    """Yield one section, then the sections inside it that are not mere values of a table above."""
    yield f"## {name}\n"
    yield f"{_sentence(model['description'])}{' ' + _sentence(note) if note else ''}\n"
    yield "| key | value | default | meaning |\n| --- | --- | --- | --- |"
    inner: dict[str, dict[str, Any]] = {}
    for key, field in model["properties"].items():
        target = _target(field, definitions)
        default = _default(field, required=key in model.get("required", ()))
        meaning = field.get("description", "")
        if "properties" in target:
            inner[target["title"]] = target
            meaning = meaning or f"see [{target['title']}](#{target['title'].lower()})"
        for value in _mapped(target, definitions):
            inner[value["title"]] = value
        yield f"| `{key}` | {_value(field, definitions)} | {default} | {_cell(meaning)} |"
    yield ""
    if name == "links":
        yield LINKS
    for title, nested in inner.items():
        if title not in written:
            written.add(title)
            yield from _section(title, nested, definitions, written)


def _mapped(target: dict[str, Any], definitions: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for values in (target.get("additionalProperties"), target.get("items")):
        if isinstance(values, dict) and "$ref" in values:
            yield _target(values, definitions)


def _target(field: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference, through an optional one too."""
    for choice in (field, *field.get("anyOf", ()), *field.get("allOf", ())):
        if "$ref" in choice:
            return dict(definitions[choice["$ref"].rpartition("/")[2]])
    return field


def _value(field: dict[str, Any], definitions: dict[str, Any]) -> str:
    choices = [choice for choice in field.get("anyOf", [field]) if choice.get("type") != "null"]
    written = " or ".join(_one_value(choice, definitions) for choice in choices)
    return f"{written} or nothing" if len(choices) < len(field.get("anyOf", [field])) else written


def _one_value(field: dict[str, Any], definitions: dict[str, Any]) -> str:
    target = _target(field, definitions)
    if "properties" in target:
        return f"[{target['title']}](#{target['title'].lower()})"
    if "const" in target:
        return f"`{target['const']}`"
    if "enum" in target:
        return ", ".join(f"`{choice}`" for choice in target["enum"])
    kind = target.get("type", "value")
    if kind == "object":
        return f"mapping to {_value(target['additionalProperties'], definitions)}"
    if kind == "array":
        return f"list of {_value(target['items'], definitions)}"
    written = {"integer": "whole number", "number": "number", "string": "text"}.get(kind, kind)
    bounds = [
        f"{sign} {target[bound]:g}"
        for bound, sign in (
            ("exclusiveMinimum", ">"),
            ("minimum", "≥"),
            ("exclusiveMaximum", "<"),
            ("maximum", "≤"),
        )
        if bound in target
    ]
    if "pattern" in target:
        bounds.append(f"like `{_cell(target['pattern'])}`")
    return f"{written} {', '.join(bounds)}".rstrip()


def _default(field: dict[str, Any], *, required: bool) -> str:
    if required:
        return "must be given"
    default = field.get("default")
    if default is None or default in ({}, []):
        return ""
    if isinstance(default, dict):
        return _cell(
            ", ".join(f"`{key}: {json.dumps(value)}`" for key, value in default.items() if value is not None)
        )
    return f"`{_cell(json.dumps(default, ensure_ascii=False))}`"


def _sentence(text: str) -> str:
    text = text.strip().replace("``", "`")
    return text[0].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def main() -> None:
    """Write the page, or with ``--check`` only say whether the file is current."""
    parser = argparse.ArgumentParser(prog="config.reference")
    parser.add_argument("page", type=Path)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when the page is stale")
    arguments = parser.parse_args()
    if not arguments.check:
        arguments.page.write_text(reference(), encoding="utf-8")
    elif not arguments.page.exists() or arguments.page.read_text(encoding="utf-8") != reference():
        sys.exit(f"{arguments.page} is not what the settings say; run: make docs")


if __name__ == "__main__":
    main()
