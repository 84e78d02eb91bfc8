"""Texts of events and people as cells of CSV: no spreadsheet runs them, and no terminal obeys them."""

import re
from typing import Final

from alerting.words.unseen import escape_unseen

# What a spreadsheet reads as a formula (OWASP, "CSV Injection"), the wide forms in Japanese ones.
_RUN: Final = re.compile(r"[\s']*[=+\-@＝＋－＠]")


def csv_cell(text: str) -> str:
    r"""Return a text without a formula, with what is not seen (control, bidi, zero-width) as an escape.

    Examples
    --------
    >>> print(csv_cell("=1+1"), csv_cell("put\x1b[2J\u202e"), csv_cell("orders-put"))
    '=1+1 put\x1b[2J\u202e orders-put
    """
    return without_formula(escape_unseen(text))


def without_formula(text: str) -> str:
    """Return a text, after an apostrophe if a spreadsheet would run it; ``as_written`` undoes that."""
    return f"'{text}" if _RUN.match(text) else text


def as_written(cell: str) -> str:
    """Return the text of a cell that ``without_formula`` has made.

    Examples
    --------
    >>> as_written(without_formula("=1+1")), as_written(without_formula("'-a")), as_written("'a'")
    ('=1+1', "'-a", "'a'")
    """
    return cell[1:] if cell.startswith("'") and _RUN.match(cell) else cell
