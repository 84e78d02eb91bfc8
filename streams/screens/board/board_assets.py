"""The files of the page, under an address that changes with them."""

import gzip
import hashlib
import html
import re
from pathlib import Path
from typing import Final, NamedTuple

from aiohttp import web

from streams.process.web.answer_forms import refusal
from streams.screens.board.board_answers import HEADERS, UNKEPT

FOLDER: Final = Path(__file__).parent / "page"
_TYPES: Final = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
}
_IMPORT: Final = re.compile(rb' from "\./([\w.]+)";')
_COMMENT: Final = re.compile(rb"^[ ]*//.*$", re.MULTILINE)
_PRELOAD: Final = '<link rel="modulepreload" href="{{assets}}/{}">'
_FOR_EVER: Final = HEADERS | {"Cache-Control": "public, max-age=31536000, immutable"}


class _File(NamedTuple):
    kind: str
    plain: bytes
    packed: bytes  # gzip

    def answer(self, request: web.Request) -> web.Response:
        """Return the file, packed for browsers that accept it."""
        headers = _FOR_EVER | {"Vary": "Accept-Encoding"}
        body = self.plain
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            body, headers = self.packed, headers | {"Content-Encoding": "gzip"}
        return web.Response(body=body, content_type=self.kind, charset="utf-8", headers=headers)


def sent_content(path: Path) -> bytes:
    """Return a file as it is sent: our scripts without comments; lines keep their numbers."""
    contents = path.read_bytes()
    ours = path.suffix == ".js" and path.parent == FOLDER
    return _COMMENT.sub(b"", contents) if ours else contents


class BoardAssets:
    """Serves the page and its files.

    Browsers load the page anew each time and keep its files, because their address holds a hash of all of
    them. Each file is known by its name alone, so that modules find those beside them. ``language`` is that
    of the page until its data name another, and of a sign-in.
    """

    def __init__(self, language: str) -> None:
        self._files = {
            path.name: _File(_TYPES[path.suffix], contents, gzip.compress(contents, mtime=0))
            for path in sorted(FOLDER.rglob("*"))
            if path.suffix in _TYPES
            for contents in (sent_content(path),)
        }
        page = (FOLDER / "index.html").read_bytes()
        parts = (page, *(part for name, file in self._files.items() for part in (name.encode(), file.plain)))
        self.build = hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]
        self._page = (
            page.decode()
            .replace("{modules}", "\n".join(_PRELOAD.format(name) for name in self._modules("main.js")))
            .replace("{assets}", f"/board/assets/{self.build}")
            .replace("{build}", self.build)
            .replace("{language}", html.escape(language))
        )

    def _modules(self, first: str) -> list[str]:
        """Return the modules that one imports, itself or by others: a browser asks for all at once."""
        found = [first]
        for name in found:
            imported = (match.decode() for match in _IMPORT.findall(self._files[name].plain))
            found += [each for each in dict.fromkeys(imported) if each not in found]
        return found[1:]

    async def page(self, _: web.Request) -> web.Response:
        """Answer ``/``: the page without any data."""
        answer = web.Response(
            text=self._page, content_type="text/html", headers=UNKEPT | {"Vary": "Accept-Encoding"}
        )
        answer.enable_compression()
        return answer

    async def file(self, request: web.Request) -> web.Response:
        """Answer ``/board/assets/{digest}/{name}``: 404 for files of another version."""
        file = self._files.get(request.match_info["name"])
        if file is None or request.match_info["digest"] != self.build:
            return refusal("this version of the board has no such file; load the page again", 404, UNKEPT)
        return file.answer(request)
