"""The steps of a checkpoint: their order, and what a failure of one leaves undone."""

import pytest

from streams.drivers.checkpointing import PENDING, Checkpointed, RunOptions
from streams.engine.stages.checkpoint import Checkpoint


class Runner(Checkpointed):
    """State that notes what happens to it; ``fails`` names the step that fails."""

    def __init__(self, fails: str = "") -> None:
        self.now = 0.0
        super().__init__("stage/0", "source/0", RunOptions(every=5.0, clock=lambda: self.now))
        self.steps: list[str] = []
        self.saved: list[Checkpoint] = []
        self._fails = fails

    def _step(self, name: str) -> None:
        if name == self._fails:
            raise OSError(name)
        self.steps.append(name)

    async def acknowledged(self) -> None:
        self._step("acknowledged")

    def parts(self) -> dict[str, bytes]:
        self._step("state taken")
        return {"state": b"1"}

    async def save(self, checkpoint: Checkpoint) -> None:
        self._step("saved")
        self.saved.append(checkpoint)

    def release(self) -> None:
        self._step("released")


async def test_emissions_are_durable_before_the_state_and_the_state_before_the_source_is_released() -> None:
    runner = Runner()
    runner.position, runner.changed = 7, True
    await runner.checkpoint({PENDING: b"2"})
    assert runner.steps == ["acknowledged", "state taken", "saved", "released"]
    assert runner.saved == [Checkpoint({"source/0": 7}, {"state": b"1", PENDING: b"2"})]
    assert not runner.changed


@pytest.mark.parametrize("fails", ["acknowledged", "state taken", "saved"])
async def test_nothing_that_follows_a_step_that_failed_is_done(fails: str) -> None:
    runner = Runner(fails)
    runner.position, runner.changed = 7, True
    with pytest.raises(OSError, match=fails):
        await runner.checkpoint()
    assert "released" not in runner.steps
    assert not runner.saved
    assert runner.changed


async def test_one_is_due_when_the_newest_is_old_enough_and_its_age_counts_only_while_there_is_more() -> None:
    runner = Runner()
    runner.now = 4.0
    assert (runner.is_due(), runner.checkpoint_age) == (False, 0.0)
    runner.changed, runner.now = True, 5.0
    assert (runner.is_due(), runner.checkpoint_age) == (True, 5.0)
    await runner.checkpoint()
    assert (runner.is_due(), runner.checkpoint_age) == (False, 0.0)
