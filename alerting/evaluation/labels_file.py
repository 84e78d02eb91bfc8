"""Labels in a file: YAML, CSV or JSON lines, with mistakes by line."""

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from alerting.commands.labels import Label, LabelKind
from alerting.words.csv_cells import as_written, without_formula
from config.bounded_read import read_bounded
from config.settings import SCOPE_KINDS
from config.yaml_tree import read_tree, to_yaml
from detectors.model.finding import Verdict
from detectors.model.measures import Measure

MOST: Final = 20  # mistakes listed: more are usually the same one
MOST_BYTES: Final = 64 << 20
LATEST: Final = 4_102_444_800  # 2100-01-01
_FIELDS: Final = Label.__struct_fields__
_TIMES: Final = ("start", "end", "at")
_VERDICTS: Final = tuple(verdict.value for verdict in Verdict)
_KINDS: Final = (*(kind.value for kind in LabelKind), *_VERDICTS)
# the fields of what a simulation generated
_MADE: Final = ("function", "table", "client", "route", "service")
_KEYS: Final = frozenset({*_MADE, "version", "account", "start", "end", "kind", "verdict", "measure"})
_WRITE_A_TIME: Final = "write 2026-01-31T08:00:00Z, 2026-01-31 or epoch seconds"


class Wrong(NamedTuple):
    """A mistake on a line, and the remedy."""

    line: int
    message: str


class LabelsError(Exception):
    """An invalid labels file.

    As text: one mistake per line, ``FILE:LINE: message; remedy``, at most twenty.
    """

    def __init__(self, name: str, wrong: Iterable[Wrong]) -> None:
        self.name = name
        self.wrong = tuple(sorted(wrong))
        super().__init__(name, self.wrong)

    def __str__(self) -> str:
        shown = [f"{self.name}:{line}: {message}" for line, message in self.wrong[:MOST]]
        if more := len(self.wrong) - len(shown):
            shown.append(f"{self.name}: and {more:,} more")
        return "\n".join(shown)


def load_labels(path: str | Path) -> list[Label]:
    """Read a labels file: CSV or JSON lines by its suffix (.csv, .jsonl), otherwise YAML.

    Raises
    ------
    LabelsError
        With every mistake in it.
    """
    try:
        contents = read_bounded(Path(path), MOST_BYTES)
        if len(contents) > MOST_BYTES:
            wrong = Wrong(1, f"larger than {MOST_BYTES >> 20} MiB; check that this is the right file")
            raise LabelsError(str(path), [wrong])
        text = contents.decode("utf-8-sig")
    except OSError as error:
        reason = error.strerror or error
        raise LabelsError(str(path), [Wrong(1, f"cannot be read: {reason}; check the path")]) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise LabelsError(str(path), [Wrong(line, "is not UTF-8 text; save it as UTF-8")]) from None
    return read_labels(text, str(path))


def read_labels(text: str, name: str) -> list[Label]:
    r"""Read labels from text; the suffix of ``name`` gives the format (.csv, .jsonl, otherwise YAML).

    Examples
    --------
    >>> read_labels("start,end,scope,kind\n100,200,table:items,spike\n", "known.csv")[0].scope
    'table:items'
    >>> read_labels("- {start: 9, end: 3, kind: spike}\n", "known.yaml")
    Traceback (most recent call last):
    alerting.evaluation.labels_file.LabelsError: known.yaml:1: end is before start; swap them
    """
    rows, wrong = _FORMS.get(Path(name).suffix.lower(), _yaml_rows)(text)
    labels = []
    for line, row in rows:
        mistakes: list[str] = []
        given = {key: value for key, value in row.items() if value not in (None, "")}
        label = _label(given, mistakes)
        wrong += [Wrong(line, mistake) for mistake in mistakes]
        if label is not None:
            labels.append(label)
    if wrong:
        raise LabelsError(name, wrong)
    return labels


def labels_to_yaml(labels: Iterable[Label]) -> str:
    """Return labels as YAML, which ``read_labels`` reads back."""
    return to_yaml([label.to_json() for label in labels])


def labels_to_csv(labels: Iterable[Label]) -> str:
    """Return labels as CSV without formulas, which ``read_labels`` reads back."""
    out = io.StringIO()
    writer = csv.DictWriter(out, _FIELDS, lineterminator="\n")
    writer.writeheader()
    for label in labels:
        fields = label.to_json()
        writer.writerow({name: without_formula(str(value)) for name, value in fields.items()})
    return out.getvalue()


