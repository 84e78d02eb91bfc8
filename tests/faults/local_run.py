"""One pass of the local daemon over the input, through as many deaths as one wants, and what came of it."""

import json
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from config.settings import JudgeSettings, LocalSettings, NotifySettings, Settings, TimeSettings
from streams.drivers.local.log_judge import HISTORY, SOURCE, STAGE
from streams.drivers.local.sqlite_store import SqliteStore
from streams.engine.rollup.blocks.block_codec import decode_block
from tests.faults.daemons import Daemon, Supervisor, wait_until
from tests.faults.kafka_run import Report
from tests.faults.oracle import Truth, undisturbed

LATER = 1_780_000_000.0  # when all of it arrives
LOCAL_TAIL = 150  # records: time follows what most say
RUN = 150  # records that the engine is given at once: the input is small, and must come in many runs


class LocalInput:
    """A file with the records, which the daemon follows, and what they must come to."""

    def __init__(self, records: Sequence[bytes], folder: Path) -> None:
        self.file = folder / "events.ndjson"
        self.file.write_bytes(b"".join(record + b"\n" for record in records))
        self.count = len(records)
        settings = self.settings(folder)
        arrived = np.full(len(records), LATER)
        self.truth = Truth(SOURCE, records, arrived, settings)
        engine, self.findings = undisturbed(settings, {SOURCE: records}, {SOURCE: arrived}, 1, recorded=True)
        assert self.findings, "the scenario has nothing to tell"
        self.parts = engine.snapshot()

    @staticmethod
    def settings(state: Path) -> Settings:
        """Settings of a state of its own."""
        return Settings(
            local=LocalSettings(listen="127.0.0.1:0", state=str(state)),
            time=TimeSettings(idle=1),
            judge=JudgeSettings(young=3600),
            notify=NotifySettings(since="2020-01-01"),
        )


class LocalRun:
    """A state directory that reads an input, with one daemon after the other."""

    def __init__(self, given: LocalInput, supervisor: Supervisor, folder: Path) -> None:
        self._input = given
        self._supervisor = supervisor
        self.starts = 0
        folder.mkdir()
        self._state = folder / "state"
        self._tap = folder / "tap"
        self.log = folder / "log"
        self.log.touch()
        self._settings = given.settings(self._state)

    def start(self, **options: object) -> Daemon:
        """Start a daemon."""
        self.starts += 1
        given = {
            "tap": str(self._tap),
            "follow": [str(self._input.file)],
            "run": RUN,
            "every": 0.05,
            "now": LATER,
        }
        return self._supervisor.start(self._settings, self.log, **{**given, **options})

    def kill_at_random(self, draw: random.Random, kills: int, longest: float = 0.4) -> int:
        """Start and kill daemons one after the other; return how many kills hit a running process."""
        return sum(self.start().kill_at_random(draw, "accepting events", longest) for _ in range(kills))

    def _judged(self) -> bool:
        """Return whether everything is judged and the source is idle: the tap ends with idle blocks."""
        if not self._tap.exists():
            return False
        blocks = [line for line in self._lines(self._tap.read_bytes()[-200_000:]) if line[0] == "block"]
        return bool(blocks) and decode_block(bytes.fromhex(blocks[-1][1])).idle

    def finish(self, seconds: float = 60, daemon: Daemon | None = None) -> Report:
        """Let a last daemon finish, and compare the results."""
        report = Report()
        daemon = daemon or self.start()
        if daemon.logged("accepting events"):
            daemon.wait(2.5)  # until the source is idle again, if that was lost with a killed daemon
        if (
            not wait_until(lambda: daemon.code is not None or self._judged(), seconds)
            or daemon.code is not None
        ):
            report.wrong.append(
                f"not finished in {seconds} s, exit code {daemon.code}: {daemon.output()[-3000:]}"
            )
        report.compare("exit code", 0, daemon.stop())
        self.judge(report)
        return report

    def judge(self, report: Report) -> None:
        """Compare everything that is on disk now with the truth."""
        if "Traceback" in self.log.read_text():
            report.wrong.append(f"a traceback in {self.log}")
        first: dict[tuple[int, int], str] = {}
        blocks = []
        findings: dict[tuple[str, str], str] = {}
        for kind, *texts in self._lines(self._tap.read_bytes()):
            if kind == "finding":
                report.compare(
                    "a finding again", findings.setdefault((texts[0], texts[1]), texts[2]), texts[2]
                )
                continue
            block = decode_block(bytes.fromhex(texts[0]))
            key = block.shard, block.sequence
            if block.idle:
                continue
            if key in first:
                report.again += 1
                report.compare(f"block {key} again", first[key], texts[0])
            else:
                first[key] = texts[0]
                blocks.append(block)
        report.wrong += self._input.truth.mismatches(blocks)
        report.compare("ids of findings", sorted(self._input.findings), sorted(findings))
        report.compare("findings", self._input.findings, findings)
        with SqliteStore(self._state / "uneri.db") as store:
            checkpoint = store.load(STAGE)
            letters = {(offset, reason) for _, offset, reason, _, _ in store.dead_letters()}
        report.compare("dead letters", {tuple(bad) for bad in self._input.truth.bad}, letters)
        assert checkpoint is not None
        report.compare("offset", {SOURCE: self._input.count}, checkpoint.offsets)
        # what is written of the history, and when, depends on the moment
        moment = (HISTORY, "awake")
        parts = {name: part for name, part in checkpoint.parts.items() if not name.startswith(moment)}
        report.compare("parts", sorted(self._input.parts), sorted(parts))
        for name, part in self._input.parts.items():
            report.compare(f"part {name}", part, parts.get(name))

    @staticmethod
    def _lines(text: bytes) -> list[list[str]]:
        found = []
        for line in text.splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue  # cut off at the start of what was read, or by a kill in the middle of the write
        return found
