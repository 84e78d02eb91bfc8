"""Reads a source and rolls it up, piece by piece: in this process, or in a fork, ahead of the judge.

Where there are two processors, half of the work of a replay is done on the other.
"""

import gc
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, Final, NamedTuple

from streams.engine.rollup.blocks.block_ipc import BlockBatch, BlockDecoder, BlockEncoder
from streams.engine.stages.rollup_engine import RollupEngine, RollupOutput
from streams.offline.sources.files import FileSource
from streams.offline.sources.replay_error import ReplayError
from streams.offline.sources.source import Piece, RecordSource
from streams.process.machine import cores

SAVED_EVERY: Final = 30.0
"""Minimum seconds between two saved states, extended to twenty times what saving one takes."""

_CATCH_UP: Final = b"catch up"

States = list[Mapping[str, bytes]]
"""The snapshot of each rollup."""


class Read(NamedTuple):
    """A piece that was read and rolled up."""

    partition: str
    parts: int  # its records, refused ones among them
    offsets: Sequence[int]
    place: Any
    done: float
    rolled: list[RollupOutput]  # by each rollup
    watermark: int  # of its partition, after it


class _Message(NamedTuple):
    """A message of the fork."""

    read: Read | None = None  # without its blocks; None at the end
    batches: Sequence[BlockBatch] = ()  # the blocks of each rollup
    states: States | None = None  # on request, and at the end
    error: Exception | None = None


class ReadHere:
    """Reads in this process. The watermarks of the first rollup decide which partition is read next."""

    current: bool = True
    """Whether the rollups are where the piece is that was yielded last."""

    def __init__(self, source: RecordSource, rollups: Sequence[RollupEngine]) -> None:
        self._source = source
        self._rollups = rollups

    def run(
        self,
        judge: Callable[[Read], None],
        on_judged: Callable[[Read], None],
        save: Callable[[], None] | None,
        stopping: Callable[[], bool],
    ) -> bool:
        """Read to the end; return False if ``stopping`` ended it before, after a last ``save``.

        Parameters
        ----------
        judge, on_judged
            Called with each piece, one after the other.
        save
            Called now and then, and before a stop, when the rollups are where the judge is.
        stopping
            Called after every piece; returns whether to stop.
        """
        stops, saved, took = False, time.perf_counter(), 0.0
        with closing(self.pieces()) as pieces:  # whatever fails, no fork stays behind
            for read in pieces:
                judge(read)
                stops = stops or stopping()
                now = time.perf_counter()
                is_due = save is not None and now - saved >= max(SAVED_EVERY, 20 * took)
                if (stops or is_due) and not self.current:
                    self.catch_up()
                elif (stops or is_due) and save is not None:
                    save()
                    saved = time.perf_counter()
                    took = saved - now
                on_judged(read)
                if stops and self.current:
                    return False
        return True

    def catch_up(self) -> None:
        """Have the rollups be current soon; at the end they are."""

    def pieces(self) -> Generator[Read]:
        """Yield pieces, each rolled up; ``ReplayError`` when the source cannot be read."""
        for piece in self._source.pieces(self._rollups[0].watermark):
            rolled = [roll_up(rollup, piece) for rollup in self._rollups]
            watermark = self._rollups[0].watermark(piece.partition)
            yield Read(
                piece.partition, piece.parts, piece.offsets, piece.place, piece.done, rolled, watermark
            )