def labels_to_jsonl(labels: Iterable[Label]) -> str:
    """Return labels as JSON lines, which ``read_labels`` reads back."""
    return "".join(f"{msgspec.json.encode(label.to_json()).decode()}\n" for label in labels)


def _csv_rows(text: str) -> tuple[list[tuple[int, dict[str, Any]]], list[Wrong]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[tuple[int, dict[str, Any]]] = []
    try:
        header = [name.strip() for name in next(reader, [])]
        if unknown := [name for name in header if name not in _FIELDS]:
            known = ", ".join(_FIELDS)
            return [], [Wrong(1, f"unknown column {unknown[0]!r}; the columns are {known}")]
        if twice := [name for name in header if header.count(name) > 1]:
            return [], [Wrong(1, f"two columns {twice[0]!r}; keep one of them")]
        if missing := {"start", "kind"} - set(header):
            return [], [
                Wrong(1, f"no column {min(missing)!r}; begin with a line such as start,end,scope,kind")
            ]
        wrong: list[Wrong] = []
        while True:
            line = reader.line_num + 1
            row = next(reader, None)
            if row is None:
                return rows, wrong
            if len(row) > len(header):
                wrong.append(
                    Wrong(line, f"{len(row)} values for {len(header)} columns; quote those with commas")
                )
            elif any(value.strip() for value in row):
                values = (as_written(value.strip()) for value in row)
                rows.append((line, dict(zip(header, values, strict=False))))
    except csv.Error as error:
        return [], [Wrong(max(1, reader.line_num), f"not CSV: {error}; check the quotes")]


def _json_rows(text: str) -> tuple[list[tuple[int, dict[str, Any]]], list[Wrong]]:
    """Return the rows of JSON lines by line, and the mistakes on the others."""
    rows: list[tuple[int, dict[str, Any]]] = []
    wrong = []
    for line, written in enumerate(text.split("\n"), 1):
        if not written.strip():
            continue
        try:
            row = msgspec.json.decode(written)
            twice = _twice(written)
        except (msgspec.DecodeError, RecursionError) as error:
            wrong.append(Wrong(line, f"not JSON: {error}; write one object per line"))
            continue
        if twice is not None:
            wrong.append(Wrong(line, f"two keys {twice!r}; keep one of them"))
            continue
        if not isinstance(row, dict):
            wrong.append(Wrong(line, "not a label; write an object with start and kind"))
        else:
            rows.append((line, known_of(row) if row.keys() >= _KEYS else row))
    return rows, wrong


def _twice(written: str) -> str | None:
    """Return a key that an object of this JSON has twice, or None."""
    found: list[str] = []

    def note_twice(pairs: list[tuple[str, Any]]) -> None:
        keys = [key for key, _ in pairs]
        found.extend(key for key in keys if keys.count(key) > 1)

    json.loads(written, object_pairs_hook=note_twice)
    return found[0] if found else None


def known_of(made: Mapping[str, Any]) -> dict[str, Any]:
    """Return the label fields of an incident that a simulation generated (``Simulation.labels``).

    Its scope is the function if there is one, otherwise the table, client, route or service. It has no
    measure, since any that shows the incident will do. Without a verdict it is not an anomaly.

    Examples
    --------
    >>> nobody = dict.fromkeys(("table", "client", "function", "route", "service", "version", "account"))
    >>> known_of(nobody | {"start": 5, "end": 9, "kind": "slow", "verdict": "spike", "measure": "latency",
    ...                    "function": "buy", "client": "ios"})
    {'kind': 'spike', 'start': 5, 'end': 9, 'scope': 'function:buy', 'note': 'slow, client ios, function buy'}
    """
    client = " ".join(str(made[key]) for key in ("client", "version") if made[key] is not None)
    names = {kind: made[kind] for kind in _MADE} | {"client": client or None}
    whom = [f"{kind} {names[kind]}" for kind in reversed(_MADE) if names[kind] is not None]
    scope = next((f"{kind}:{names[kind]}" for kind in _MADE if names[kind] is not None), None)
    fields = {
        "kind": made["verdict"] or LabelKind.NOT_AN_ANOMALY.value,
        "start": made["start"],
        "end": made["end"],
        "scope": scope,
        "account": made["account"],
        "note": ", ".join([str(made["kind"]), *whom]),
    }
    return {key: value for key, value in fields.items() if value is not None}


def _yaml_rows(text: str) -> tuple[list[tuple[int, dict[str, Any]]], list[Wrong]]:
    tree = read_tree(text)
    wrong = [Wrong(problem.place.line, f"{problem.message}; {problem.remedy}") for problem in tree.problems]
    if tree.data is None:
        return [], wrong
    root: tuple[str | int, ...] = ()
    entries = tree.data
    if isinstance(entries, dict) and set(entries) == {"labels"}:
        root, entries = ("labels",), entries["labels"] or []
    if not isinstance(entries, list):
        return [], [*wrong, Wrong(1, "not a list of labels; begin each with - start: 2026-01-31T08:00:00Z")]
    rows = []
    for number, entry in enumerate(entries):
        line = tree.place((*root, number)).line
        if isinstance(entry, dict):
            rows.append((line, entry))
        else:
            wrong.append(Wrong(line, "not a label; write its keys: start, end, scope, kind"))
    return rows, wrong


_FORMS: Final = {".csv": _csv_rows, ".jsonl": _json_rows}


def _label(given: Mapping[str, Any], mistakes: list[str]) -> Label | None:
    """Return the label of a row, or None after adding its mistakes."""
    before = len(mistakes)
    mistakes += [
        f"unknown key {key!r}; the keys are {', '.join(_FIELDS)}" for key in given if key not in _FIELDS
    ]
    times = {name: _time(name, given[name], mistakes) for name in _TIMES if name in given}
    texts: dict[str, str] = {}
    for name in set(_FIELDS) - set(_TIMES):
        value = given.get(name, "")
        if isinstance(value, str | int) and not isinstance(value, bool):
            texts[name] = str(value)  # an account may be a number
        else:
            mistakes.append(f"{name} is {_shown(value)}; write text")
    if "start" not in given:
        mistakes.append(f"no start; {_WRITE_A_TIME}")
    start, end = times.get("start"), times.get("end")
    if start is not None and end is not None and end < start:
        mistakes.append("end is before start; swap them")
    for name in ("kind", "verdict"):
        if texts.get(name) == "silence":  # the verdict's name up to version 0.1
            texts[name] = Verdict.ABSENCE.value
    _check_words(texts, mistakes)
    if len(mistakes) > before or start is None:
        return None
    kind = texts.pop("kind")
    if kind in _VERDICTS:  # a known incident by its verdict alone
        texts["verdict"], kind = kind, LabelKind.INCIDENT
    return Label(kind=LabelKind(kind), start=start, end=end, at=times.get("at"), **texts)


def _check_words(texts: Mapping[str, str], mistakes: list[str]) -> None:
    kind, verdict, scope, measure = (texts.get(name, "") for name in ("kind", "verdict", "scope", "measure"))
    if kind not in _KINDS:
        given = f"kind is {_shown(kind)}" if kind else "no kind"
        mistakes.append(f"{given}; write one of {', '.join(_KINDS)}")
    elif verdict and verdict not in _VERDICTS:
        mistakes.append(f"verdict is {_shown(verdict)}; write one of {', '.join(_VERDICTS)}")
    elif kind in _VERDICTS and verdict not in ("", kind):
        mistakes.append(f"kind is {kind} and verdict is {verdict}; write one of them")
    of, colon, name = scope.partition(":")
    if scope and (of not in SCOPE_KINDS or not colon or not name):
        mistakes.append(
            f"scope is {_shown(scope)}; write kind:name such as table:items, kinds: {', '.join(SCOPE_KINDS)}"
        )
    known = [measure.value for measure in Measure]
    if measure and not measure.startswith(("value:", "level:")) and measure not in known:
        mistakes.append(f"measure is {_shown(measure)}; write one of {', '.join(known)}")


def _time(name: str, value: object, mistakes: list[str]) -> int | None:
    """Return epoch seconds of a number or an RFC 3339 time or date, in UTC without an offset."""
    if date := _bare_date(value):
        mistakes.append(f"{name} is {value}, which as epoch seconds lies in 1970; write {date}")
        return None
    seconds = _seconds(value)
    if seconds is None or not 0 <= seconds < LATEST:
        mistakes.append(f"{name} is {_shown(value)}, not a valid date or time; {_WRITE_A_TIME}")
        return None
    return int(seconds)


def _bare_date(value: object) -> str | None:
    """Return a date without hyphens (20260131) in its proper form, or None."""
    written = str(value)
    if isinstance(value, bool) or not re.fullmatch(r"(19[7-9]|20\d)\d{5}", written, re.ASCII):
        return None
    try:
        return datetime.strptime(written, "%Y%m%d").replace(tzinfo=UTC).date().isoformat()
    except ValueError:
        return None


def _seconds(value: object) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if math.isfinite(value) else None
    if not isinstance(value, str):
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            time = datetime.fromisoformat(value)
            return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            return None
    return seconds if math.isfinite(seconds) else None


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}…"  # noqa: PLR2004  # enough to recognise
