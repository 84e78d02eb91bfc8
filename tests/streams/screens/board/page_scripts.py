"""The scripts of the page without a browser: Node.js runs them, and what they draw is read as text."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from streams.screens.board.board_assets import FOLDER

_BEFORE: Final = """
import { readFileSync } from "node:fs";
import { Figures } from "./figures.js";
const { language, ...given } = JSON.parse(readFileSync(0, "utf8"));
const figures = new Figures(language, "UTC");
const { words } = figures;
const common = { figures, words, place: {}, actions: {}, now: given.now };
const drawn = ({ type: Type, props }) => {
  if (!Type.prototype?.render) return Type(props);
  const made = new Type(props);
  made.props = props;
  made.state = { ...made.state, ...given.state };
  return made.render(props, made.state);
};
const text = (node) => {
  if (node === null || node === undefined || typeof node === "boolean") return "";
  if (Array.isArray(node)) return node.map(text).join(" ");
  if (typeof node !== "object") return `${node}`;
  return typeof node.type === "function" ? text(drawn(node)) : text(node.props.children);
};
const read = (node) => text(node).replace(/[\\s\\u2068\\u2069]+/g, " ").trim();
"""


class PageScripts:
    """Runs code beside the modules of the page."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("node")
        if program is None:
            missing = "node is missing: apt-get install nodejs"
            if os.environ.get("UNERI_REQUIRE_NODE") == "1":
                pytest.fail(missing)
            pytest.skip(missing)
        self._node, self._folder = program, folder
        for path in FOLDER.rglob("*.*js"):
            shutil.copy(path, folder)
        (folder / "package.json").write_text('{"type": "module"}')

    def value(self, expression: str, imports: str = "", language: str = "en", **given: Any) -> Any:
        """Return the value of an expression with ``figures``, ``words`` and ``given``."""
        code = f"{imports}\n{_BEFORE}\nconsole.log(JSON.stringify({expression}));"
        done = subprocess.run(
            [self._node, "--input-type=module", "-e", code],
            cwd=self._folder,
            input=msgspec.json.encode({"language": language, **given}),
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout)

    def text(self, module: str, name: str, language: str = "en", **props: Any) -> str:
        """Return what a component draws, as a line of text; ``state`` is its state."""
        shown: str = self.value(
            f"read({{ type: {name}, props: {{ ...common, ...given }} }})",
            f'import {{ {name} }} from "./{module}";',
            language,
            **props,
        )
        return shown
