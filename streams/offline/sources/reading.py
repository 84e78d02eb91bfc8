"""Reads a history and rolls it up, piece by piece: here, or ahead of what judges it, in a process beside.

Where there are two processors, half of the work of a replay is done on the other.
"""

import gc
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, Final, NamedTuple

from streams.engine.rollup.blocks.block_ipc import BlockBatch, BlockDecoder, BlockEncoder
from streams.engine.stages.rollup_engine import RollupEngine, RollupOutput
from streams.offline.sources.files import FileHistory
from streams.offline.sources.replay_error import ReplayError
from streams.offline.sources.save_pace import SavePace
from streams.offline.sources.source import History, Piece
from streams.process.cores import cores

_CATCH_UP: Final = b"catch up"

States = list[Mapping[str, bytes]]
"""The snapshot of each rolling."""


class Read(NamedTuple):
    """A piece that was read and rolled up."""

    partition: str
    parts: int  # its records, refused ones among them
    offsets: Sequence[int]
    place: Any
    done: float
    rolled: list[RollupOutput]  # by each rolling
    watermark: int  # of its partition, after it


class _Told(NamedTuple):
    """What a fork tells."""

    read: Read | None = None  # without its blocks; None at the end
    apart: Sequence[BlockBatch] = ()  # the blocks of each rolling
    states: States | None = None  # if they were asked for, and at the end
    error: Exception | None = None


class ReadHere:
    """Reads in this process.

    Parameters
    ----------
    history
        The history.
    rollings
        What to roll it up with; the first one tells how far each partition is.
    """

    current: bool = True
    """Whether the rollings are where the piece is that was yielded last."""

    def __init__(self, history: History, rollings: Sequence[RollupEngine]) -> None:
        self._history = history
        self._rollings = rollings

    def run(
        self,
        take: Callable[[Read], None],
        told: Callable[[Read], None],
        save: Callable[[], None] | None,
        stopping: Callable[[], bool],
    ) -> bool:
        """Read to the end; return False if ``stopping`` said so before, after a last ``save``.

        Parameters
        ----------
        take
            Judges what is read.
        told
            Called with it when it is judged.
        save
            Called now and then, and before a stop, when the rollings are where the judge is.
        stopping
            Called after every piece.
        """
        pace, stops = SavePace(save), False
        with closing(self.pieces()) as pieces:  # whatever fails, no fork stays behind
            for read in pieces:
                take(read)
                stops = stops or stopping()
                if stops or pace.due():
                    if self.current:
                        pace.save()
                    else:
                        self.catch_up()
                told(read)
                if stops and self.current:
                    return False
        return True

    def catch_up(self) -> None:
        """Have the rollings be current soon; at the end they are."""

    def pieces(self) -> Generator[Read]:
        """Yield what is read.

        Raises
        ------
        streams.offline.sources.source.ReplayError
            When the history cannot be read.
        """
        for piece in self._history.pieces(self._rollings[0].watermark):
            rolled = [_rolled(rolling, piece) for rolling in self._rollings]
            watermark = self._rollings[0].watermark(piece.partition)
            yield Read(
                piece.partition, piece.parts, piece.offsets, piece.place, piece.done, rolled, watermark
            )


class ReadAhead(ReadHere):
    """Reads in a fork of this process, one piece ahead.

    The fork ends with this process: it has nobody to tell what it reads.
    """

    def __init__(self, history: History, rollings: Sequence[RollupEngine]) -> None:
        super().__init__(history, rollings)
        self.current = False
        self._asked = False
        self._fork: Connection | None = None

    def catch_up(self) -> None:
        """Have the rollings be current soon; at the end they are."""
        if self._fork is not None and not self._asked:
            self._asked = True
            with suppress(OSError):  # it has ended: what it told last says why
                self._fork.send_bytes(_CATCH_UP)

    def pieces(self) -> Generator[Read]:
        """Yield what is read.

        Raises
        ------
        streams.offline.sources.source.ReplayError
            When the history cannot be read, or the fork was killed.
        """
        forks = get_context("fork")
        self._fork, theirs = forks.Pipe()
        process = forks.Process(target=self._tell, args=(self._fork, theirs), daemon=True)
        process.start()
        theirs.close()
        received = [BlockDecoder() for _ in self._rollings]
        try:
            while True:
                read, apart, states, error = self._told()
                if error is not None:
                    raise error
                self.current = states is not None
                if states is not None:
                    self._asked = False
                    for rolling, state in zip(self._rollings, states, strict=True):
                        rolling.restore(state)
                if read is None:
                    return
                rolled = [
                    one._replace(blocks=known.together(blocks))
                    for one, known, blocks in zip(read.rolled, received, apart, strict=True)
                ]
                yield read._replace(rolled=rolled)
        finally:
            process.kill()
            process.join()
            self._fork.close()
            self._fork = None

    def _told(self) -> _Told:
        assert self._fork is not None  # noqa: S101 - while it runs
        try:
            told: _Told = pickle.loads(self._fork.recv_bytes())  # noqa: S301 - from our fork
        except (EOFError, OSError):
            raise ReplayError(
                "the process that reads the history was killed, perhaps for want of memory; run the same "
                "command again to go on"
            ) from None
        return told

    def _tell(self, theirs: Connection, ours: Connection) -> None:
        """Read, in the fork, and tell what was read; ``theirs`` is the end of who forked."""
        for stops in (signal.SIGINT, signal.SIGTERM):  # for who forked, even where all processes get it
            signal.signal(stops, signal.SIG_IGN)
        theirs.close()
        gc.freeze()
        sent = [BlockEncoder() for _ in self._rollings]
        try:
            for read in super().pieces():
                states = None
                if ours.poll():
                    ours.recv_bytes()
                    states = self._states()
                apart = [known.take(one.blocks) for one, known in zip(read.rolled, sent, strict=True)]
                bare = [output._replace(blocks=[]) for output in read.rolled]
                _send(ours, _Told(read._replace(rolled=bare), apart, states))
            _send(ours, _Told(states=self._states()))
        except (BrokenPipeError, EOFError, ConnectionResetError):
            return  # nobody wants to know
        except Exception as error:  # noqa: BLE001 - raised again where it is handled
            if not isinstance(error, ReplayError):
                error.add_note(traceback.format_exc())
            with suppress(OSError):
                _send(ours, _Told(error=error))

    def _states(self) -> States:
        return [rolling.snapshot() for rolling in self._rollings]


def reading_of(history: History, rollings: Sequence[RollupEngine]) -> ReadHere:
    """Return what reads a history with rollings, which are fed by nobody else meanwhile.

    Files are read ahead where a second processor has time for it and a fork is safe: beside no other thread,
    and on Linux. Topics are not: a fork would share the connections of their clients.
    """
    alone = sys.platform == "linux" and threading.active_count() == 1
    ahead = alone and cores() > 1 and isinstance(history, FileHistory)
    return ReadAhead(history, rollings) if ahead else ReadHere(history, rollings)


def _send(to: Connection, told: _Told) -> None:
    to.send_bytes(pickle.dumps(told, pickle.HIGHEST_PROTOCOL))


def _rolled(rolling: RollupEngine, piece: Piece) -> RollupOutput:
    if piece.records is None:
        return rolling.finish(piece.partition)
    rolled = rolling.feed(piece.partition, piece.records, piece.arrived)
    return rolled._replace(rejected=piece.placed(rolled.rejected))
