"""Messages in a terminal, as Slack would show them; and the sink used without Slack."""

import math
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.style import Style
from rich.table import Table
from rich.text import Text

from alerting.incidents.incident import Incident
from alerting.messages.blocks import LEAD, Block, Message
from alerting.messages.mrkdwn_runs import TextRun, runs
from alerting.messages.render import Renderer
from alerting.outbox.ports import DeliveryOutcome, Result
from alerting.outbox.row import OutboxRow, Send, SentAs
from alerting.sinks.message_content import MessageSink
from alerting.words import numbers
from alerting.words.locales import ENGLISH
from alerting.words.phrases import Phrases
from detectors.model.finding import Trace

_WIDEST: Final = 96
_CURVE_HEIGHT: Final = 6
_BLUE: Final = "#1d9bd1"
_DOTS: Final = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # rows of a braille cell, top first
_BLANK: Final = 0x2800
_SHORT: Final = 60  # characters of a URL that is printed where it cannot be a hyperlink
_TITLES: Final = 1000  # messages whose title is remembered for the lines of their thread
_PLAIN_TERMS: Final = ("", "dumb", "unknown", "linux", "vt100", "vt220")  # they show the sequence, or nothing


def takes_hyperlinks(console: Console, environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether a console shows OSC 8 hyperlinks: a label that leads to an address.

    Terminals that do not know them ignore them; those that do not even ignore them are known by ``TERM``. As
    for other programs, ``NO_COLOR`` turns them off, and ``FORCE_HYPERLINK`` (0 or 1) decides over all else.

    Examples
    --------
    >>> takes_hyperlinks(Console(force_terminal=True), {"TERM": "xterm-256color"})
    True
    >>> takes_hyperlinks(Console(force_terminal=True), {"TERM": "dumb"})
    False
    """
    forced = environment.get("FORCE_HYPERLINK")
    if forced:
        return forced != "0"
    if not console.is_terminal or environment.get("NO_COLOR"):
        return False
    return environment.get("TERM", "").lower() not in _PLAIN_TERMS


class Terminal:
    """Shows messages on a console: framed and coloured on a terminal, as plain lines elsewhere.

    Links are hyperlinks where the console takes them. Elsewhere their labels are printed, with short
    addresses only: those of a cloud's console are hundreds of characters long.

    ``environment`` has the variables that show what the console can do.
    """

    def __init__(
        self,
        console: Console,
        zone: ZoneInfo,
        words: Phrases = ENGLISH,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._console = console
        self._zone = zone
        self._words = words
        self._hyperlinks = takes_hyperlinks(console, environment)

    def show(self, message: Message, *, at: int, incident: Incident | None = None) -> None:
        """Show a message of the time ``at`` (epoch seconds), with the curve of ``incident``."""
        trace = incident.primary.trace if incident is not None else None
        if not self._console.is_terminal:
            self._print([*self._lines(message.blocks), ""])
            return
        width = min(self._console.width, _WIDEST)
        parts: list[RenderableType] = [
            self._block(block, width) for block in message.blocks if block["type"] != "actions"
        ]
        if incident is not None and trace is not None:
            parts.insert(2, self._chart(trace, incident, width - 16))
        time = f"{datetime.fromtimestamp(at, self._zone):%H:%M}"
        head = Text.assemble(
            (" U ", "bold white on #0b5cad"), "  ", ("Uneri", "bold"), "  ", (" APP ", "reverse dim")
        )
        head.append(f"  {time}", "dim")
        framed = Panel(Group(head, *parts), width=width, padding=(0, 2, 1, 2), border_style=_frame(message))
        self._console.print(framed)

    def update(self, message: Message, *, at: int) -> None:
        """Show the newest state of a message that was shown before: marked as an update, and short."""
        head, mark = message.blocks[:LEAD], self._words.labels.update
        if not self._console.is_terminal:
            first, *lines = self._lines(head)
            self._print([f"{mark} · {first}", *(f"  {line}" for line in lines), ""])
            return
        width = min(self._console.width, _WIDEST)
        title = Text(f" {mark} · {datetime.fromtimestamp(at, self._zone):%H:%M} ", "bold")
        parts = [self._block(block, width) for block in head]
        style = _frame(message) if message.look == "over" else "dim"
        framed = Panel(Group(*parts), title=title, title_align="left", width=width, border_style=style)
        self._console.print(framed)

    def line(self, message: Message, of: str = "") -> None:
        """Show lines of the thread of a message; ``of`` is the title of that message."""
        text = " · ".join(self._lines(message.blocks))
        self._print([f"↳ {of}: {text}" if of else f"↳ {text}"])

    def _print(self, lines: Sequence[str]) -> None:
        for line in lines:
            self._console.print(line, markup=False, highlight=False, soft_wrap=True, emoji=False)

    def _lines(self, blocks: Sequence[Block]) -> list[str]:
        lines = []
        for block in blocks:
            if block["type"] == "actions":
                continue  # not usable in a terminal
            above = [block["text"]] if "text" in block else []
            below = block.get("fields") or block.get("elements") or []
            for place, text in enumerate((*above, *below)):
                label, newline, value = text["text"].partition("\n")
                is_field = "fields" in block and place >= len(above)
                joined = f"{label}: {value}" if newline and is_field else text["text"]
                for line in joined.split("\n"):
                    shown = [_spelt(piece) for piece in runs(line, self._zone, self._words)]
                    lines.append("".join(shown) if text["type"] == "mrkdwn" else line)
        return lines

    def _block(self, block: Block, width: int) -> RenderableType:
        if block["type"] == "header":
            return Padding(Text(block["text"]["text"], "bold"), (1, 0, 0, 0))
        if "fields" in block:
            grid = Table.grid(padding=(0, 3, 0, 0), expand=False)
            for _ in range(2):
                grid.add_column(width=(width - 12) // 2)
            fields = [self._text(field["text"]) for field in block["fields"]]
            for row in range(0, len(fields), 2):
                grid.add_row()
                grid.add_row(*fields[row : row + 2])
            if "text" in block:
                return Group(Padding(self._text(block["text"]["text"]), (1, 0, 0, 0)), grid)
            return grid
        if block["type"] == "context":
            shown = [self._text(element["text"], "dim") for element in block["elements"]]
            return Padding(Group(*shown), (1, 0, 0, 0))
        return Padding(self._text(block["text"]["text"]), (1, 0, 0, 0))

    def _text(self, mrkdwn: str, style: str = "") -> Text:
        text = Text(style=style)
        for piece in runs(mrkdwn, self._zone, self._words):
            bold = Style(bold=piece.bold or None)
            if piece.url is not None and self._hyperlinks:
                text.append(piece.text, bold + Style(color=_BLUE, underline=True, link=piece.url))
            else:
                text.append(_spelt(piece), bold)
        return text

    def _chart(self, trace: Trace, incident: Incident, width: int) -> RenderableType:
        measured = [value for value in (*trace.now, *trace.last_week) if value is not None]
        top = max(measured, default=0.0) or 1.0
        drawn = [
            curve(values, top, width=width, height=_CURVE_HEIGHT) for values in (trace.last_week, trace.now)
        ]
        lines = []
        for row in range(_CURVE_HEIGHT):
            label = numbers.number(top) if row == 0 else "0" if row == _CURVE_HEIGHT - 1 else ""
            line = Text(f"{label:>6} ", "dim")
            for before, now in zip(drawn[0][row], drawn[1][row], strict=True):
                if now != "\u2800":
                    line.append(now, "bold #e69f00")
                else:
                    line.append(before, "dim")
            lines.append(line)
        end = trace.start + len(trace.now) * trace.step
        first, last = (f"{datetime.fromtimestamp(edge, self._zone):%H:%M}" for edge in (trace.start, end))
        axis = Text(" " * 7 + first + " " * max(1, width - len(first) - len(last)) + last, "dim")
        legend = Text.assemble(
            " " * 7,
            (f"━ {self._words.labels.chart_now} ", "bold #e69f00"),
            (f"  ┄ {self._words.labels.chart_last_week} ", "dim"),
            (f"  {self._words.figures.unit(incident.primary.measure, incident.primary.about)}", "dim"),
        )
        return Padding(Group(*lines, axis, legend), (1, 0, 0, 0))


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Raise, where Rich ends the process."""
        raise  # noqa: PLE0704  the error that is being handled


class TerminalSink(MessageSink):
    """Stands in for Slack when there is no token."""

    def __init__(self, renderer: Renderer, console: Console | None = None) -> None:
        super().__init__(renderer)
        self._terminal = Terminal(console or _Console(), renderer.zone, renderer.words)
        self._titles: dict[str, str] = {}  # by subject, newest last

    async def deliver(self, row: OutboxRow) -> DeliveryOutcome:
        """Show a post as a whole message with its curve, an edit as an update, a reply as a line."""
        if row.message is not None:
            try:
                self._show(row, row.message)
            except OSError as error:  # a full disk, or a reader that left
                return DeliveryOutcome(result=Result.RETRY, error=f"standard output: {error.strerror}")
        return DeliveryOutcome(result=Result.SENT, place=row.place or SentAs(row.channel, row.id))

    def _show(self, row: OutboxRow, message: Message) -> None:
        match row.send:
            case Send.POST:
                self._terminal.show(message, at=int(row.created), incident=row.incident)
            case Send.EDIT:
                self._terminal.update(message, at=int(row.created))
            case Send.LINE:
                self._terminal.line(message, self._titles.get(row.subject, ""))
        if row.send in (Send.POST, Send.EDIT):
            self._remember(row.subject, message)

    def _remember(self, subject: str, message: Message) -> None:
        self._titles.pop(subject, None)
        self._titles[subject] = message.blocks[0]["text"]["text"]
        if len(self._titles) > _TITLES:
            del self._titles[next(iter(self._titles))]


def _spelt(piece: TextRun) -> str:
    """Return a link as text: its label, and its address if that is short."""
    url = piece.url or ""
    return f"{piece.text} ({url})" if 0 < len(url) <= _SHORT and url != piece.text else piece.text


def _frame(message: Message) -> str:
    return {"over": "green", "digest": "blue"}.get(message.look, "#e69f00")


def curve(values: Sequence[float | None], top: float, *, width: int, height: int) -> list[str]:
    """Draw values from 0 to ``top`` as ``height`` lines of ``width`` cells, each two dots wide and four high.

    Several values in one column of dots draw the span between them, so that a short peak stays visible.

    Examples
    --------
    >>> curve([0, 1, 2, 3, 4, 5, 6, 7], 7, width=4, height=2)
    ['⠀⠀⡠⠊', '⡠⠊⠀⠀']
    """
    columns, rows = width * 2, height * 4
    cells = [[_BLANK] * width for _ in range(height)]
    former: int | None = None
    for column in range(columns):
        first = column * len(values) // columns
        last = max(first + 1, (column + 1) * len(values) // columns)
        known = [value for value in values[first:last] if value is not None and math.isfinite(value)]
        if not known:
            former = None
            continue
        low, high = (_row(value, top, rows) for value in (min(known), max(known)))
        if former is not None and former < low:  # join it to the column before
            low = former + 1
        elif former is not None and former > high:
            high = former - 1
        former = _row(known[-1], top, rows)
        for row in range(low, high + 1):
            down = rows - 1 - row
            cells[down // 4][column // 2] |= _DOTS[down % 4][column % 2]
    return ["".join(map(chr, line)) for line in cells]


def _row(value: float, top: float, rows: int) -> int:
    return min(rows - 1, max(0, round(value / top * (rows - 1)))) if top > 0 else 0
