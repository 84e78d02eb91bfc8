"""The page in one file: its modules as one script, and its styles.

A browser lets no file on a disk import another: each module becomes a function that returns its exports.
"""

import base64
import hashlib
import html
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from alerting.preview.preview import stylesheet
from streams.screens.board.board_assets import FOLDER, sent_content

_POLICY: Final = (
    "default-src 'none'; script-src {script}; style-src {style}; img-src data:; base-uri 'none'; "
    "form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_NO_SCRIPT: Final = (
    "Uneri draws its report with JavaScript; allow it for this file. · "
    "このレポートの表示には JavaScript が必要です。"
)
_FIRST: Final = "report.js"
_LIBRARY: Final = "uPlot.iife.min.js"
_STYLES: Final = ("uPlot.min.css", "board.css", "incidents.css", "scope.css", "report.css")
_IMPORT: Final = re.compile(r'^import (\w+|\{[^}]*\}) from "\./([\w.]+)";', re.MULTILINE)
_DECLARED: Final = re.compile(r"^export (?=(?:const|class) (\w+))", re.MULTILINE)
_LISTED: Final = re.compile(r"\bexport ?\{([^}]*)\};")
_DEFAULT: Final = "export default "
_MAP: Final = re.compile(r"^//# sourceMappingURL.*$", re.MULTILINE)


def report_page(data: str, messages: Mapping[str, str], title: str, language: str) -> str:
    """Return a page that shows some data, which is JSON.

    A browser runs nothing in it but our script, whatever the data hold. ``messages`` are HTML of our own, by
    name.
    """
    style, script = _styles(), _script()
    policy = _POLICY.format(script=_hash(script), style=_hash(style))
    icon = base64.b64encode((FOLDER / "icon.svg").read_bytes()).decode()
    templates = "\n".join(
        f'<template id="message-{html.escape(name)}">{message}</template>'
        for name, message in messages.items()
    )
    given = data.replace("<", "\\u003c")
    return f"""<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>{html.escape(title or "Uneri")}</title>
<link rel="icon" href="data:image/svg+xml;base64,{icon}">
<style>{style}</style>
</head>
<body>
<div id="board"></div>
<noscript>{_NO_SCRIPT}</noscript>
{templates}
<script type="application/json" id="given">{given}</script>
<script>{script}</script>
</body>
</html>
"""


@cache
def _script() -> str:
    """Return the script of a report: the library of charts, and all modules that its page imports."""
    paths = {path.name: path for path in FOLDER.rglob("*") if path.suffix in {".js", ".mjs"}}
    modules = (
        f"const {_variable(name)} = {_as_function(text)};" for name, text in _in_order(_FIRST, paths, {})
    )
    script = "\n".join([_text(paths[_LIBRARY]), "(() => {", '"use strict";', *modules, "})();"])
    return script.replace("</script", "<\\/script")  # whatever a string of it says, the element goes on


@cache
def _styles() -> str:
    """Return the styles of a report."""
    paths = {path.name: path for path in FOLDER.rglob("*.css")}
    return "\n".join([stylesheet(), *(_text(paths[name]) for name in _STYLES)])


def _hash(text: str) -> str:
    """Return how a policy names an element with this text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _text(path: Path) -> str:
    return _MAP.sub("", sent_content(path).decode()).strip()


def _in_order(name: str, paths: dict[str, Path], seen: dict[str, None]) -> Iterator[tuple[str, str]]:
    """Yield a module and what it imports, each once and after what it imports itself."""
    seen[name] = None
    text = _text(paths[name])
    for _, imported in _IMPORT.findall(text):
        if imported not in seen:
            yield from _in_order(imported, paths, seen)
    yield name, text


def _as_function(text: str) -> str:
    exported = _DECLARED.findall(text)
    for listed in _LISTED.findall(text):
        exported += [_property(each) for each in listed.split(",")]
    if _DEFAULT in text:
        exported.append("$default")
    text = _LISTED.sub("", _DECLARED.sub("", text)).replace(_DEFAULT, "const $default=", 1)
    return f"(() => {{\n{_IMPORT.sub(_taken, text)}\nreturn {{ {', '.join(exported)} }};\n}})()"


def _taken(found: re.Match[str]) -> str:
    names, module = found[1], _variable(found[2])
    if not names.startswith("{"):
        return f"const {names} = {module}.$default;"
    return f"const {names.replace(' as ', ': ')} = {module};"


def _property(listed: str) -> str:
    local, _, name = listed.strip().partition(" as ")
    return f"{name}: {local}" if name else local


def _variable(module: str) -> str:
    return f"${re.sub(r'[^A-Za-z0-9]', '_', module)}"