class ReadAhead(ReadHere):
    """Reads in a fork of this process, one piece ahead.

    The fork ends with this process: it can no longer send its pieces.
    """

    def __init__(self, source: RecordSource, rollups: Sequence[RollupEngine]) -> None:
        super().__init__(source, rollups)
        self.current = False
        self._asked = False
        self._fork: Connection | None = None

    def catch_up(self) -> None:
        """Have the rollups be current soon; at the end they are."""
        if self._fork is not None and not self._asked:
            self._asked = True
            with suppress(OSError):  # it has ended: its last message has the reason
                self._fork.send_bytes(_CATCH_UP)

    def pieces(self) -> Generator[Read]:
        """Yield pieces, each rolled up; ``ReplayError`` also when the fork was killed."""
        forks = get_context("fork")
        self._fork, theirs = forks.Pipe()
        process = forks.Process(target=self._read_in_fork, args=(self._fork, theirs), daemon=True)
        process.start()
        theirs.close()
        decoders = [BlockDecoder() for _ in self._rollups]
        try:
            while True:
                read, batches, states, error = self._receive()
                if error is not None:
                    raise error
                self.current = states is not None
                if states is not None:
                    self._asked = False
                    for rollup, state in zip(self._rollups, states, strict=True):
                        rollup.restore(state)
                if read is None:
                    return
                rolled = [
                    output._replace(blocks=decoder.decode(batch))
                    for output, decoder, batch in zip(read.rolled, decoders, batches, strict=True)
                ]
                yield read._replace(rolled=rolled)
        finally:
            process.kill()
            process.join()
            self._fork.close()
            self._fork = None

    def _receive(self) -> _Message:
        assert self._fork is not None  # noqa: S101 - while it runs
        try:
            message: _Message = pickle.loads(self._fork.recv_bytes())  # noqa: S301 - from our fork
        except (EOFError, OSError):
            raise ReplayError(
                "the process that reads the history was killed, perhaps for want of memory; run the same "
                "command again to go on"
            ) from None
        return message

    def _read_in_fork(self, theirs: Connection, ours: Connection) -> None:
        """Read and send, in the fork; ``theirs`` is the parent's end of the pipe."""
        for stops in (signal.SIGINT, signal.SIGTERM):  # for the parent, even where all processes get it
            signal.signal(stops, signal.SIG_IGN)
        theirs.close()
        gc.freeze()
        encoders = [BlockEncoder() for _ in self._rollups]
        try:
            for read in super().pieces():
                states = None
                if ours.poll():
                    ours.recv_bytes()
                    states = self._states()
                batches = [
                    encoder.encode(output.blocks)
                    for output, encoder in zip(read.rolled, encoders, strict=True)
                ]
                bare = [output._replace(blocks=[]) for output in read.rolled]
                _send(ours, _Message(read._replace(rolled=bare), batches, states))
            _send(ours, _Message(states=self._states()))
        except (BrokenPipeError, EOFError, ConnectionResetError):
            return  # the parent has ended
        except Exception as error:  # noqa: BLE001 - raised again where it is handled
            if not isinstance(error, ReplayError):
                error.add_note(traceback.format_exc())
            with suppress(OSError):
                _send(ours, _Message(error=error))

    def _states(self) -> States:
        return [rollup.snapshot() for rollup in self._rollups]


def reader_of(source: RecordSource, rollups: Sequence[RollupEngine]) -> ReadHere:
    """Return the reader of a source; nothing else feeds the rollups meanwhile.

    Files are read ahead where a second processor has time for it and a fork is safe: beside no other thread,
    and on Linux. Topics are not: a fork would share the connections of their clients.
    """
    alone = sys.platform == "linux" and threading.active_count() == 1
    ahead = alone and cores() > 1 and isinstance(source, FileSource)
    return ReadAhead(source, rollups) if ahead else ReadHere(source, rollups)


def _send(to: Connection, message: _Message) -> None:
    to.send_bytes(pickle.dumps(message, pickle.HIGHEST_PROTOCOL))


def roll_up(rollup: RollupEngine, piece: Piece) -> RollupOutput:
    """Roll a piece up, or end its partition."""
    if piece.records is None:
        return rollup.finish(piece.partition)
    rolled = rollup.feed(piece.partition, piece.records, piece.arrived)
    return rolled._replace(rejected=piece.placed(rolled.rejected))
