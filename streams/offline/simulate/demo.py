"""``uneri demo``: detection on generated traffic, in a terminal, in under a minute."""

import os
import sys
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from alerting.incidents.notice import Action, Notice
from alerting.messages.render import Renderer
from alerting.pipeline.pipeline import Pipeline
from alerting.sinks.chart import draw
from alerting.sinks.terminal import Terminal
from config.links import Links
from config.settings import DigestSettings, LimitsSettings, Settings, TableLimit
from streams.drivers.compile_ahead import compile_ahead
from streams.engine.stages.detection_engine import Emitted
from streams.engine.stages.engine import Engine
from streams.offline.replay.replay_judge import with_fate
from streams.offline.replay.replayed import Replayed, write
from streams.offline.simulate.demo_board import DemoBoard
from streams.offline.simulate.scenario_load import load_scenario
from streams.offline.simulate.simulation import Simulation
from streams.process.command_error import UsageError
from streams.process.progress import LINE_EVERY
from streams.process.web.http_server import ListenError
from streams.screens.board.report.report import ReportHead, write_report

SOURCE = "demo/0"
LIVE_HOUR = 8  # of the last day, from which the demo goes hour by hour
HOUR = 3600
PIECE = 20_000  # lines that the engine gets at a time
ZONE = "Asia/Tokyo"
SETTINGS = Settings(
    limits=LimitsSettings(tables={"items": TableLimit(wcu=10), "ledger": TableLimit(wcu=3)}),
    digest=DigestSettings(at="09:00", timezone=ZONE),
)


class Demo:
    """Runs one scenario through the engine; shows its messages, and everything on a board if there is one."""

    def __init__(self, console: Console, pause: float, board: DemoBoard | None = None) -> None:
        self._console = console
        self._board = board
        self._pause = pause  # seconds of wall time per hour of the last day
        self.zone = ZoneInfo(ZONE)
        self._simulation = Simulation(load_scenario("demo"))
        self._engine = Engine(SETTINGS, [SOURCE], remember_all=True, records=board is not None)
        self._pipeline = Pipeline(SETTINGS, keep=True)
        self.renderer = Renderer(Links(SETTINGS.links), self.zone)
        self._terminal = Terminal(console, self.zone)
        self._found = Replayed()

    def run(self) -> Replayed:
        """Run the whole scenario; return the results."""
        began = time.perf_counter()
        last = datetime.fromtimestamp(self._simulation.end - 1, self.zone)
        live = int(last.replace(hour=LIVE_HOUR, minute=0, second=0).timestamp())
        self._weeks(live)
        for start in range(live, self._simulation.end, HOUR):
            self._hour(start)
        self._show(self._engine.finish(SOURCE))
        self._found.incidents = [
            with_fate(incident, self._pipeline) for incident in self._engine.incidents.all()
        ]
        self._found.seconds = time.perf_counter() - began
        return self._found

    def _weeks(self, until: int) -> None:
        """Feed the weeks before the last day."""
        begin = self._simulation.start
        days = (until - begin) / 86400
        self._console.print(
            f"[bold]{days:.0f} days[/] of traffic of a game backend: "
            f"{self._simulation.expected(begin, until):,} requests, 13 functions, 6 tables, two clouds.\n"
        )
        bar = Progress(
            TextColumn("{task.fields[day]}"),
            BarColumn(bar_width=40),
            TextColumn("{task.percentage:>3.0f} %  {task.fields[detail]}"),
            console=self._console,
        )
        with bar:
            task = bar.add_task("weeks", total=until - begin, day="", detail="")
            clock = time.perf_counter()
            for start, _, lines in self._simulation.lines(begin, until):
                self._feed(lines)
                rate = self._found.records / (time.perf_counter() - clock)
                bar.update(
                    task,
                    completed=start - begin,
                    day=f"{datetime.fromtimestamp(start, self.zone):%a %d %b}",
                    detail=f"{self._found.records:,} requests, {rate:,.0f}/s",
                )
            bar.update(task, completed=until - begin)
        pages = sum(notice.is_page for notice in self._found.notices)
        self._console.print(f"\n{self._engine.series:,} series known; {_pages(pages)} in that time.\n")

    def _hour(self, start: int) -> None:
        before, notices = self._found.records, len(self._found.notices)
        for _, _, lines in self._simulation.lines(start, start + HOUR):
            self._feed(lines)
        quiet = "" if len(self._found.notices) > notices else "  nothing to report"
        clock = f"{datetime.fromtimestamp(start + HOUR, self.zone):%H:%M}"
        self._console.print(f"[dim]{clock}  {self._found.records - before:,} requests{quiet}[/]")
        time.sleep(self._pause)

    def _feed(self, lines: list[bytes]) -> None:
        for first in range(0, len(lines), PIECE):
            some = lines[first : first + PIECE]
            emitted = self._engine.feed(SOURCE, some)
            self._found.records += len(some)
            self._found.findings += emitted.findings
            self._show(emitted)

    def _show(self, emitted: Emitted) -> None:
        """Show the messages of the last day as they are sent."""
        if self._board is not None:
            self._board.show(emitted)
        self._found.notices += emitted.notices
        if emitted.watermark is not None:
            self._pipeline.feed(emitted.notices, emitted.watermark)
        for notice in emitted.notices:
            if notice.action is not Action.DIGEST and self._is_held(notice):
                continue
            if notice.at >= self._simulation.end - 12 * HOUR and notice.action is not Action.UPDATE:
                incident = None if notice.action is Action.DIGEST else notice.incident
                self._terminal.show(self.renderer(notice), at=notice.at, incident=incident)
                if self._board is not None and notice.is_page:
                    self._look_at(self._board.url)

    def _look_at(self, url: str) -> None:
        """Give people time to see the incident where they would look for it."""
        self._console.print(f"\n[bold]The wall is red now: {url}[/]")
        if sys.stdin.isatty() and self._console.is_terminal:
            self._console.input("Press Enter to go on. ")

    def _is_held(self, notice: Notice) -> bool:
        fate = self._pipeline.fate(notice.incident.id)
        return fate is not None and fate.alerted is None

    def write_results(self, out: Path) -> list[Path]:
        """Write the charts, the report and the findings to ``out``; return the files."""
        out.mkdir(parents=True, exist_ok=True)
        newest = {finding.id: finding for finding in self._found.findings}
        self._found.findings = sorted(newest.values(), key=lambda finding: (finding.start, finding.id))
        write(self._found, out)
        files = [out / "report.html", out / "incidents.jsonl", out / "findings.jsonl"]
        write_report(
            files[0],
            self._found.incidents,
            self._found.notices,
            self.renderer,
            ReportHead(
                title="Uneri demo",
                source="generated traffic of a game backend",
                first=self._simulation.start,
                last=self._simulation.end,
                records=self._found.records,
                seconds=self._found.seconds,
            ),
            settings=SETTINGS,
        )
        charted = {  # each paged incident as it was when its message was last edited
            notice.incident.id: notice.incident
            for notice in self._found.notices
            if notice.action is not Action.DIGEST
            and notice.incident.sent == "page"
            and notice.incident.primary.trace
        }
        for incident in charted.values():
            chart = out / f"{incident.verdict}-{getattr(incident.primary.about, 'name', 'edge')}.png"
            chart.write_bytes(draw(incident, self.zone))
            files.insert(0, chart)
        return files


