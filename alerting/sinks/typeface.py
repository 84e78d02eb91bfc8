"""The fonts of a picture, and the width of a text in them.

Slim containers have no fonts, so DejaVu Sans lies beside this module: it has most scripts but those of East
Asia. Letters that it lacks are left to a Japanese font, if one is installed.
"""

import functools
import os
import struct
import sys
import unicodedata
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple

from alerting.words.mrkdwn import CUT, cut

FAMILY: Final = "DejaVu Sans"
_FOLDER: Final = Path(__file__).parent / "fonts"
CARRIED: Final = (str(_FOLDER / "DejaVuSans.ttf"), str(_FOLDER / "DejaVuSans-Bold.ttf"))

# How the names of files begin, lower case, with the family that is in them; the first found is used.
_JAPANESE: Final = (
    ("notosanscjk-", "Noto Sans CJK JP"),
    ("notosanscjkjp-", "Noto Sans CJK JP"),
    ("notosansjp", "Noto Sans JP"),
    ("ipaexg", "IPAexGothic"),
    ("ipag.", "IPAGothic"),
    ("takaogothic", "TakaoGothic"),
    ("hiragino sans", "Hiragino Sans"),
    ("ヒラギノ角ゴシック", "Hiragino Sans"),
    ("yugoth", "Yu Gothic"),
    ("meiryo", "Meiryo"),
)
# Marks in the names of files of a family in many weights.
_REGULAR: Final = ("regular", "w3", "thr.", "medium")
_BOLD: Final = ("bold", "w6", "thb.", "yob.")
_SHARED: Final = ("/usr/local/share", "/usr/share")
_FONTS: Final = (".ttf", ".otf", ".ttc", ".otc")


class JapaneseFont(NamedTuple):
    """An installed font that writes Japanese."""

    family: str
    files: list[str]  # the regular one, and the bold one if there is one


class LetterRun(NamedTuple):
    """Part of a text, and the families of fonts to write it with; none for the own font."""

    text: str
    family: str


class Typeface(NamedTuple):
    """The widths in a font file."""

    glyphs: dict[int, int]  # of code points
    advances: tuple[int, ...]  # of glyphs; the last one is that of all that follow
    em: int

    def advance(self, character: str) -> float:
        """Return the width of a character, in ems; one em if it is wide and not of this font."""
        glyph = self.glyphs.get(ord(character))
        if glyph is None:
            return 1.0 if unicodedata.east_asian_width(character) in "WF" else self.advance("0")
        return self.advances[min(glyph, len(self.advances) - 1)] / self.em


@functools.cache
def typeface(*, bold: bool = False) -> Typeface:
    """Return the widths of the own font.

    They are read from its tables as OpenType defines them: ``head``, ``hhea``, ``hmtx``, and of ``cmap`` the
    subtable of format 12, which has all code points.
    """
    with Path(CARRIED[bold]).open("rb") as file:
        (count,) = struct.unpack(">4xH6x", file.read(12))
        places = {tag: (at, size) for tag, at, size in struct.iter_unpack(">4s4xII", file.read(16 * count))}

        def table(tag: bytes) -> bytes:
            at, size = places[tag]
            file.seek(at)
            return file.read(size)

        head, hhea, hmtx, cmap = table(b"head"), table(b"hhea"), table(b"hmtx"), table(b"cmap")
    (em,) = struct.unpack_from(">H", head, 18)
    (metrics,) = struct.unpack_from(">H", hhea, 34)
    advances = struct.unpack_from(">" + "H2x" * metrics, hmtx)
    glyphs: dict[int, int] = {}
    (subtables,) = struct.unpack_from(">H", cmap, 2)
    for (at,) in struct.iter_unpack(">4xI", cmap[4 : 4 + 8 * subtables]):
        kind, groups = struct.unpack_from(">H10xI", cmap, at)
        if kind == 12:  # noqa: PLR2004 - the format
            for first, last, glyph in struct.iter_unpack(">III", cmap[at + 16 : at + 16 + 12 * groups]):
                glyphs.update(
                    zip(range(first, last + 1), range(glyph, glyph + last - first + 1), strict=True)
                )
            break
    return Typeface(glyphs, advances, em)


