"""A simulated history with its labels, and searches on it."""

from collections.abc import Sequence
from pathlib import Path

from alerting.commands.labels import Label
from config.settings import Settings
from streams.cli.tune import TuneOptions, tune
from streams.offline.simulate.simulation import Simulation
from streams.offline.tune.result import TuneResult
from tests.alerting.given import ANY_SIZE
from tests.streams.engine.stages.engine_run import gathered
from tests.streams.offline.sources.memory_source import MemorySource
from tests.streams.offline.tune.tuning_history import SETTINGS, labels_of, scenario

LIVELY = {"sensitivity": 2.5, "persist": 1, "recover": 2}
DULL = {"sensitivity": 0.4, "persist": 4}


class Given:
    """A history with its labels, recorded once into a folder."""

    def __init__(self, out: Path, days: int, seed: int) -> None:
        simulation = Simulation(scenario(days, seed))
        lines = (line for _, _, written in simulation.lines() for line in written)
        self.lines = gathered(lines, SETTINGS.time.step)
        self.history = MemorySource({"events/0": self.lines}, (20_000,))
        self.labels: list[Label] = labels_of(simulation)
        self.out = out

    def tune(
        self,
        settings: Settings,
        trials: int,
        jobs: int = 2,
        budget: float | None = None,
        also: Sequence[Label] = (),
    ) -> TuneResult:
        labels = [*self.labels, *also] if budget is None else None
        asked = TuneOptions(["simulated"], self.out, trials=trials, seed=1, jobs=jobs, pages_per_week=budget)
        return tune(self.history, settings, labels, asked)


def judged_by(**judge: float) -> Settings:
    """Return settings by which what is found pages, whatever its size: these tests are about the judge."""
    found = {"judge": SETTINGS.judge.model_copy(update=judge), "incidents": ANY_SIZE.incidents}
    return SETTINGS.model_copy(update=found)
