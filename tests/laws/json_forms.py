"""Writes JSON in any style: order, white space, escapes and forms of numbers are drawn."""

import json
from random import Random
from typing import Any, Final

ODD_NUMBERS: Final = (
    "-0",
    "-0.0",
    "0e5",
    "1E+2",
    "1e2",
    "0.1e1",
    "10e-1",
    "0.30000000000000004",
    "1e-400",
    "200.0",
)
UNKNOWN_KEYS: Final = ("span", "tS", "ts ", "ms.total", "service_", "", "Ⓐ", "client\u0000", "values2")


class Pairs(list[tuple[str, Any]]):
    """A JSON object as it is written: in this order, a key as often as it is here."""


class Literal(str):
    """Text that is written into JSON as it is."""

    __slots__ = ()


def written(random: Random, value: Any, depth: int = 0) -> bytes:
    """Return the value as JSON of any style: order, white space, escapes and forms of numbers are drawn."""
    return _text_of(random, value, depth).encode()


def _text_of(random: Random, value: Any, depth: int = 0) -> str:
    if isinstance(value, Literal):
        return str(value)
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, str):
        return _quoted(random, value)
    if isinstance(value, (int, float)):
        return _number(random, value)
    if isinstance(value, dict):
        value = Pairs(value.items())
    if isinstance(value, Pairs):
        return _object(random, value, depth)
    space = _space(random)
    return (
        f"[{space}" + f"{space},".join(_text_of(random, member, depth + 1) for member in value) + f"{space}]"
    )


def _object(random: Random, pairs: Pairs, depth: int) -> str:
    pairs = Pairs(pairs)
    random.shuffle(pairs)
    if depth == 0:
        for _ in range(random.choice((0, 0, 1, 3))):
            pairs.insert(random.randrange(len(pairs) + 1), (random.choice(UNKNOWN_KEYS), _unknown(random, 0)))
    if pairs and random.random() < 0.1:  # the last of equal keys counts: what stands before is never used
        key, its = random.choice(pairs)
        pairs.insert(0, (key, None if depth == 0 and random.random() < 0.5 else its))
    parts = []
    for key, value in pairs:
        its = Literal(value) if key == "status" and isinstance(value, int) else value  # 200.0 is no status
        space = _space(random)
        parts.append(
            f"{space}{_quoted(random, key)}{_space(random)}:{space}{_text_of(random, its, depth + 1)}"
        )
    return "{" + f"{_space(random)},".join(parts) + f"{_space(random)}}}"


def _unknown(random: Random, depth: int) -> Any:
    """Return a value that no field has: nested, with braces and quotes in its strings."""
    if depth > 8 or random.random() < 0.4:
        odd = ('}{"ts":0', "\\", '\\"', "]", "\u2028", "", 1e300, -1, True, None, 10**40)
        return random.choice((*odd, *map(Literal, ODD_NUMBERS)))
    if random.random() < 0.5:
        return [_unknown(random, depth + 1) for _ in range(random.randrange(3))]
    keys = ("ts", "service", "tables", "name", "a")
    return {random.choice(keys): _unknown(random, depth + 1) for _ in range(random.randrange(3))}


def _space(random: Random) -> str:
    return random.choice(("", "", "", "", " ", "  ", "\t", "\r\n", "\n"))


def _quoted(random: Random, text: str) -> str:
    if random.random() < 0.5:
        return json.dumps(text, ensure_ascii=random.random() < 0.5)
    out = []
    for char in text:
        if random.random() < 0.2 and ord(char) < 0x10000:
            out.append(f"\\u{ord(char):04{random.choice('xX')}}")
        elif char == "/" and random.random() < 0.5:
            out.append("\\/")
        else:
            out.append(json.dumps(char, ensure_ascii=random.random() < 0.3)[1:-1])
    return '"' + "".join(out) + '"'


def _number(random: Random, value: float) -> str:
    """Return the same number in one of its forms: the nearest float is what it was."""
    form = random.randrange(5)
    if isinstance(value, int) and (form == 0 or abs(value) >= 2**53):
        return str(value)
    number = float(value)
    if form == 1:
        return f"{number:.17g}"
    if form == 2:
        return f"{number:.16{random.choice('eE')}}"
    if form == 3 and number and number == int(number) and abs(number) < 2**53:
        return random.choice((f"{int(number)}.0", f"{int(number)}e0", f"{int(number)}0E-1", f"{int(number)}"))
    if form == 4 and 1e-3 < abs(number) < 1e15:
        return f"{number:.40f}"  # more digits than a float has
    return repr(number)