def width(text: str, size: float, *, bold: bool = False) -> float:
    """Return the width of a text, in the unit of ``size``; kerning is left out.

    Examples
    --------
    >>> round(width("now", 21), 1), round(width("now", 21, bold=True), 1), width("注文", 21)
    (43.3, 48.8, 42.0)
    """
    face = typeface(bold=bold)
    return size * sum(map(face.advance, text))


def fitting(text: str, widest: float, size: float, *, bold: bool = False) -> int:
    """Return the number of first characters of a text that are not wider than ``widest``.

    Examples
    --------
    >>> fitting("inventory", 50, 21), fitting("now", 50, 21)
    (4, 3)
    """
    face, used = typeface(bold=bold), 0.0
    for place, character in enumerate(text):
        used += size * face.advance(character)
        if used > widest:
            return place
    return len(text)


def lacking(text: str) -> bool:
    """Return whether a text has characters that the own font lacks.

    Examples
    --------
    >>> lacking("Größe · £ → Ω Ж"), lacking("注文")
    (False, True)
    """
    glyphs = typeface().glyphs
    return any(ord(character) not in glyphs for character in text)


def shortened(text: str, widest: float, size: float, *, bold: bool = False) -> str:
    """Return a text that is not wider than ``widest``, cut and marked by an ellipsis if it was.

    Examples
    --------
    >>> shortened("inventory", 110, 21), shortened("inventory", 80, 21)
    ('inventory', 'inven…')
    """
    if fitting(text, widest, size, bold=bold) == len(text):
        return text
    room = widest - width(CUT, size, bold=bold)
    return cut(text, fitting(text, room, size, bold=bold) + 1)


def runs(text: str) -> list[LetterRun]:
    """Divide a text into runs for the own font and for a Japanese one.

    Examples
    --------
    >>> runs("<b> & Größe")
    [LetterRun(text='<b> & Größe', family='')]
    """
    other = japanese_font() if lacking(text) else None
    if other is None:
        return [LetterRun(text, "")]
    return [
        LetterRun("".join(run), f"{other.family}, {FAMILY}" if lacks else "")
        for lacks, run in groupby(text, lacking)
    ]


@functools.cache
def japanese_font() -> JapaneseFont | None:
    """Return a font with Japanese, if one is installed: slim containers have none."""
    found: dict[str, str] = {}
    for path in _installed():
        found.setdefault(Path(path).name.lower(), path)
    for begin, family in _JAPANESE:
        names = sorted(name for name in found if name.startswith(begin))
        bold = _marked(names, _BOLD)
        plain = _marked(names, _REGULAR) or [name for name in names if name not in bold]
        if plain:
            return JapaneseFont(family, [found[name] for name in (plain[0], *bold[:1])])
    return None


def _marked(names: list[str], marks: tuple[str, ...]) -> list[str]:
    return [name for name in names if any(mark in name for mark in marks)]


def _installed() -> Iterator[str]:
    for folder in _folders():
        for path, _, names in os.walk(folder):
            yield from (f"{path}/{name}" for name in sorted(names) if name.lower().endswith(_FONTS))


def _folders() -> list[Path]:
    """Return the folders of the system's and the user's fonts."""
    home = Path(os.environ.get("HOME", "/nonexistent"))
    if sys.platform == "darwin":
        return [home / "Library/Fonts", Path("/Library/Fonts"), Path("/System/Library/Fonts")]
    if sys.platform == "win32":
        return [Path(os.environ.get("WINDIR", r"C:\Windows")) / "Fonts"]
    own = os.environ.get("XDG_DATA_HOME") or str(home / ".local/share")
    shared = os.environ.get("XDG_DATA_DIRS", "").split(":")
    shares = dict.fromkeys([own, *filter(None, shared), *_SHARED])
    return [home / ".fonts", *(Path(share) / "fonts" for share in shares)]