def _pages(count: int) -> str:
    return {0: "no pages", 1: "1 page"}.get(count, f"{count} pages")


def has_display(environment: Mapping[str, str], *, on_terminal: bool, platform: str = sys.platform) -> bool:
    """Return whether a person sits before it, to whom a browser can be opened."""
    if not on_terminal or environment.get("CI"):
        return False
    if platform in {"darwin", "win32"}:
        return "SSH_CONNECTION" not in environment
    return bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))


@contextmanager
def counting_seconds(say: Callable[[str], object], every: float = LINE_EVERY) -> Iterator[None]:
    """Say how long the block has taken, again and again until it ends."""
    began, ended = time.monotonic(), threading.Event()

    def count() -> None:
        while not ended.wait(every):
            say(f"Still preparing, {time.monotonic() - began:.0f} s")

    thread = threading.Thread(target=count, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def run_demo(out: Path, *, on_board: bool, may_open: bool = False) -> None:
    """Show the demo in the terminal and on the board, until interrupted; write its files to ``out``.

    With ``may_open``, a browser shows the board, if there is a display.
    """
    console = Console(highlight=False)
    with counting_seconds(console.print):
        compile_ahead()
    if not on_board:
        _run(console, out, None)
        console.print("\nuneri demo --board shows the same on the board, in a browser.")
        return
    try:
        with DemoBoard(SETTINGS) as board:
            console.print(f"The board, which fills as you watch: [bold]{board.url}[/]\n")
            if may_open and has_display(os.environ, on_terminal=sys.stdout.isatty()):
                webbrowser.open(board.url)
            _run(console, out, board)
            console.print(f"\nThe board stays at {board.url} until you press Ctrl-C.")
            never = threading.Event()
            while not never.wait(0.5):  # an interrupt in another thread wakes no wait without an end
                pass
    except ListenError as error:
        raise UsageError(str(error)) from None
    except KeyboardInterrupt:
        console.print()


def _run(console: Console, out: Path, board: DemoBoard | None) -> None:
    demo = Demo(console, pause=0.4 if sys.stdout.isatty() else 0.0, board=board)
    found = demo.run()
    try:
        files = demo.write_results(out)
    except OSError as error:
        raise UsageError(
            f"{error.filename or out}: {error.strerror}; choose another folder with --out"
        ) from None
    console.print(f"\n{found.records:,} requests in {found.seconds:.0f} s. Results:")
    for file in files:
        console.print(f"  {file}", soft_wrap=True)
