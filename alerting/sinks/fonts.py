"""The fonts of charts: what Latin letters look like everywhere, and one with Japanese where there is one."""

import functools
from pathlib import Path
from typing import Final

from matplotlib import font_manager

LATIN: Final = "DejaVu Sans"  # comes with matplotlib

_JAPANESE: Final = (
    "Noto Sans CJK JP",
    "Noto Sans JP",
    "IPAexGothic",
    "IPAGothic",
    "TakaoGothic",
    "Hiragino Sans",
    "Yu Gothic",
    "Meiryo",
)


@functools.cache
def families() -> tuple[str, ...]:
    """Return the families to set text in, each for the characters that those before it lack."""
    known = {font.name for font in font_manager.fontManager.ttflist}
    if known.isdisjoint(
        _JAPANESE
    ):  # matplotlib remembers its fonts: what was installed since is not among them
        for path in font_manager.findSystemFonts():
            if Path(path).name.lower().startswith(("notosanscjk-", "notosansjp", "ipaexg", "ipag", "takaog")):
                font_manager.fontManager.addfont(path)
        known = {font.name for font in font_manager.fontManager.ttflist}
    return (LATIN, *(name for name in _JAPANESE if name in known))


def japanese() -> bool:
    """Tell whether Japanese can be written: a slim container has no font for it."""
    return len(families()) > 1
