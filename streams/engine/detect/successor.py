"""A shard judged anew, from learnt history and the blocks since, until it can take over."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from detectors.model.finding import Finding
from streams.engine.detect.detect import Detect
from streams.engine.measure.steps import LostBlockError, StrayBlockError
from streams.engine.rollup.blocks.block import Block, emptied


class BlocksError(Exception):
    """The blocks cannot be judged anew, for the reason in the message."""


class Successor:
    """Re-evaluates the blocks of the present judge with a different history, and takes its place once level.

    Parameters
    ----------
    detect
        New, of the same shard and sources as the present one.
    history
        The state that history left, handed over to these sources; None to judge without a history.
    until
        Where the steps of the history end, epoch seconds: blocks of the time before are in it. A step that it
        only began comes from the blocks, once they have anything of it.
    silent
        Sources of which no block is kept: they have been idle for longer.

    Raises
    ------
    detectors.state.state.StateError
        When the state of the history does not fit.
    """

    def __init__(
        self, detect: Detect, history: Mapping[str, bytes] | None, until: int, silent: Collection[str] = ()
    ) -> None:
        self.detect = detect
        self._until = until
        self._ended: dict[str, Finding] = {}
        if history is not None:
            detect.restore(history)
        detect.steps.excuse(silent)
        self._begun = detect.steps.begun  # by the history, which ends within them
        self._silent = frozenset(silent)

    def feed(self, blocks: Iterable[Block]) -> None:
        """Judge blocks in the order in which the present judge got them; findings are not emitted.

        Raises
        ------
        BlocksError
            When some are missing, or of another number of shards.
        """
        try:
            for step in self.detect.feed(self._since_the_history(blocks)):
                self._ended |= {finding.id: finding for finding in step.findings if finding.state == "end"}
            self.detect.take_records()  # the present judge has recorded these steps
        except (LostBlockError, StrayBlockError) as error:
            raise BlocksError(str(error)) from error

    def missed(self, present: Detect) -> set[str]:
        """Return the sources that the present judge knows and of which no block was fed here.

        Waiting for them would judge nothing: begin anew, with them as ``silent``.
        """
        return present.steps.heard - self.detect.steps.heard - self._silent

    def replace(self, present: Detect) -> Detect:
        """Return the judge to go on with, which has judged the same blocks as ``present``."""
        self.detect.succeed(present, self._ended)
        return self.detect

    def _since_the_history(self, blocks: Iterable[Block]) -> Iterator[Block]:
        for block in blocks:
            if block.early:
                continue
            within = block.bucket < self._until and not block.idle
            start = block.bucket - block.bucket % self.detect.steps.width
            if block.records and start in self._begun:  # the blocks have it whole, or begin within it
                self._begun.discard(start)
                self.detect.steps.begin_anew(start)
            yield emptied(block) if within else block
